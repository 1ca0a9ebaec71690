"""Entries as text, written by ClickHouse itself: one SQL expression that is a row's JSON object or its CSV record.

Neither a million rows nor one passes through Python row by row, and nothing of a result is kept: bytes go through.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from trailhouse.queries.audit_columns import Column
from trailhouse.queries.render import FORMULA_STARTS

# As hex digits, because statements stay ASCII.
_FORMULAS: Final = ", ".join(f"'{each.encode().hex().upper()}'" for each in sorted(FORMULA_STARTS))
_NOTHING: Final = "('', '{}', '[]')"


def json_line(columns: Sequence[Column], *, read_pii: bool) -> str:
    """The sparse JSON object of a row (WA18). At least one of `columns` must always have a value."""
    parts = [
        _json_part(column, value) for column in columns if (value := column.value(read_pii=read_pii)) != ""
    ]
    return f"concat('{{', substring(concat({', '.join(parts)}), 2), '}}')"


def csv_line(columns: Sequence[Column], *, read_pii: bool) -> str:
    """The CSV record of a row, without its line feed: texts in quotes, nothing for a key the row does not have.

    A text that a spreadsheet would run as a formula gets a leading apostrophe, as in every export.
    """
    cells = [
        _csv_cell(column, value) for column in columns if (value := column.value(read_pii=read_pii)) != ""
    ]
    separated = ", ',', ".join(cells)
    return f"concat({separated}, '\\r')"


def csv_header(columns: Sequence[Column], *, read_pii: bool) -> bytes:
    """The header row: the names of what `csv_line` writes."""
    names = [column.name for column in columns if column.value(read_pii=read_pii)]
    return (",".join(names) + "\r\n").encode()


def table_columns(columns: Sequence[Column], *, read_pii: bool) -> str:
    """The same values as columns of a result, NULL where a row has none; for Parquet."""
    return ", ".join(
        f"{_nullable(column, value)} AS {column.name}"
        for column in columns
        if (value := column.value(read_pii=read_pii))
    )


def _json_part(column: Column, value: str) -> str:
    start = f"',\"{column.name}\":'"
    if column.kind == "number":
        return f"if({value} = 0, '', concat({start}, toString({value})))"
    if column.kind == "json":
        return f"if({value} IN {_NOTHING}, '', concat({start}, {value}))"
    if column.kind == "time":
        return f"concat({start}, '\"', {value}, '\"')"
    # Every slash of a JSON string comes with a backslash of its own, which need not be there.
    return f"if({value} = '', '', concat({start}, replaceAll(toJSONString({value}), '\\\\/', '/')))"


def _csv_cell(column: Column, value: str) -> str:
    if column.kind == "number":
        return f"if({value} = 0, '', toString({value}))"
    if column.kind == "time":
        return value
    nothing = f"{value} IN {_NOTHING}" if column.kind == "json" else f"{value} = ''"
    is_formula = f"hex(substringUTF8({value}, 1, 1)) IN ({_FORMULAS})"
    cell = f"if({is_formula}, concat('''', {value}), {value})"
    return f"if({nothing}, '', concat('\"', replaceAll({cell}, '\"', '\"\"'), '\"'))"


def _nullable(column: Column, value: str) -> str:
    if column.kind == "number":
        return f"nullIf({value}, 0)"
    if column.kind == "time":
        return f"parseDateTime64BestEffort({value}, 3, 'UTC')"
    if column.kind == "json":
        return f"if({value} IN {_NOTHING}, NULL, {value})"
    return f"nullIf({value}, '')"
