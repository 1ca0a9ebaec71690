from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from datetime import UTC, datetime

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from trailhouse.producers.event import AuditEvent
from trailhouse.producers.importers.errors import BadMapping, UnreadableInput
from trailhouse.producers.importers.files import InputFile
from trailhouse.producers.importers.mapping import EventMapping, compile_mapping
from trailhouse.producers.importers.mapping_text import read_options
from trailhouse.producers.importers.reject import Read, Reject
from trailhouse.producers.importers.rows import read_csv, read_ndjson

LATEST = datetime(2027, 1, 1, tzinfo=UTC)
GOOD = b'{"ts":"2026-01-31T12:00:00Z","type":"page:view","who":"ada"}'


def mapping(*maps: str) -> EventMapping:
    return compile_mapping(read_options(["occurred_at=ts", "action=type", *maps], ["org_id=acme"]), LATEST)


def ndjson(data: bytes, *maps: str) -> list[Read]:
    return list(read_ndjson(InputFile("log", io.BytesIO(data)), mapping("actor_user_id=who", *maps), LATEST))


def table(data: bytes, *maps: str, delimiter: str = ",", encoding: str = "utf-8") -> list[Read]:
    return list(
        read_csv(InputFile("log", io.BytesIO(data)), mapping(*maps), delimiter=delimiter, encoding=encoding)
    )


def events(reads: list[Read]) -> list[AuditEvent]:
    return [read for read in reads if isinstance(read, AuditEvent)]


def rejects(reads: list[Read]) -> list[Reject]:
    return [read for read in reads if isinstance(read, Reject)]


def test_every_line_becomes_an_event_in_order() -> None:
    """One object per line, blank lines and a byte order mark aside."""
    data = b"\xef\xbb\xbf" + GOOD + b"\r\n\n  \n" + GOOD.replace(b"ada", b"bob")
    assert [event.actor_user_id for event in events(ndjson(data))] == ["ada", "bob"]
    assert not rejects(ndjson(data))


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b"not json", "line: is not JSON"),
        (b'{"ts":', "line: is not JSON"),
        (b"[1]", "line: is no JSON object"),
        (b"\xff\xfe", "line: is not UTF-8 (byte 0)"),
        (b'{"type":"page:view"}', "occurred_at: nothing found at ts"),
        (GOOD.replace(b"2026", b"1926"), "occurred_at: lies before 1970"),
        (GOOD.replace(b"2026", b"2926"), "occurred_at: lies in the future"),
    ],
)
def test_a_bad_line_is_given_back_verbatim_with_its_number(line: bytes, reason: str) -> None:
    """A bad line stops nothing: its neighbours are events, it is told by number and rule."""
    reads = ndjson(GOOD + b"\n" + line + b"\n" + GOOD)
    assert len(events(reads)) == 2
    (reject,) = rejects(reads)
    assert (reject.line, reject.raw) == (2, line)
    assert reject.reason.startswith(reason)


def test_reasons_do_not_hold_the_value() -> None:
    """Reasons are printed; what stands in the line may be personal."""
    secret = "ada@example.com"
    data = (
        orjson.dumps({"ts": secret, "type": "page:view"})
        + b"\n"
        + orjson.dumps({"ts": "2026-01-31", "type": secret * 20})
    )
    assert [secret in reject.reason for reject in rejects(ndjson(data))] == [False, False]


@given(st.lists(st.sampled_from([GOOD, b"broken", b"", b"[]"]), max_size=12))
def test_a_second_import_gives_the_same_ids(lines: list[bytes]) -> None:
    """Reading a file again makes the very same events, and every good line has its own id."""
    data = b"\n".join(lines)
    first, second = events(ndjson(data)), events(ndjson(data))
    assert first == second
    assert len({event.event_id for event in first}) == len(first) == lines.count(GOOD)


def test_rows_with_an_id_are_the_same_event_wherever_they_stand() -> None:
    """With an id of their own, rows may move between files and lines."""
    one = GOOD[:-1] + b',"id":"abc"}'
    first, second = events(ndjson(one + b"\n\n" + one, "event_id=id"))
    assert first == second


def test_without_a_mapping_lines_are_events_of_the_contract() -> None:
    """What another Trailhouse exported goes in as it is; anything else is refused by the contract's rules."""
    event = AuditEvent.new(
        "page:view", org_id="acme", occurred_at="2026-01-31T12:00:00Z", actor_user_id="ada"
    )
    late = AuditEvent.new("page:view", org_id="acme", occurred_at="2028-01-31T12:00:00Z")
    data = b"\n".join([event.to_bytes(), late.to_bytes(), GOOD])
    reads = list(read_ndjson(InputFile("log", io.BytesIO(data)), None, LATEST))
    assert events(reads) == [event]
    assert [reject.reason for reject in rejects(reads)] == [
        "occurred_at: lies in the future",
        "event_id: is required",
    ]


def test_unknown_keys_are_refused_or_kept_as_the_stream_keeps_them() -> None:
    """The refusal names the option; kept, they are attributes `extra.NAME` beside the event's own."""
    event = AuditEvent.new(
        "page:view", org_id="acme", occurred_at="2026-01-31T12:00:00Z", attributes={"a": 1}
    )
    line = orjson.dumps({**event.to_dict(), "custom": {"b": [2]}, "cost": 1.5, "gone": None})
    (reject,) = rejects(list(read_ndjson(InputFile("log", io.BytesIO(line)), None, LATEST)))
    assert reject.reason == "custom: no such field; --keep-unknown makes it an attribute, extra.NAME"
    (kept,) = events(list(read_ndjson(InputFile("log", io.BytesIO(line)), None, LATEST, keep_unknown=True)))
    assert kept.attributes == {"a": 1, "extra.custom": '{"b":[2]}', "extra.cost": 1.5}
    assert kept.event_id == event.event_id
    bad = [b"[]", b"{", orjson.dumps({**event.to_dict(), "attributes": 1, "custom": 2})]
    reads = read_ndjson(InputFile("log", io.BytesIO(b"\n".join(bad))), None, LATEST, keep_unknown=True)
    assert [each.reason.partition(":")[0] for each in rejects(list(reads))] == ["line", "line", "attributes"]


CELLS = st.text(st.characters(codec="utf-8", exclude_characters="\x00\r"), max_size=20)


@given(st.lists(st.tuples(CELLS, CELLS), max_size=10), st.sampled_from([",", ";", "\t"]))
def test_any_cells_survive_csv(rows: list[tuple[str, str]], delimiter: str) -> None:
    """Quotes, delimiters and line ends inside cells are read as RFC 4180 says."""
    text = io.StringIO()
    writer = csv.writer(text, delimiter=delimiter, lineterminator="\n")
    writer.writerow(["ts", "type", "a", "b"])
    for row in rows:
        writer.writerow(["2026-01-31", "page:view", *row])
    reads = table(text.getvalue().encode(), "attributes.a=a", "attributes.b=b", delimiter=delimiter)
    wanted = [{key: cell for key, cell in zip("ab", row, strict=True) if cell} for row in rows]
    assert [dict(event.attributes or {}) for event in events(reads)] == wanted
    assert not rejects(reads)


def test_json_in_a_cell_is_read_by_its_path() -> None:
    """A dotted path goes on inside a cell that holds JSON, however large the cell is."""
    cell = orjson.dumps(
        {"Id": "x1", "At": "2026-01-31T12:00:00", "Who": "ada", "More": "y" * 300_000}
    ).decode()
    text = io.StringIO()
    csv.writer(text).writerows([["AuditData", "n"], [cell, "1"]])
    rule = compile_mapping(
        read_options(
            ["event_id=AuditData.Id", "occurred_at=AuditData.At", "actor_email=AuditData.Who"],
            ["org_id=acme", "action=review"],
        ),
        LATEST,
    )
    (event,) = events(list(read_csv(InputFile("log", io.BytesIO(text.getvalue().encode())), rule)))
    assert (event.actor_email, event.occurred_at) == ("ada", "2026-01-31T12:00:00.000Z")


HEADER = b"ts,type,note\n"
ROW = b"2026-01-31,page:view,fine\n"


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        (b"2026-01-31,page:view", "line: has 2 cells, the header has 3"),
        (b"2026-01-31,page:view,a,b", "line: has 4 cells, the header has 3"),
        (b"soon,page:view,x", "occurred_at: is no ISO 8601 time"),
        (b'2026-01-31,page:view,"a"b', "line: "),
        (b"2026-01-31,page:view,\xff\xfe", "line: is not utf-8; say --encoding"),
        (b'2026-01-31,page:view,"stray', "line: "),
    ],
)
def test_a_bad_row_is_given_back_verbatim_and_the_next_ones_are_read(bad: bytes, reason: str) -> None:
    """A stray quote does not swallow the rest of the file, a bad letter does not end it."""
    reads = table(HEADER + ROW + bad + b"\n" + ROW * 3)
    assert len(events(reads)) == 4
    (reject,) = rejects(reads)
    assert (reject.line, reject.raw) == (3, bad)
    assert reject.reason.startswith(reason)
    assert reject.header == HEADER.rstrip()


def test_a_row_over_several_lines_is_numbered_by_its_first() -> None:
    """Line numbers are those of the file, so that an editor finds them."""
    reads = table(HEADER + b'2026-01-31,page:view,"a\nb\nc"\n' + b"soon,x,y\n\n" + b'never,"x\nz",y\n')
    assert [(reject.line, reject.raw) for reject in rejects(reads)] == [
        (5, b"soon,x,y"),
        (7, b'never,"x\nz",y'),
    ]


def test_other_encodings_are_read_when_named() -> None:
    """Old exports are Latin-1."""
    assert (
        len(events(table(HEADER + "2026-01-31,page:view,café\n".encode("latin-1"), encoding="latin-1"))) == 1
    )


def test_a_byte_order_mark_is_not_part_of_the_first_column() -> None:
    """Spreadsheets write one."""
    assert len(events(table(b"\xef\xbb\xbf" + HEADER + ROW))) == 1


@pytest.mark.parametrize("data", [b"", b"a,a\n", b'"open'])
def test_a_file_without_a_usable_header_is_refused(data: bytes) -> None:
    """Nothing can be mapped without names, or with two of the same."""
    with pytest.raises(UnreadableInput, match="header"):
        table(data)


def test_a_column_that_is_not_there_is_a_mistake_of_the_mapping() -> None:
    """A typo is told at once, with the columns there are, and not once per row."""
    with pytest.raises(BadMapping, match="no column") as caught:
        table(HEADER + ROW, "actor_user_id=wo")
    assert "ts, type, note" in caught.value.hint


def test_rows_are_read_as_they_come() -> None:
    """A reader holds one row, not the file: the first event is there before the second line is read."""

    class Endless(io.RawIOBase):
        def readable(self) -> bool:
            return True

        def read1(self, size: int) -> bytes:
            return GOOD + b"\n"

    reads: Iterator[Read] = read_ndjson(InputFile("-", Endless()), mapping(), LATEST)  # type: ignore[arg-type]  # a stream without end
    assert isinstance(next(reads), AuditEvent)
