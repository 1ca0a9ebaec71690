"""What is read from a request, and written into an answer."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx
import pytest

from trailhouse.deploy.clickhouse.errors import EngineError, refused
from trailhouse.deploy.clickhouse.protocol import (
    create_app,
    exception_block,
    is_local,
    parameters_of,
    settings_of,
)


def test_arguments_of_a_url() -> None:
    """Arguments are the protocol's, parameters, or settings of the engine."""
    arguments = {
        "query": "x",
        "user": "u",
        "param_a": "1",
        "max_threads": "2",
        "odd-name": "3",
        "session_id": "s",
    }
    assert settings_of(arguments) == {"max_threads": "2"}
    assert parameters_of(arguments) == {"a": "1"}


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("127.0.0.1:8123", True),
        ("localhost", True),
        ("LOCALHOST:1", True),
        ("[::1]:8123", True),
        ("", False),
        ("evil.example", False),
        ("127.0.0.1.evil.example:8123", False),
        ("localhost.evil.example", False),
    ],
)
def test_host_names(host: str, expected: bool) -> None:
    """Only this machine's own names are answered."""
    assert is_local(host) == expected


def test_a_hanging_engine_is_not_healthy() -> None:
    """`/ping` says that the process answers, `/healthz` whether its engine does."""
    beating = [True]
    nothing: Any = None
    app = create_app(nothing, nothing, lambda: beating[0])

    async def ask(path: str) -> int:
        async with httpx.AsyncClient(
            transport=httpx.ASGITransport(app), base_url="http://127.0.0.1"
        ) as client:
            return (await client.get(path)).status_code

    assert asyncio.run(ask("/healthz")) == 200
    beating[0] = False
    assert asyncio.run(ask("/healthz")) == 503
    assert asyncio.run(ask("/ping")) == 200


def test_errors_are_worded_as_the_server_words_them() -> None:
    """Code, name and status; an engine error keeps its text."""
    error = refused(516, "AUTHENTICATION_FAILED", "no")
    assert (error.text, error.code, error.status) == (
        "Code: 516. DB::Exception: no. (AUTHENTICATION_FAILED)",
        516,
        403,
    )
    engine = EngineError.from_engine(RuntimeError("Code: 60. DB::Exception: gone. (UNKNOWN_TABLE)"))
    assert (engine.code, engine.status) == (60, 404)
    assert EngineError.from_engine(RuntimeError("?")).status == 500


def test_an_error_within_a_result() -> None:
    """The block says how long its message is, between two marks."""
    block = exception_block("boom", "tag")
    assert block == b"\r\n__exception__\r\ntag\r\nboom\n5 tag\r\n__exception__\r\n"
