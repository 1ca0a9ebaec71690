"""The decoder matrix of the delivery notes, row by row, through the worker's functions; where it matters, into ClickHouse.

Other decoders take some of these, take them for something else, or fall over them; here each record has exactly one
outcome: an event, or a rejection with a closed reason, its bytes and headers kept.
"""

from __future__ import annotations

import json
import time
import tracemalloc
from typing import TYPE_CHECKING, Any, Final

import pytest
from tests.fuzz.run import refused_by_the_engine
from tests.stream.factories import EVENT_ID, PEPPER, RECEIVED_MS, RawRecord, encoded, enrich, with_text

from trailhouse.producers.event import EVENT_BYTES_MAX
from trailhouse.stream.bundle import enrich_bundle
from trailhouse.stream.persons import Pseudonyms
from trailhouse.stream.raw import decode
from trailhouse.stream.rejected import Reason
from trailhouse.stream.steps import Rules

if TYPE_CHECKING:
    from trailhouse.sinks.clickhouse import Client

MALFORMED, INVALID = Reason.MALFORMED.value, Reason.INVALID_FIELD.value
ACCEPTED: Final = ""


def in_attribute(text: bytes) -> bytes:
    return with_text(b'"attributes":{"a":' + text + b"}")


def in_changes(text: bytes) -> bytes:
    return with_text(b'"changes":{"a":' + text + b"}")


def in_unknown(text: bytes) -> bytes:
    return with_text(b'"later":' + text)


def in_text(text: bytes) -> bytes:
    return with_text(b'"source":"' + text + b'"')


def deep(depth: int) -> bytes:
    return b"[" * depth + b"]" * depth


# Row of the matrix -> (bytes, reason; "" = accepted).
MATRIX: Final[dict[str, list[tuple[bytes, str]]]] = {
    "duplicate keys": [
        (with_text(b'"action":"a:b"'), ACCEPTED),
        (with_text(b'"action":"a:b","action":5'), INVALID),
        (with_text(b'"attributes":{"a":1,"a":"x"}'), ACCEPTED),
        (with_text(b'"changes":{"a":1,"a":2,"b":{"c":1,"c":2}}'), ACCEPTED),
        (with_text(b'"later":1,"later":2'), ACCEPTED),
    ],
    "NaN and Infinity": [
        (wrap(number), MALFORMED)
        for number in (b"NaN", b"Infinity", b"-Infinity")
        for wrap in (in_attribute, in_changes, in_unknown)
    ],
    "1e400": [
        (in_attribute(b"1e400"), INVALID),
        (in_changes(b"1e400"), ACCEPTED),
        (in_unknown(b"1e400"), ACCEPTED),
    ],
    "integer of 65 bits": [
        (in_attribute(b"18446744073709551616"), INVALID),
        (in_attribute(b"9223372036854775808"), INVALID),
        (in_attribute(b"9223372036854775807"), ACCEPTED),
        (in_attribute(b"-9223372036854775808"), ACCEPTED),
        (in_changes(b"18446744073709551616"), ACCEPTED),
        (in_unknown(b"18446744073709551616"), ACCEPTED),
        (with_text(b'"response_code":18446744073709551616'), INVALID),
    ],
    "integer of 5 000 digits": [
        (in_attribute(b"9" * 5000), INVALID),
        (in_changes(b"9" * 5000), ACCEPTED),
        (in_unknown(b"9" * 5000), INVALID),
        (with_text(b'"schema_version":' + b"9" * 5000), INVALID),
    ],
    "escaped NUL": [
        (in_text(b"a\\u0000"), INVALID),
        (in_attribute(b'"\\u0000"'), INVALID),
        (with_text(b'"attributes":{"\\u0000":1}'), INVALID),
        (in_unknown(b'"\\u0000"'), INVALID),
        (with_text(b'"org_id":"a\\u0000"'), INVALID),
        (with_text(b'"action":"a\\u0000"'), INVALID),
        (in_changes(b'"\\u0000"'), ACCEPTED),
    ],
    "raw NUL and control characters": [
        (wrap(b'"a' + bytes([byte]) + b'"'), MALFORMED)
        for byte in (0, 1, 9, 10, 13, 31)
        for wrap in (in_attribute, in_changes, in_unknown)
    ],
    "lone surrogate": [
        (wrap(b'"' + half + b'"'), MALFORMED)
        for half in (b"\\ud800", b"\\udfff", b"\\ud800\\u0041", b"\xed\xa0\x80")
        for wrap in (in_attribute, in_changes, in_unknown)
    ]
    + [(in_text(b"\\ud83d\\ude00"), ACCEPTED)],
    "invalid UTF-8": [
        (wrap(b'"' + text + b'"'), MALFORMED)
        for text in (b"\xff", b"\xc0\x80", b"\xc3(", b"\xf4\x90\x80\x80", b"\xe2\x82")
        for wrap in (in_attribute, in_changes, in_unknown)
    ],
    "byte-order mark": [
        (b"\xef\xbb\xbf" + encoded(), MALFORMED),
        (encoded().decode().encode("utf-16"), MALFORMED),
        (encoded().decode().encode("utf-32"), MALFORMED),
        (in_text("\ufeff".encode()), ACCEPTED),
    ],
    "depth": [
        (in_changes(deep(31)), ACCEPTED),
        (in_changes(deep(32)), MALFORMED),
        (in_changes(deep(900)), MALFORMED),
        (in_changes(b'"' + b"[" * 900 + b'"'), ACCEPTED),
        (in_changes(deep(100_000)), MALFORMED),
        (in_unknown(deep(100_000)), MALFORMED),
        (in_attribute(deep(100_000)), MALFORMED),
        (deep(131_000), MALFORMED),
        (b'{"a":' * 40_000, MALFORMED),
        (b"[" * 200_000, MALFORMED),
    ],
    "two documents": [
        (encoded() + between + encoded(action="b:b"), MALFORMED)
        for between in (b"", b" ", b"\n", b"\r\n", b",", b"\x1e")
    ],
    "no document": [(b" ", MALFORMED), (b"\n\n", MALFORMED), (b"", "empty")],
    "not an object": [(each, MALFORMED) for each in (b"null", b"true", b"1", b'"x"', b"[]", b"[{}]")],
    "size": [
        (encoded() + b" " * (EVENT_BYTES_MAX - len(encoded())), ACCEPTED),
        (encoded() + b" " * (EVENT_BYTES_MAX - len(encoded()) + 1), "too_large"),
    ],
    "bidirectional and control characters in names": [
        (encoded(action="a\u202eb"), INVALID),
        (encoded(action="a\u2028b"), INVALID),
        (encoded(action="a\tb"), INVALID),
        (encoded(org_id="ac\u202eme"), INVALID),
        (encoded(org_id="acme\n"), INVALID),
        (encoded(actor_name="a\u202eb"), ACCEPTED),
    ],
    "version": [
        (encoded(schema_version=1), ACCEPTED),
        (encoded(schema_version=2), "unsupported_version"),
        (encoded(schema_version=2**62), "unsupported_version"),
        (encoded(schema_version=0), INVALID),
        (with_text(b'"schema_version":"1"'), INVALID),
    ],
    "time": [
        (encoded(occurred_at="1970-01-01T00:00:00Z"), ACCEPTED),
        (encoded(occurred_at="1969-12-31T23:59:59.999Z"), "clock_skew"),
        (encoded(occurred_at="2026-03-02T10:10:00Z"), ACCEPTED),
        (encoded(occurred_at="2026-03-02T10:10:00.001Z"), "clock_skew"),
        (encoded(occurred_at="2026-03-02T15:54:59+05:45"), ACCEPTED),
        (encoded(occurred_at="0001-01-01T00:00:00+14:00"), "clock_skew"),
        (encoded(occurred_at="9999-12-31T23:59:59-14:00"), "clock_skew"),
        (encoded(occurred_at="10000-01-01T00:00:00Z"), INVALID),
        (encoded(occurred_at="2026-02-30T00:00:00Z"), INVALID),
        (encoded(occurred_at="2026-03-02T09:59:59"), INVALID),
    ],
}
ROWS: Final = [(row, value, reason) for row, cases in MATRIX.items() for value, reason in cases]


def name_of(case: Any) -> str:
    return case[:40].decode("latin-1").encode("unicode_escape").decode() if isinstance(case, bytes) else case


@pytest.mark.parametrize(("row", "value", "reason"), ROWS, ids=name_of)
def test_every_row_has_one_outcome(row: str, value: bytes, reason: str) -> None:
    """Alone and between neighbours, which stay what they are; the dead letter holds bytes and headers as they came."""
    headers = (("trace", b"1"), ("null", None))
    good = encoded(event_id=EVENT_ID, actor_user_id="neighbour")
    records = [
        RawRecord(each, offset, RECEIVED_MS, b"key", headers)
        for offset, each in enumerate((good, value, good))
    ]
    bundle = enrich_bundle(records, epoch="e", partition=0, from_offset=0, rules=Rules(Pseudonyms(PEPPER)))
    lines = [json.loads(line) for line in bundle.lines]
    assert [line["offset"] for line in lines] == [0, 1, 2]
    assert [line.get("reason", "") for line in lines] == ["", reason, ""]
    assert lines[0]["identity"] == lines[2]["identity"] == "neighbour"
    assert [(each.key, each.value, each.headers) for each in bundle.dead_letters] == (
        [(b"key", value, headers)] if reason else []
    )


def test_the_matrix_goes_into_the_engine(database: Client) -> None:
    """What was accepted and what was rejected is stored as brute force says: one row each, no row shifted."""
    values = [
        value.replace(EVENT_ID.encode(), f"01920f0e-7c5a-7b3e-8f43-{number:012x}".encode())
        for number, (_, value, _) in enumerate(ROWS)
    ]
    lines = enrich(*values).lines
    assert list(refused_by_the_engine(database, lines)) == []
    stored, rejected = database.query(
        "SELECT countIf(reason = ''), countIf(reason != '') FROM landed FINAL"
    ).result_rows[0]
    wanted = [reason for _, _, reason in ROWS]
    assert (stored, rejected) == (wanted.count(""), len(wanted) - wanted.count(""))


def test_large_numbers_reach_the_table_as_they_were_written(database: Client) -> None:
    """No decoder on the way rounds them: integers of 64 bits, of 65 bits, and beyond what a float holds."""
    value = with_text(
        b'"attributes":{"low":-9223372036854775808,"high":9223372036854775807,"half":0.1},'
        b'"big":18446744073709551616,"huge":1e400,"changes":{"n":18446744073709551616,"x":1e400}'
    )
    assert list(refused_by_the_engine(database, enrich(value).lines)) == []
    ((attributes,),) = database.query("SELECT attributes FROM events FINAL").result_rows
    assert attributes == {
        "low": "-9223372036854775808",
        "high": "9223372036854775807",
        "half": "0.1",
        "extra.big": "18446744073709551616",
        "extra.huge": "1e400",
    }
    ((pii,),) = database.query("SELECT pii FROM event_pii FINAL").result_rows
    assert json.loads(pii["changes"], parse_int=str, parse_float=str) == {
        "n": "18446744073709551616",
        "x": "1e400",
    }


def test_text_reaches_the_table_as_it_was(database: Client) -> None:
    """Through JSON twice and the engine's own parser."""
    texts = [
        "\x7f",
        "\u0085",
        "\u2028",
        "\ufeff",
        "\U0001f600",
        "\U0010ffff",
        "e\u0301",
        "\\N",
        "\t\n\r",
        "\\",
        '"',
        "\\u0000",
    ]
    values = [
        encoded(event_id=f"01920f0e-7c5a-7b3e-8f43-{number:012x}", source=text, attributes={"a": text})
        for number, text in enumerate(texts)
    ]
    assert list(refused_by_the_engine(database, enrich(*values).lines)) == []
    rows = database.query("SELECT source, attributes['a'] FROM events FINAL ORDER BY offset").result_rows
    assert rows == [(text, text) for text in texts]


HARMLESS: Final = {"250 000 decimals"}


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("10 MB of text", b'{"a":"' + b"x" * 10_000_000 + b'"}'),
        ("10 MB of an event", encoded() + b" " * 10_000_000),
        ("depth 200 000, open", b"[" * 200_000),
        ("depth 130 000, closed", deep(130_000)),
        ("depth 200 000, objects", b'{"a":' * 200_000),
        ("depth in changes", in_changes(deep(120_000))),
        ("5 000 digits", in_attribute(b"9" * 5000)),
        ("250 000 digits", in_attribute(b"9" * 250_000)),
        ("250 000 digits, unknown", in_unknown(b"9" * 250_000)),
        ("250 000 decimals", in_attribute(b"0." + b"3" * 250_000)),
        ("an exponent", in_attribute(b"1e999999999")),
        ("100 000 keys", b"{" + b",".join(b'"%d":0' % n for n in range(25_000)) + b"}"),
    ],
    ids=lambda each: each if isinstance(each, str) else "",
)
def test_a_monster_costs_little(name: str, value: bytes) -> None:
    """Under 50 ms of processor time and 50 MB, wherever it is looked at; its neighbour is enriched."""
    lines = [json.loads(line) for line in enrich(value, encoded()).lines]
    assert ["reason" in line for line in lines] == [name not in HARMLESS, False]
    took = []
    for _ in range(3):
        started = time.thread_time()
        enrich(value, encoded())
        took.append(time.thread_time() - started)
    assert min(took) < 0.05
    tracemalloc.start()
    try:
        enrich(value, encoded())
        assert tracemalloc.get_traced_memory()[1] < 50e6
    finally:
        tracemalloc.stop()


def test_a_record_of_addresses_is_bounded() -> None:
    """The most people an event can name: slow for one record, and no reason to stop."""
    value = encoded(changes={"a": " ".join(f"{n:x}@b.c" for n in range(28_000))})
    started = time.thread_time()
    enrich(value)
    assert time.thread_time() - started < 1.5
    assert decode(value).action == "project:read"
