"""The client of the audit log against a server that misbehaves as asked."""

from __future__ import annotations

import io
import socket
import stat
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from trailhouse.deploy.audit_client import TRIES, AuditClient, FetchFailed, copy, whole_file
from trailhouse.deploy.errors import DeployError
from trailhouse.producers.settings import Secret

KEY = Secret("thk_key")


@contextmanager
def answering(*answers: bytes) -> Iterator[tuple[str, list[bytes]]]:
    """(address, requests so far) of a server that gives these answers, one a connection, and hangs up after each."""
    requests: list[bytes] = []
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            for answer in answers:
                connection, _ = listener.accept()
                with connection:
                    requests.append(connection.recv(65536))
                    connection.sendall(answer)

        server = threading.Thread(target=serve, daemon=True)
        server.start()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}", requests
        server.join(10)


def whole(status: str, body: bytes, *headers: str) -> bytes:
    head = "".join(f"{each}\r\n" for each in (*headers, f"Content-Length: {len(body)}"))
    return f"HTTP/1.1 {status}\r\n{head}\r\n".encode() + body


def fetched(url: str, waits: list[float] | None = None) -> bytes:
    out = io.BytesIO()
    with AuditClient(url, KEY, (waits if waits is not None else []).append).get("/x", {"a": "b c"}) as answer:
        copy(answer, out)
    return out.getvalue()


def test_it_asks_with_the_key_and_gives_the_body() -> None:
    """Under the path of its address, parameters quoted."""
    with answering(whole("200 OK", b"{}\n")) as (url, requests):
        assert fetched(f"{url}/behind/") == b"{}\n"
    assert requests[0].startswith(b"GET /behind/x?a=b+c HTTP/1.1\r\n")
    assert b"Authorization: Bearer thk_key\r\n" in requests[0]


def test_an_answer_without_its_end_is_a_failure() -> None:
    """Cut in the middle of a chunk, between chunks, or short of its length."""
    chunked = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\n{}\n\n\r\n"
    short = b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n{}\n"
    for cut in (chunked, chunked + b"9\r\n{", short):
        with answering(cut) as (url, _), pytest.raises(FetchFailed, match="before its end"):
            fetched(url)


def test_a_reader_that_has_seen_enough_is_no_failure_of_the_api() -> None:
    """What the output raises comes as it is: `| head` ends quietly, a full disk says so."""

    class Closed(io.BytesIO):
        def write(self, _: object) -> int:
            raise BrokenPipeError

    with (
        answering(whole("200 OK", b"{}\n")) as (url, _),
        pytest.raises(BrokenPipeError),
        AuditClient(url, KEY).get("/x", {}) as answer,
    ):
        copy(answer, Closed())


def test_a_busy_api_is_asked_again_as_it_wishes() -> None:
    """A few times; the last refusal is the failure."""
    busy = whole("503 Busy", b'{"detail":"busy","hint":"later"}', "Retry-After: 7")
    waits: list[float] = []
    with answering(busy, busy, whole("200 OK", b"x")) as (url, _):
        assert fetched(url, waits) == b"x"
    assert waits == [7.0, 7.0]
    with answering(*[busy] * TRIES) as (url, _), pytest.raises(FetchFailed, match="503: busy"):
        fetched(url)


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (whole("403 No", b'{"detail":"you may not","hint":"ask"}'), "403: you may not"),
        (whole("302 Found", b"", "Location: http://127.0.0.1:9/"), "302: the answer is none of Trailhouse's"),
        (whole("404 No", b"<html>"), "404: the answer is none of Trailhouse's"),
        (b"nonsense\r\n\r\n", "no answer from"),
    ],
)
def test_other_answers_are_failures_at_once(answer: bytes, message: str) -> None:
    """A redirect too: the key is for nobody else."""
    with answering(answer) as (url, requests):
        with pytest.raises(FetchFailed, match=message) as failed:
            fetched(url)
        assert len(requests) == 1
    assert "thk_key" not in str(failed.value)


def test_an_address_must_be_one() -> None:
    """Before anything is sent anywhere."""
    for url in ("acme.example", "ftp://acme.example", "http://"):
        with pytest.raises(DeployError, match="no address"):
            AuditClient(url, KEY)
    with pytest.raises(FetchFailed, match="no answer"):
        fetched("http://127.0.0.1:9")


def test_a_file_is_whole_or_not_there(tmp_path: Path) -> None:
    """And nobody else's to read; what was there before stays until then."""
    path = tmp_path / "log"
    path.write_text("before")
    with pytest.raises(KeyError), whole_file(path) as out:
        out.write(b"half")
        raise KeyError
    assert (path.read_text(), list(tmp_path.iterdir())) == ("before", [path])
    with whole_file(path) as out:
        out.write(b"after")
    assert (path.read_text(), list(tmp_path.iterdir())) == ("after", [path])
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
