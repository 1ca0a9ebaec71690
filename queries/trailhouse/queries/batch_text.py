"""The text of a request with events, taken apart into items: JSON object, JSON array, or JSON lines; gzip.

Nothing here needs more memory than the limits say: an item is read by itself, within a window of the text, so neither
a million small items nor one with a million parts is ever in memory as Python objects.
"""

from __future__ import annotations

import json
import re
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final, NoReturn

from trailhouse.queries.errors import BadBody, BodyTooLarge

# An event has 256 KiB at most as we write it; `\u00e9` for `é` and the like make its text longer.
ITEM_LENGTH_MAX: Final = 512 * 1024
# Each costs a copy of all behind it.
MEMBERS_MAX: Final = 100
_WINDOWS: Final = (16 * 1024, ITEM_LENGTH_MAX)
_SPACE: Final = re.compile(r"[ \t\n\r]*")
_TOO_LONG: Final = f"must be at most {ITEM_LENGTH_MAX} bytes of text"


@dataclass(frozen=True, slots=True)
class Unreadable:
    """An item that is no JSON; `rule` says what it breaks."""

    rule: str


def _refuse(name: str) -> NoReturn:
    raise ValueError(name)  # NaN and Infinity are not JSON


_DECODER: Final = json.JSONDecoder(parse_constant=_refuse)


def gunzip(data: bytes | bytearray, limit: int) -> bytes:
    """Unpack gzip, several members too; raises `BodyTooLarge` before more than `limit` bytes are there, `BadBody`."""
    parts: list[bytes] = []
    size, rest = 0, bytes(data)
    while rest:
        if len(parts) == MEMBERS_MAX:
            raise BadBody(f"the gzip body has more than {MEMBERS_MAX} members")
        member = zlib.decompressobj(wbits=31)
        try:
            part = member.decompress(rest, limit - size + 1)
        except zlib.error:
            raise BadBody("the body is not gzip, as its Content-Encoding says") from None
        size += len(part)
        if size > limit:
            raise BodyTooLarge(f"the body unpacks to more than {limit} bytes", "send smaller batches")
        if not member.eof:
            raise BadBody("the gzip body is cut off")
        parts.append(part)
        rest = member.unused_data
    return b"".join(parts)


def items(body: bytes | bytearray, *, is_lines: bool, limit: int) -> Iterator[Any]:
    """The items of a body in order: decoded JSON, or `Unreadable`.

    Raises `BodyTooLarge` at item `limit` + 1, and `BadBody` when a JSON body cannot be taken apart.
    """
    found = _lines(body, limit) if is_lines else _elements(_decoded(body))
    for index, item in enumerate(found):
        if index >= limit:
            raise BodyTooLarge(f"the body has more than {limit} events", "send smaller batches")
        yield item


def _decoded(body: bytes | bytearray) -> str:
    try:
        return body.decode()
    except UnicodeDecodeError as error:
        raise BadBody(f"the body is not UTF-8 at byte {error.start}") from None


def _elements(text: str) -> Iterator[Any]:
    position = _skip(text, 0)
    if text[position : position + 1] != "[":
        value, end = _read(text, position)
        if _skip(text, end) < len(text):
            raise BadBody(
                f"there is something behind the JSON value, at character {end}",
                "for one event a line, send Content-Type: application/x-ndjson",
            )
        yield value
        return
    position = _skip(text, position + 1)
    if text[position : position + 1] == "]":
        position += 1
    else:
        while True:
            value, position = _read(text, position)
            yield value
            position = _skip(text, position)
            mark, position = text[position : position + 1], position + 1
            if mark == "]":
                break
            if mark != ",":
                raise BadBody(f"the body is not JSON at character {position - 1}: a comma or ] is missing")
            position = _skip(text, position)
    if _skip(text, position) < len(text):
        raise BadBody(f"there is something behind the JSON array, at character {position}")


def _read(text: str, start: int) -> tuple[Any, int]:
    """One JSON value and where it ends, looking at no more than an item's length."""
    for length in _WINDOWS:
        window = text[start : start + length]
        is_whole = start + length >= len(text)
        try:
            value, end = _DECODER.raw_decode(window)
        except json.JSONDecodeError as error:
            if is_whole:
                raise BadBody(f"the body is not JSON at character {start + error.pos}") from None
        except (ValueError, RecursionError):  # NaN, a number of thousands of digits, nested beyond all reason
            raise BadBody(
                f"the item at character {start} holds NaN, Infinity, or more digits or nesting than can be read"
            ) from None
        else:
            # What ends near the window's end may be half a number: of `1e+7` cut before the 7, the 1 is read.
            if is_whole or end < length - 2:
                return value, start + end
    raise BodyTooLarge(
        f"the item at character {start} is not JSON, or longer than {ITEM_LENGTH_MAX} characters"
    )


def _skip(text: str, position: int) -> int:
    found = _SPACE.match(text, position)
    return found.end() if found else position


def _lines(body: bytes | bytearray, limit: int) -> Iterator[Any]:
    """Lines with something in them; empty ones do not count, up to as many of them as there may be events."""
    start, blank = 0, 0
    while start < len(body):
        end = body.find(b"\n", start)
        end = len(body) if end < 0 else end
        if end - start > ITEM_LENGTH_MAX:
            yield Unreadable(_TOO_LONG)
        elif line := bytes(body[start:end]).strip(b" \t\r"):
            yield _line(line)
        else:
            blank += 1
            if blank > limit:
                raise BodyTooLarge(f"the body has more than {limit} empty lines")
        start = end + 1


def _line(line: bytes) -> Any:
    try:
        return _DECODER.decode(line.decode())
    except (ValueError, RecursionError):  # UnicodeDecodeError and JSONDecodeError are ValueErrors
        return Unreadable("is not JSON")
