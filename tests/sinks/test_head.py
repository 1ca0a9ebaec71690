"""Heads: one for each enriched line, None for what is none, and nobody's beside another."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.sinks.lines import GARBAGE, enriched, event

from trailhouse.sinks.head import read_heads

LINES = enriched(event(n) for n in range(20))


def test_heads_of_good_lines() -> None:
    """One head a line, in order."""
    heads = read_heads(LINES)
    assert [head.offset for head in heads if head] == list(range(20))
    assert read_heads([]) == []


@given(
    st.lists(
        st.sampled_from(
            [*GARBAGE, *LINES, b"\n", LINES[0] + b"\n" + LINES[1], LINES[2] + b"\n", b"\n" + LINES[3]]
        )
    )
)
def test_heads_stay_beside_their_values(values: Sequence[bytes | None]) -> None:
    """Whatever lies between: a head belongs to its own value, line breaks and blanks shift nobody."""
    heads = read_heads(values)
    assert len(heads) == len(values)
    for each, head in zip(values, heads, strict=True):
        if each in LINES:
            assert head is not None
            assert head.offset == LINES.index(each)
        elif each in GARBAGE:
            assert head is None


HALF = LINES[0].index(b',"partition"')


@pytest.mark.parametrize(
    ("values", "offsets"),
    [
        ([LINES[0] + b"\n" + LINES[1], b" "], [None, None]),
        ([LINES[0] + b"\n" + LINES[1], b"\n", LINES[2]], [None, None, 2]),
        ([LINES[0][:HALF], LINES[0][HALF:], LINES[1] + b" " + LINES[2]], [None, None, None]),
        ([LINES[0][:HALF], LINES[0][HALF:], LINES[1], LINES[2] + LINES[3]], [None, None, 1, None]),
        ([b"\n" + LINES[2], LINES[3]], [2, 3]),
    ],
)
def test_two_lines_in_one_value_shift_nobody(values: list[bytes], offsets: list[int | None]) -> None:
    """As many heads as values is not yet one each."""
    assert [head and head.offset for head in read_heads(values)] == offsets
