"""A result as a table for people, CSV, JSON or JSON lines."""

from __future__ import annotations

import csv as csv_writer
import io
from collections import Counter
from collections.abc import Sequence
from typing import Any, Final, Protocol

import orjson
from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from trailhouse.queries.explain import link_of
from trailhouse.queries.finality import State
from trailhouse.queries.header import Column
from trailhouse.queries.machines import KINDS
from trailhouse.queries.runner import Result
from trailhouse.queries.sparkline import series_of, sparkline
from trailhouse.queries.value import Row, Value, text_of

WHOLE: Final = "the whole installation"
FORMATS: Final = ("table", "csv", "json", "ndjson", "parquet")
# A spreadsheet runs a cell that begins with one of these; the wide forms count too in some locales.
FORMULA_STARTS: Final = frozenset("=+-@\t\r\n\uff1d\uff0b\uff0d\uff20")


class Rows(Protocol):
    """What has rows and their columns: a report's result, the events behind one of them."""

    @property
    def columns(self) -> tuple[Column, ...]: ...
    @property
    def rows(self) -> tuple[Row, ...]: ...


def csv(answer: Rows) -> str:
    """RFC 4180: comma, CRLF, a header row, quotes where needed; text a spreadsheet would run gets a leading apostrophe."""
    out = io.StringIO()
    writer = csv_writer.writer(out, lineterminator="\r\n")
    writer.writerow([column.name for column in answer.columns])
    for row in answer.rows:
        writer.writerow(["" if value is None else _cell(value) for value in row])
    return out.getvalue()


def json(result: Result) -> bytes:
    """One object: report, params, period, columns, rows (objects by column name), freshness."""
    return orjson.dumps(document(result), option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)


def ndjson(answer: Rows) -> bytes:
    """One JSON object per row and line."""
    return b"".join(orjson.dumps(row, option=orjson.OPT_APPEND_NEWLINE) for row in objects(answer))


def table(
    result: Result, *, width: int | None = None, color: bool = False, limit: int | None = None, rest: str = ""
) -> str:
    """A table with a line below that says rows, time taken, period, zone and how fresh the store is.

    `width` None = as wide as the rows are; control characters are shown, never sent to the terminal. Of more than
    `limit` rows (None = no limit) the others are a line that counts them and says with `rest` how to see them.
    """
    more = len(result.rows) - limit if limit is not None and len(result.rows) > limit else 0
    series = series_of(result)
    semantics = result.question.semantics
    notes = [
        *([f"  … and {more:,} more: {rest}\n"] if more else []),
        *([f"  {series[0]} {sparkline(series[1])}\n"] if series else []),
        *([f"  {semantics.name}: “{semantics.quote}”\n"] if semantics else []),
    ]
    title = f"{result.report.title} · {', '.join(result.question.orgs) or WHOLE}"
    return drawn(
        result.columns, result.rows[:limit], title, [*notes, footer(result)], width=width, color=color
    )


def drawn(  # noqa: PLR0913 - what a table is
    columns: Sequence[Column],
    rows: Sequence[Row],
    title: str,
    below: Sequence[str],
    *,
    width: int | None = None,
    color: bool = False,
) -> str:
    """Rows under a title, with lines below, the last of them the footer."""
    grid = Table(box=box.SIMPLE_HEAD)
    for column in columns:
        is_number = column.type in {"integer", "number"}
        grid.add_column(column.name, justify="right" if is_number else "left", overflow="fold")
    for row in rows:
        grid.add_row(*(Text(_shown(column, value)) for column, value in zip(columns, row, strict=True)))
    out = io.StringIO()
    console = Console(
        file=out, width=width or 10_000, force_terminal=color, no_color=not color, highlight=False
    )
    console.print(Text(safe(title), style="bold"))
    console.print(grid)
    *notes, last = below
    for note in notes:
        console.print(Text(note), soft_wrap=True)
    console.print(Text(last, style="dim"), soft_wrap=True)
    return "\n".join(line.rstrip() for line in out.getvalue().splitlines()) + "\n"


def footer(result: Result) -> str:
    """`7 rows · 0.03 s · 2026-01-01 to 2026-01-07, so far · UTC · stored through 2026-01-07T14:03:07Z`.

    What else is worth knowing follows: what was decided for whoever asked, who is left out, what is not final.
    """
    question, count = result.question, len(result.rows)
    landed = (
        [f"stored through {text_of(result.landed_until.replace(microsecond=0))}"]
        if result.landed_until
        else []
    )
    dates = f"{question.period.first} to {question.period.last}, {result.state.words}"
    return " · ".join(
        [
            f"{count:,} row{'' if count == 1 else 's'}",
            f"{result.elapsed_s:.2f} s",
            dates,
            question.period.timezone,
            *landed,
            *question.said,
            *_left_out(result),
            *_unsettled(result),
        ]
    )


def document(result: Result) -> dict[str, Any]:
    """The JSON object as Python values."""
    question, period = result.question, result.question.period
    rows = [
        {**row, "state": state.value, "explain": link_of(question, result.values(number))}
        for number, (row, state) in enumerate(zip(objects(result), result.states, strict=True))
    ]
    return {
        "report": result.report.name,
        "title": result.report.title,
        "params": {
            "org": ",".join(question.orgs) or None,
            **({"company": question.about.company} if question.about.company else {}),
            "timezone": period.timezone,
            **question.own,
        },
        "semantics": question.semantics.to_dict() if question.semantics else None,
        "period": {
            "first_day": period.first.isoformat(),
            "last_day": period.last.isoformat(),
            "since": text_of(period.since),
            "until": text_of(period.until),
            "so_far": result.is_so_far,
            "state": result.state.value,
        },
        "columns": [column.to_dict() for column in result.columns],
        "rows": rows,
        "left_out": dict(result.left_out) if result.left_out is not None else None,
        "decided": list(question.said),
        "freshness": {
            "asked_at": text_of(result.asked_at),
            "stored_through": text_of(result.landed_until) if result.landed_until else None,
        },
        "note": result.note,
    }


def objects(answer: Rows) -> list[dict[str, Any]]:
    """The rows as objects by column name."""
    names = [column.name for column in answer.columns]
    return [dict(zip(names, map(plain, row), strict=True)) for row in answer.rows]


def plain(value: Value) -> str | int | float | None:
    """A value as JSON has it."""
    return value if value is None or isinstance(value, int | float) else text_of(value)


def safe(shown: str) -> str:
    """Control and bidi characters as escapes, so that no stored text can steer a terminal."""
    return "".join(each if each.isprintable() else each.encode("unicode_escape").decode() for each in shown)


def _left_out(result: Result) -> list[str]:
    if result.left_out is None:
        return []
    counted = [
        f"{count:,} {KINDS[kind]}{'' if count == 1 else 's'}" for kind, count in result.left_out.items()
    ]
    return [f"not counted: {' and '.join(counted)}"]


def _unsettled(result: Result) -> list[str]:
    states = Counter(result.states)
    counted = [f"{states[state]:,} {state.words}" for state in State if states[state]]
    return [f"rows: {', '.join(counted)}"] if len(counted) > 1 else []


def _cell(value: Value) -> str:
    shown = text_of(value)
    return f"'{shown}" if isinstance(value, str) and shown[:1] in FORMULA_STARTS else shown


def _shown(column: Column, value: Value) -> str:
    if value is None:
        return "-"
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, float):
        return f"{value:,.1f} %" if column.unit == "percent" else f"{value:,.2f}"
    return safe(text_of(value))
