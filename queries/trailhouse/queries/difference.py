"""Which rows of a report a new version of it would change."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any

from trailhouse.queries.runner import Result

#: ('-', a row that only the old version has) or ('+', one that only the new one has).
Change = tuple[str, tuple[Any, ...]]


def difference(old: Result, new: Result) -> list[Change]:
    """Rows of only one of two answers to the same question, in their order; [] when both say the same.

    Where the columns differ by name, so does every row.
    """
    names = [[column.name for column in result.columns] for result in (old, new)]
    before, after = Counter(old.rows), Counter(new.rows)
    if names[0] == names[1]:
        before, after = before - after, after - before
    return [("-", row) for row in _of(old.rows, before)] + [("+", row) for row in _of(new.rows, after)]


def _of(rows: tuple[tuple[Any, ...], ...], counted: Counter[tuple[Any, ...]]) -> Iterator[tuple[Any, ...]]:
    left = counted.copy()
    for row in rows:
        if left[row]:
            left[row] -= 1
            yield row
