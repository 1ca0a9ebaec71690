"""The mark and its rule: what is next, what is a repeat, what lies beyond a gap."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trailhouse.sinks.head import Head
from trailhouse.sinks.marks import NOTHING_STORED, Mark, Verdict

NEXT, REPEAT, BEYOND_GAP = Verdict.NEXT, Verdict.REPEAT, Verdict.BEYOND_GAP


@pytest.mark.parametrize(
    ("hwms", "epoch", "from_offset", "offset", "verdict"),
    [
        ({}, "a", 0, 0, NEXT),
        ({}, "a", 700, 700, BEYOND_GAP),
        ({"a": 699}, "a", 700, 700, NEXT),  # a fresh partition whose raw log began to expire before us
        ({"a": 9}, "a", 10, 10, NEXT),
        ({"a": 9}, "a", 10, 14, NEXT),  # 10 to 13 were control records
        ({"a": 9}, "a", 8, 12, NEXT),  # the range begins inside what is stored
        ({"a": 9}, "a", 9, 9, REPEAT),
        ({"a": 9}, "a", 0, 0, REPEAT),
        ({"a": 9}, "a", 7, 9, REPEAT),
        ({"a": 9}, "a", 11, 11, BEYOND_GAP),
        ({"a": 9}, "a", 11, 20, BEYOND_GAP),
        ({"a": 9}, "b", 0, 0, NEXT),  # the raw topic was made again: offsets begin anew
        ({"a": 9}, "b", 0, 3, NEXT),
        ({"a": 9}, "b", 1, 1, BEYOND_GAP),
        ({"a": 9}, "b", 10, 10, BEYOND_GAP),  # it would continue "a", and says nothing about "b"
        ({"a": 9, "b": 3}, "a", 5, 5, REPEAT),  # a zombie still writes the old topic's records
        ({"a": 9, "b": 3}, "b", 4, 4, NEXT),
    ],
)
def test_verdicts(hwms: dict[str, int], epoch: str, from_offset: int, offset: int, verdict: Verdict) -> None:
    """A record is next only if it leaves nothing out, judged under its own topic id."""
    assert Mark(hwms).judge(epoch, from_offset, offset) is verdict


@given(
    st.lists(st.integers(1, 3), min_size=1, max_size=30),
    st.lists(st.tuples(st.floats(0, 1), st.integers(1, 12)), max_size=12),
)
def test_repeated_runs_are_accepted_once(widths: list[int], restarts: list[tuple[float, int]]) -> None:
    """Whatever runs a worker writes again, each starting within what was written, every record is accepted once."""
    offsets = [sum(widths[: n + 1]) - 1 for n in range(len(widths))]
    records = [(before + 1, after) for before, after in zip([-1, *offsets[:-1]], offsets, strict=True)]
    written, end = [], 0
    for start, length in [*restarts, (1.0, len(records))]:
        first = int(start * end)
        written += records[first : first + length]
        end = max(end, min(first + length, len(records)))
    mark, accepted = NOTHING_STORED, []
    for from_offset, offset in written:
        verdict = mark.judge("a", from_offset, offset)
        assert verdict is not BEYOND_GAP
        if verdict is NEXT:
            accepted.append((from_offset, offset))
            mark = mark.advanced("a", offset)
    assert accepted == records[:end]


def test_two_topic_ids_are_remembered() -> None:
    """Storing under a third id forgets the one stored under longest ago."""
    mark = Mark({"a": 9}).advanced("b", 0)
    assert mark.hwms == {"a": 9, "b": 0}
    assert mark.advanced("a", 10).advanced("c", 0).hwms == {"a": 10, "c": 0}


@given(st.dictionaries(st.text(max_size=30), st.integers(0, 2**63 - 1), max_size=2))
def test_metadata_round_trip(hwms: dict[str, int]) -> None:
    """What was committed is what is read, in the same order of age."""
    read = Mark.from_metadata(Mark(hwms).to_metadata())
    assert read is not None
    assert list(read.hwms.items()) == list(hwms.items())


def test_metadata_fits_kafka() -> None:
    """Two topic ids at the largest offsets stay far below Kafka's 4096 bytes."""
    assert len(Mark({"x" * 22: 2**63 - 1, "y" * 22: 2**63 - 1}).to_metadata()) < 200


@pytest.mark.parametrize(
    "text",
    [
        None,
        "",
        "hello",
        "[]",
        "7",
        "null",
        '{"a":',
        '{"a":1.5}',
        '{"a":"1"}',
        '{"a":null}',
        '{"a":true}',
        '{"a":[1]}',
        "[" * 4000,
        '{"a":' + "9" * 4000 + "}",
    ],
)
def test_damaged_metadata_is_no_mark(text: str | None) -> None:
    """A mark that cannot be read whole is none: the log is read again, nothing is guessed."""
    assert Mark.from_metadata(text) is None


@given(st.text(max_size=80) | st.recursive(st.none() | st.floats() | st.text(), st.lists).map(json.dumps))
def test_any_text_gives_a_mark_or_none(text: str) -> None:
    """Whatever another tool committed, reading it raises nothing."""
    mark = Mark.from_metadata(text)
    assert mark is None or all(isinstance(hwm, int) for hwm in mark.hwms.values())


@pytest.mark.parametrize(
    ("occurred_at", "reason", "month"),
    [
        ("2019-07-04T01:02:03Z", "", "2019-07"),
        ("", "", "1970-01"),  # the default, which enriched lines leave out
        ("", "malformed", "2026-03"),
    ],
)
def test_month_of_a_row(occurred_at: str, reason: str, month: str) -> None:
    """A row's month is its event's; an envelope's is that of its receipt."""
    head = Head("a", 0, 0, 0, "2026-03-02T09:00:00Z", occurred_at=occurred_at, reason=reason)
    assert head.month == month
