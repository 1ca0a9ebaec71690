"""Cursors: what is left to read, and that reading in any steps reads all of it once."""

from __future__ import annotations

import base64
import json
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trailhouse.queries.audit_cursor import Cursor, Place, Stretch
from trailhouse.queries.errors import BadParameter

KEYS = st.tuples(st.sampled_from(["epoch-a", "epoch-b", "e/+"]), st.integers(0, 65535))
MARKS = st.dictionaries(KEYS, st.integers(0, 30), max_size=6)


@given(MARKS)
def test_text_and_back(read: dict[tuple[str, int], int]) -> None:
    """Any cursor survives, in characters a URL takes as they are."""
    cursor = Cursor("acme:eu-1", read)
    text = cursor.to_text()
    assert Cursor.from_text(text) == cursor
    assert set(text) <= set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_")


@given(MARKS, MARKS, st.integers(1, 9), st.randoms(use_true_random=False))
def test_any_steps_read_every_offset_once(
    early: dict[tuple[str, int], int], late: dict[tuple[str, int], int], step: int, random: Random
) -> None:
    """Also while marks grow and partitions appear between the steps: no offset twice, none left out."""
    marks, seen, cursor = dict(early), list[Place](), Cursor("acme", {})
    for _ in range(1000):
        if random.random() < 0.2:
            marks |= {key: max(mark, marks.get(key, -1)) for key, mark in late.items()}
        left = cursor.left(marks)
        if not left and marks == marks | late:
            break
        places = [
            Place(*each.key, offset) for each in left for offset in range(each.after + 1, each.until + 1)
        ]
        taken = places[:step]
        seen += taken
        cursor = cursor.after(left, taken[-1] if len(taken) == step else None)
    final = {key: max(early.get(key, -1), late.get(key, -1)) for key in early | late}
    if marks == marks | late:
        assert sorted(seen) == [
            Place(*key, offset) for key in sorted(final) for offset in range(final[key] + 1)
        ]
    assert len(seen) == len(set(seen))


def test_what_is_left_is_in_order_and_beyond_what_was_read() -> None:
    """A partition read to its mark is not there, one of an older topic stays known."""
    cursor = Cursor("acme", {("a", 1): 5, ("a", 0): 9, ("gone", 3): 7})
    assert cursor.left({("b", 0): 2, ("a", 1): 8, ("a", 0): 9}) == [
        Stretch("a", 1, 5, 8),
        Stretch("b", 0, -1, 2),
    ]
    assert cursor.after([], None).read == cursor.read


def packed(value: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).decode()


@pytest.mark.parametrize(
    "text",
    [
        "",
        "!",
        "é",
        "A" * 20_000,
        "A" * 9,
        packed("x"),
        packed([2, "acme", []]),
        packed([1, "' OR 1", []]),
        packed([1, 7, []]),
        packed([1, "acme", [["e", 0, -1]]]),
        packed([1, "acme", [["e", True, 1]]]),
        packed([1, "acme", [["e", 0, 1.5]]]),
        packed([1, "acme", [["e", 70_000, 1]]]),
        packed([1, "acme", [["e" * 65, 0, 1]]]),
        packed([1, "acme", [["e", 0, 2**63]]]),
        packed([1, "acme", [["e", 0, 1], ["e", 0, 2]]]),
        packed([1, "acme", [[["e"], 0, 1]]]),
        packed([1, "acme", {"e": 1}]),
        packed([1, "acme", None]),
        packed([1, "acme", {}]),
        packed([1, "acme", ""]),
        packed([True, "acme", []]),
        packed([1.0, "acme", []]),
        packed([1, "acme", [["\ud800", 0, 0]]]),
        packed([1, "acme", [["e\n", 0, 0]]]),
    ],
)
def test_what_is_no_cursor_is_refused(text: str) -> None:
    """Whatever somebody made up."""
    with pytest.raises(BadParameter):
        Cursor.from_text(text)
