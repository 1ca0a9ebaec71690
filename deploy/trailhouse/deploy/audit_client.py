"""A client of the audit log over HTTP, for whoever has a key and nothing else of the installation."""

from __future__ import annotations

import http.client
import json
import os
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Final, NamedTuple
from urllib.parse import urlencode, urlsplit

from trailhouse.deploy.errors import DeployError
from trailhouse.producers.settings import Secret

CHUNK_BYTES: Final = 1 << 16
TIMEOUT_S: Final = 120.0
TRIES: Final = 5
WAIT_S_MAX: Final = 60.0
#: Answers after which the same request may succeed.
_AGAIN: Final = frozenset({429, 503})


class FetchFailed(DeployError):
    """The API refused a request, or ended its answer before the end; `status` is 0 where there was no answer."""

    def __init__(self, message: str, *, status: int = 0, hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.status = status
        # As commands that read the store themselves end: 2 wrong usage, 4 not allowed.
        self.exit_code = {400: 2, 401: 4, 403: 4}.get(status, 1)


class AuditClient:
    """GETs what `url` (`http[s]://host[:port]`) serves under a key.

    Follows no redirects: the key is for nobody else. Waits and asks again, a few times, where the API is busy.
    """

    def __init__(self, url: str, key: Secret, sleep: Callable[[float], None] = time.sleep) -> None:
        parts = urlsplit(url)
        if parts.scheme not in {"http", "https"} or not parts.hostname:
            raise DeployError(f"{url!r} is no address", hint="--url http[s]://host[:port]")
        self._parts, self._key, self._sleep = parts, key, sleep

    @contextmanager
    def get(self, path: str, params: Mapping[str, str]) -> Iterator[http.client.HTTPResponse]:
        """The answer to one request; raises `FetchFailed` unless it is 200."""
        target = f"{self._parts.path.rstrip('/')}{path}?{urlencode(params)}"
        for left in reversed(range(TRIES)):
            connection = self._connect()
            try:
                answer = self._ask(connection, target)
                if answer.status == http.client.OK:
                    yield answer
                    return
                failure = _failure(answer)
                if answer.status not in _AGAIN or not left:
                    raise failure
                wait_s = _seconds(answer.headers.get("Retry-After", ""))
            finally:
                connection.close()
            self._sleep(wait_s)

    def _connect(self) -> http.client.HTTPConnection:
        kind = http.client.HTTPSConnection if self._parts.scheme == "https" else http.client.HTTPConnection
        return kind(self._parts.hostname or "", self._parts.port, timeout=TIMEOUT_S)

    def _ask(self, connection: http.client.HTTPConnection, target: str) -> http.client.HTTPResponse:
        try:
            connection.request("GET", target, headers={"Authorization": f"Bearer {self._key.reveal()}"})
            return connection.getresponse()
        except (OSError, http.client.HTTPException) as error:
            raise FetchFailed(
                f"no answer from {self._parts.netloc}: {type(error).__name__}",
                hint="is the API running? --url says where",
            ) from None


class Copied(NamedTuple):
    """How much was copied: bytes, and line feeds among them."""

    size: int
    lines: int


def copy(answer: http.client.HTTPResponse, out: IO[bytes]) -> Copied:
    """Write an answer's body to `out`. Raises `FetchFailed` where it ends before its end, `OSError` where `out` fails."""
    size = lines = 0
    while chunk := _read(answer):
        out.write(chunk)
        size += len(chunk)
        lines += chunk.count(b"\n")
    if chunk is None or answer.length:  # what is left of the length that was promised
        raise FetchFailed(
            f"the answer ended after {size} bytes, before its end",
            hint="what came is not the whole; fetch it again",
        )
    return Copied(size, lines)


def _read(answer: http.client.HTTPResponse) -> bytes | None:
    """The next bytes; None = the connection broke."""
    try:
        return answer.read(CHUNK_BYTES)
    except (OSError, http.client.HTTPException):
        return None


@contextmanager
def whole_file(path: Path) -> Iterator[IO[bytes]]:
    """A file of its owner's alone that appears under its name when it is whole, or not at all."""
    handle, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    try:
        with os.fdopen(handle, "wb") as out:
            yield out
            out.flush()
            os.fsync(out.fileno())
        Path(name).replace(path)
    except BaseException:
        with suppress(FileNotFoundError):
            Path(name).unlink()
        raise


def _failure(answer: http.client.HTTPResponse) -> FetchFailed:
    """What the problem document of an answer says."""
    try:
        body = json.loads(answer.read(1 << 16))
        detail, hint = str(body["detail"]), str(body.get("hint", ""))
    except (ValueError, KeyError, TypeError, OSError, http.client.HTTPException):
        detail, hint = "the answer is none of Trailhouse's", "is --url the address of its API?"
    return FetchFailed(f"{answer.status}: {detail}", status=answer.status, hint=hint)


def _seconds(text: str) -> float:
    return min(float(text), WAIT_S_MAX) if text.isdigit() else 1.0
