"""Who is let in, and what a browser keeps."""

from __future__ import annotations

import asyncio

import pytest
from starlette.requests import Request
from starlette.responses import Response

from trailhouse.queries.caller import Caller
from trailhouse.queries.dashboard.visitor import BODY_BYTES_MAX, Visitor, keep, origin, read_form
from trailhouse.queries.errors import BadBody, BodyTooLarge
from trailhouse.queries.key import Scope
from trailhouse.queries.self_audit import Who

FORM = "application/x-www-form-urlencoded"


def posted(body: bytes, media: str = FORM, host: str = "127.0.0.1") -> Request:
    async def receive() -> dict[str, object]:
        return {"type": "http.request", "body": body, "more_body": False}

    headers = [(b"content-type", media.encode()), (b"host", host.encode())]
    scope = {
        "type": "http",
        "method": "POST",
        "path": "/",
        "scheme": "http",
        "server": ("x", 1),
        "headers": headers,
    }
    return Request(scope, receive)


def test_forms_are_read_and_nothing_else() -> None:
    """Small, of the one kind a form of ours sends."""
    assert asyncio.run(read_form(posted(b"key=a%20b&next="))) == {"key": "a b", "next": ""}
    for body, media in (
        (b"{}", "application/json"),
        (b"\xff=1", FORM),
        (b"a=%ff", FORM),
        (b"&".join([b"a=1"] * 50), FORM),
    ):
        with pytest.raises(BadBody):
            asyncio.run(read_form(posted(body, media)))
    with pytest.raises(BodyTooLarge):
        asyncio.run(read_form(posted(b"a" * (BODY_BYTES_MAX + 1))))


def test_cookies_are_for_this_site_alone() -> None:
    """No script reads them, no other site sends them; elsewhere than on this machine they need TLS."""
    here, there = Response(), Response()
    keep(here, posted(b""), "name", "value")
    keep(there, posted(b"", host="trail.example.org"), "name", "")
    assert {"HttpOnly", "SameSite=strict", "Path=/org/dashboard/"} <= set(
        here.headers["set-cookie"].split("; ")
    )
    assert "Secure" not in here.headers["set-cookie"]
    assert "Secure" in there.headers["set-cookie"]
    assert "Max-Age=0" in there.headers["set-cookie"]


def test_without_a_key_there_are_reports_alone() -> None:
    """As over the API."""
    nobody = Visitor(Caller(), Who())
    assert nobody.allows(Scope.REPORTS_READ)
    assert not nobody.allows(Scope.AUDIT_READ)


@pytest.mark.parametrize(
    ("scheme", "host", "wanted"),
    [
        ("http", "127.0.0.1:8080", "http://127.0.0.1:8080"),
        ("http", "localhost", "http://localhost"),
        ("http", "audit.example.com", "https://audit.example.com"),
        ("https", "audit.example.com:8443", "https://audit.example.com:8443"),
    ],
)
def test_the_address_to_type(scheme: str, host: str, wanted: str) -> None:
    """TLS everywhere but on this machine, whatever the proxy before the API told it."""
    request = Request({"type": "http", "scheme": scheme, "method": "GET", "path": "/", "query_string": b"", "headers": [(b"host", host.encode())]})  # fmt: skip
    assert origin(request) == wanted
