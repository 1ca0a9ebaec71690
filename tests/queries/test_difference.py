"""Rows that a new version of a report changes."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

from trailhouse.queries.difference import difference
from trailhouse.queries.runner import Result


def answered(*rows: tuple[Any, ...], columns: tuple[str, ...] = ("a", "b")) -> Result:
    made = SimpleNamespace(rows=rows, columns=tuple(SimpleNamespace(name=name) for name in columns))
    return cast("Result", made)


def test_rows_of_only_one_of_them() -> None:
    """Each as often as one has it more often, in the order of its answer; another order alone is no difference."""
    old, new = answered((1, "x"), (2, "y"), (2, "y"), (3, "z")), answered((3, "z"), (2, "y"), (4, "w"))
    assert difference(old, new) == [("-", (1, "x")), ("-", (2, "y")), ("+", (4, "w"))]
    assert difference(old, old) == []
    assert difference(answered((1, 2), (3, 4)), answered((3, 4), (1, 2))) == []


def test_other_columns_are_another_answer() -> None:
    """Though the values are the same."""
    assert difference(answered((1, 2)), answered((1, 2), columns=("a", "c"))) == [
        ("-", (1, 2)),
        ("+", (1, 2)),
    ]
