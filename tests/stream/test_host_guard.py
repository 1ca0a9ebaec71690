"""`host_guard`: under which names this machine may be asked."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import pytest

from trailhouse.stream.host_guard import HostGuard, host_name, is_loopback


def app(environ: dict[str, Any], start: Callable[..., Any]) -> Iterable[bytes]:
    start("200 OK", [])
    return [b"secret"]


def asked(environ: dict[str, Any], *names: str) -> tuple[str, bytes]:
    """Status and body of a request with that WSGI environment."""
    statuses: list[str] = []
    body = b"".join(HostGuard(app, names)(environ, lambda status, _headers: statuses.append(status)))
    return statuses[0], body


@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        "127.0.0.1.evil.example",
        "localhost.evil.example:9101",
        "localhost,evil.example",
        "",
        "[::1",
        "1.2.3",
    ],
)
def test_a_foreign_name_is_refused(host: str) -> None:
    """It sees nothing of the answer."""
    status, body = asked({"HTTP_HOST": host})
    assert status == "421 Misdirected Request"
    assert b"secret" not in body


def test_a_request_without_a_host_is_refused() -> None:
    """Every browser and every scraper sends one."""
    assert asked({})[0].startswith("421")


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "127.0.0.1:9101", "LOCALHOST:1", "[::1]:9101", "10.0.0.7:9101"]
)
def test_addresses_and_localhost_are_known(host: str) -> None:
    """No page can have an address rebound to another, and scrapers ask by address."""
    assert asked({"HTTP_HOST": host}) == ("200 OK", b"secret")


def test_names_can_be_told() -> None:
    """In a cluster a scraper may ask by the service's name."""
    assert asked({"HTTP_HOST": "Stream.Example:9101"}, "stream.example")[0] == "200 OK"
    assert asked({"HTTP_HOST": "x.stream.example"}, "stream.example")[0].startswith("421")


@pytest.mark.parametrize(
    ("header", "name"),
    [("a.B:80", "a.b"), ("[::1]:8080", "::1"), ("[::1]", "::1"), ("a:123456", "a:123456"), ("", "")],
)
def test_the_name_in_a_header(header: str, name: str) -> None:
    """Without port and brackets, lower case."""
    assert host_name(header) == name


@pytest.mark.parametrize(
    ("host", "is_local"),
    [
        ("127.0.0.1", True),
        ("::1", True),
        ("localhost", True),
        ("127.8.8.8", True),
        ("0.0.0.0", False),
        ("10.0.0.1", False),
        ("example.org", False),
        ("", False),
    ],
)
def test_loopback(host: str, *, is_local: bool) -> None:
    """Only addresses no other machine can reach."""
    assert is_loopback(host) is is_local
