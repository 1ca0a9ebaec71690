"""Headers, files and packing."""

from __future__ import annotations

import asyncio
import gzip
import zlib
from collections.abc import Iterator
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import pytest
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from trailhouse.queries.dashboard.frame import POLICY, SO_FAR, Frame, parts, redirect, takes_gzip
from trailhouse.queries.errors import QueryError, StorageUnavailable

NOW = datetime(2026, 3, 26, tzinfo=UTC)


def request(**headers: str) -> Request:
    raw = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
    return Request({"type": "http", "method": "GET", "path": "/", "headers": raw})


async def body_of(answer: Response) -> str:
    assert isinstance(answer, StreamingResponse)
    return b"".join([bytes(part) async for part in answer.body_iterator]).decode()  # type: ignore[arg-type]


def test_nothing_foreign_may_run() -> None:
    """No inline script or style, no frame, no form to elsewhere."""
    assert "unsafe" not in POLICY
    assert "default-src 'none'" in POLICY
    assert "frame-ancestors 'none'" in POLICY
    answer = Frame().text(request(), "x", "text/html")
    assert answer.headers["content-security-policy"] == POLICY
    assert answer.headers["cache-control"] == "no-store"
    assert redirect("/org/dashboard/").headers["content-security-policy"] == POLICY


def test_pages_are_packed_for_those_who_can_unpack() -> None:
    """The same text either way."""
    text = "<p>" + "word " * 1000
    packed = Frame().text(request(accept_encoding="br, gzip"), text, "text/html")
    assert gzip.decompress(bytes(packed.body)).decode() == text
    assert "content-encoding" not in Frame().text(request(), text, "text/html").headers
    assert not takes_gzip(request(accept_encoding="gzip;q=0"))


@pytest.mark.parametrize("is_packed", [False, True])
def test_what_stands_around_is_sent_before_what_takes_time(*, is_packed: bool) -> None:
    """Each part can be read when it comes; what was opened is closed, also when nobody listens any more."""
    done: list[str] = []
    written: list[str] = []

    def pieces() -> Iterator[str]:
        for piece in ("<p>", "around", SO_FAR, "looked", SO_FAR, "end"):
            written.append(piece)
            yield piece

    packer = zlib.compressobj(5, wbits=31) if is_packed else None
    unpack = zlib.decompressobj(31).decompress if is_packed else bytes
    told = parts(pieces(), packer, lambda: done.append("all"))
    assert unpack(next(told)) == b"<p>around"
    assert "looked" not in written
    assert [unpack(each) for each in told] == [b"looked", b"end"]
    left = parts(iter(("a", SO_FAR, "b")), None, lambda: done.append("left"))
    next(left)
    del left
    assert done == ["all", "left"]


def test_what_fails_on_the_way_is_told_where_it_happened() -> None:
    """A store that goes away behind the head of a page leaves no page that just ends."""
    seen: list[QueryError] = []

    def look() -> None:
        raise StorageUnavailable("ClickHouse is away")

    frame = Frame()
    nothing: dict[str, Any] = {"given": {}, "visit": None, "visitor": None, "nav": [], "shows_one": False}
    context = {
        **nothing,
        "look": look,
        "next": "/org/dashboard/log",
        "the_page": {"title": "Usage", "lead": "", "picker": None},
    }
    around = {
        "picked": "",
        "comparison": [],
        "members": False,
        "search": False,
        "tabs": [],
        "here": "",
        "token": "",
    }
    visit = SimpleNamespace(chosen=SimpleNamespace(words="acme", orgs=("acme",)), orgs=("acme",), now=NOW)
    answer = frame.stream(request(), "panels.html", {**context, **around, "visit": visit}, seen.append)
    text = asyncio.run(body_of(answer))
    assert (
        text.index("<h1>")
        < text.index("ClickHouse is away")
        < text.index('href="/org/dashboard/log">Try again')
    )
    assert [type(each) for each in seen] == [StorageUnavailable]


def test_a_page_that_takes_no_time_is_sent_whole() -> None:
    """And shows nothing of where it could have been parted."""
    answer = Frame().page(request(), "again.html", {"here": "/org/dashboard/"})
    assert "content-length" in answer.headers
    assert SO_FAR not in bytes(answer.body).decode()


def test_files_are_kept_by_the_browser_under_a_name_of_their_content() -> None:
    """And are small: the first visit must stay below 60 KB."""
    frame = Frame()
    sizes = 0
    for name, version in frame.versions.items():
        answer = frame.file(request(accept_encoding="gzip"), name)
        assert answer is not None
        assert "immutable" in answer.headers["cache-control"]
        assert frame.asset(name).endswith(f"{name}?v={version}")
        sizes += len(bytes(answer.body))
    assert sizes < 15_000
    assert frame.file(request(), "../app.py") is None


def test_no_template_holds_what_the_policy_forbids() -> None:
    """No style attribute, no handler, no script in the page."""
    from importlib.resources import files

    for each in files("trailhouse.queries").joinpath("dashboard", "templates").iterdir():
        text = each.read_text("utf-8")
        assert " style=" not in text, each
        assert "|safe" not in text, each
        assert " onclick=" not in text, each
        assert "<script>" not in text, each
        assert "http://" not in text.replace("http://www.w3.org", ""), each
