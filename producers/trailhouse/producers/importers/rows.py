"""Rows of ndjson and CSV files read as events."""

from __future__ import annotations

import csv
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from typing import Final, NamedTuple

import orjson

from trailhouse.producers.errors import InvalidEvent
from trailhouse.producers.event import AuditEvent, why_not_json
from trailhouse.producers.field import FIELD
from trailhouse.producers.importers.errors import BadMapping, UnreadableInput
from trailhouse.producers.importers.files import LINE_BYTES_MAX, InputFile
from trailhouse.producers.importers.mapping import EventMapping, scalar
from trailhouse.producers.importers.reject import Read, Reject
from trailhouse.producers.moment import parse_time

BOM: Final = b"\xef\xbb\xbf"
EXTRA: Final = "extra."


def read_ndjson(
    file: InputFile, mapping: EventMapping | None, latest: datetime, *, keep_unknown: bool = False
) -> Iterator[Read]:
    """One event or reject per line; without a mapping a line must be an event already (docs/events.md).

    `keep_unknown`: keys that no field has become attributes `extra.NAME`, as the stream does with raw records. Raises `UnreadableInput` when the file breaks off.
    """
    name = file.name
    for number, line in enumerate(file.lines(), 1):
        raw = line[len(BOM) :] if number == 1 and line.startswith(BOM) else line
        if not raw or raw.isspace():
            continue
        try:
            yield (
                _contract_event(raw, latest, keep_unknown=keep_unknown)
                if mapping is None
                else mapping.event(_json_row(raw), name, number, raw)
            )
        except InvalidEvent as error:
            yield Reject.of(number, error, line)


def _contract_event(raw: bytes, latest: datetime, *, keep_unknown: bool) -> AuditEvent:
    try:
        event = AuditEvent.from_bytes(_with_extras(_json_row(raw)) if keep_unknown else raw)
    except InvalidEvent as error:
        if error.field in FIELD or error.field in {"event", "line"}:
            raise
        wanted = "no such field; --keep-unknown makes it an attribute, extra.NAME"
        raise InvalidEvent(error.field, None, wanted) from None
    if parse_time(event.occurred_at) > latest:
        raise InvalidEvent("occurred_at", event.occurred_at, "lies in the future")
    return event


def _with_extras(row: dict[str, object]) -> bytes:
    """The event with what no field of it holds among its attributes; an attribute of that name stays."""
    extras = {
        EXTRA + name: scalar(row.pop(name)) for name in [*row] if name not in FIELD and row[name] is not None
    }
    known = {name: value for name, value in row.items() if name in FIELD}
    attributes = known.get("attributes")
    if extras and (attributes is None or isinstance(attributes, dict)):
        known["attributes"] = extras | (attributes or {})
    return orjson.dumps(known)


def _json_row(raw: bytes) -> dict[str, object]:
    if len(raw) > LINE_BYTES_MAX:
        raise InvalidEvent("line", len(raw), f"is longer than {LINE_BYTES_MAX} bytes")
    try:
        row = orjson.loads(raw)
    except orjson.JSONDecodeError as error:
        raise InvalidEvent("line", "", why_not_json(raw, error)) from None
    if not isinstance(row, dict):
        raise InvalidEvent("line", "", "is no JSON object; ndjson holds one object per line")
    return row


def read_csv(
    file: InputFile, mapping: EventMapping, *, delimiter: str = ",", encoding: str = "utf-8"
) -> Iterator[Read]:
    """One event or reject per row of a CSV file with a header (RFC 4180).

    Raises `BadMapping` when a mapped column is not in the header, `UnreadableInput` when there is no usable header or
    the file breaks off.
    """
    for row in csv_rows(
        file, lambda header: _check_columns(mapping, header), delimiter=delimiter, encoding=encoding
    ):
        if isinstance(row, Reject):
            yield row
            continue
        try:
            yield mapping.event(row.cells, file.name, row.line, row.raw)
        except InvalidEvent as error:
            yield Reject.of(row.line, error, row.raw, row.header)


class Row(NamedTuple):
    """A row of a CSV file: its line (from 1), itself and the header byte for byte, and its cells by column."""

    line: int
    raw: bytes
    header: bytes
    cells: dict[str, str]


def csv_rows(
    file: InputFile, check: Callable[[Sequence[str]], None], *, delimiter: str = ",", encoding: str = "utf-8"
) -> Iterator[Row | Reject]:
    """The rows of a CSV file with a header (RFC 4180), which `check` has seen before the first one.

    Raises `UnreadableInput` when there is no usable header or the file breaks off, and what `check` raises.
    """
    lines = _Lines(file.lines(), encoding)
    # The limit is the csv module's own global; nothing else here reads CSV.
    csv.field_size_limit(LINE_BYTES_MAX)
    reader = csv.reader(lines, delimiter=delimiter, strict=True)
    header = _header(reader, file.name)
    check(header)
    _, names = lines.end_row()
    width = len(header)
    while True:
        try:
            cells = next(reader)
        except StopIteration:
            return
        except (csv.Error, UnicodeDecodeError) as error:
            number, raw = lines.end_bad_row()
            yield Reject(number, f"line: {_why(error)}", raw, names)
            continue
        number, raw = lines.end_row()
        if not cells:
            continue
        if len(cells) != width:
            yield Reject(number, f"line: has {len(cells)} cells, the header has {width}", raw, names)
            continue
        yield Row(number, raw, names, dict(zip(header, cells, strict=True)))


def _header(reader: Iterator[list[str]], name: str) -> list[str]:
    try:
        header = next(reader)
    except (StopIteration, csv.Error, UnicodeDecodeError) as error:
        raise UnreadableInput(
            f"{name} has no header: {_why(error) or 'it is empty'}",
            "the first line of a CSV file names its columns",
        ) from None
    doubled = sorted({column for column in header if column and header.count(column) > 1})
    if doubled:
        raise UnreadableInput(
            f"the header of {name} names {doubled[0]!r} twice", "rename one of the two columns"
        )
    return header


def _check_columns(mapping: EventMapping, header: Sequence[str]) -> None:
    for field, paths in mapping.paths().items():
        if not any(path in header or path.partition(".")[0] in header for path in paths):
            raise BadMapping(
                f"{field} is mapped to {' | '.join(paths)}, which is no column",
                f"columns: {', '.join(header)}",
            )


def _why(error: Exception) -> str:
    return f"is not {error.encoding}; say --encoding" if isinstance(error, UnicodeDecodeError) else str(error)


class _Lines:
    """Feeds the csv reader and keeps the physical lines of the row it is in, so a bad row can be given back verbatim."""

    def __init__(self, lines: Iterator[bytes], encoding: str) -> None:
        self._lines, self._encoding = lines, encoding
        self._again: deque[bytes] = deque()
        self._taken: list[bytes] = []
        self._number = 1

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        line = self._again.popleft() if self._again else next(self._lines)
        self._taken.append(line)
        if self._number == 1 and len(self._taken) == 1:
            line = line.removeprefix(BOM)
        return line.decode(self._encoding) + "\n"

    def end_row(self) -> tuple[int, bytes]:
        """Number of the row's first line, and the row as it stood in the file."""
        number, raw = self._number, b"\n".join(self._taken)
        self._number += len(self._taken)
        self._taken.clear()
        return number, raw

    def end_bad_row(self) -> tuple[int, bytes]:
        """The same for a row that broke: only its first line is bad, the lines a stray quote swallowed are read again."""
        self._again.extendleft(reversed(self._taken[1:]))
        del self._taken[1:]
        return self.end_row()
