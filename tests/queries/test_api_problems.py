"""Errors over HTTP: RFC 9457 documents that help and give nothing away."""

from __future__ import annotations

import asyncio

import httpx
from fastapi import FastAPI
from tests.queries.recording import Recorded
from tests.queries.serving import WINDOW, problem

from trailhouse.queries import api_problems
from trailhouse.queries.errors import ReportBroken


def test_unknown_things_are_problems_too(api: httpx.Client) -> None:
    """An unknown report gets the closest name; unknown paths and methods say so in the same form."""
    assert problem(api.get("/api/v1/reports/active_user"), 404)["hint"] == "did you mean active_users?"
    assert problem(api.get("/nothing"), 404)["detail"] == "GET /nothing: Not Found"
    assert problem(api.post("/api/v1/reports/active_users"), 405)["title"] == "Method Not Allowed"


def test_a_store_that_is_away_is_a_problem_to_retry(lost: httpx.Client) -> None:
    """503 with Retry-After, and no address or password in it."""
    answer = lost.get("/api/v1/reports/active_users", params=WINDOW)
    body = problem(answer, 503)
    assert answer.headers["retry-after"] == "5"
    assert body["detail"] == "ClickHouse does not answer"
    assert "reader" not in answer.text


def failing(error: Exception) -> httpx.Response:
    """The answer of an application whose one route raises `error`."""
    app = FastAPI()
    api_problems.install(app, Recorded().audit)

    @app.get("/")
    def fail() -> None:
        raise error

    async def ask() -> httpx.Response:
        transport = httpx.ASGITransport(app, raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
            return await client.get("/")

    return asyncio.run(ask())


def test_a_defect_tells_the_caller_nothing_of_it() -> None:
    """Its text may hold anything, so only the log has it."""
    answer = failing(RuntimeError("password=hunter2"))
    assert problem(answer, 500)["title"] == "Internal error"
    assert "hunter2" not in answer.text


def test_a_mistake_of_ours_is_not_blamed_on_a_parameter() -> None:
    """Only what the caller can mend names a parameter."""
    assert "parameter" not in problem(failing(ReportBroken("x", "lacks a title")), 500)
