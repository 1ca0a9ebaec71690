"""A result as a table for people, CSV, JSON or JSON lines."""

from __future__ import annotations

import csv as csv_writer
import io
from datetime import UTC, date, datetime
from typing import Any, Final

import orjson
from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from trailhouse.queries.runner import Result, Value

WHOLE: Final = "the whole installation"
FORMATS: Final = ("table", "csv", "json", "ndjson")
# A spreadsheet runs a cell that begins with one of these; the wide forms count too in some locales.
FORMULA_STARTS: Final = frozenset("=+-@\t\r\n\uff1d\uff0b\uff0d\uff20")


def csv(result: Result) -> str:
    """RFC 4180: comma, CRLF, a header row, quotes where needed; text a spreadsheet would run gets a leading apostrophe."""
    out = io.StringIO()
    writer = csv_writer.writer(out, lineterminator="\r\n")
    writer.writerow([column.name for column in result.columns])
    for row in result.rows:
        writer.writerow(["" if value is None else _cell(value) for value in row])
    return out.getvalue()


def json(result: Result) -> bytes:
    """One object: report, params, period, columns, rows (objects by column name), freshness."""
    return orjson.dumps(document(result), option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)


def ndjson(result: Result) -> bytes:
    """One JSON object per row and line."""
    return b"".join(orjson.dumps(row, option=orjson.OPT_APPEND_NEWLINE) for row in _objects(result))


def table(
    result: Result, *, width: int | None = None, color: bool = False, limit: int | None = None, rest: str = ""
) -> str:
    """A table with a line below that says rows, time taken, period, zone and how fresh the store is.

    `width` None = as wide as the rows are; control characters are shown, never sent to the terminal. Of more than
    `limit` rows (None = no limit) the others are a line that counts them and says with `rest` how to see them.
    """
    drawn = Table(box=box.SIMPLE_HEAD)
    for column in result.columns:
        drawn.add_column(
            column.name, justify="right" if column.type == "integer" else "left", overflow="fold"
        )
    for row in result.rows[:limit]:
        drawn.add_row(*(Text(_shown(value)) for value in row))
    out = io.StringIO()
    console = Console(
        file=out, width=width or 10_000, force_terminal=color, no_color=not color, highlight=False
    )
    console.print(Text(f"{result.report.title} · {result.question.org or WHOLE}", style="bold"))
    console.print(drawn)
    if limit is not None and len(result.rows) > limit:
        console.print(Text(f"  … and {len(result.rows) - limit:,} more: {rest}\n"), soft_wrap=True)
    console.print(Text(footer(result), style="dim"), soft_wrap=True)
    return "\n".join(line.rstrip() for line in out.getvalue().splitlines()) + "\n"


def footer(result: Result) -> str:
    """`7 rows · 0.03 s · 2026-01-01 to 2026-01-07, so far · UTC · stored through 2026-01-07T14:03:07Z`."""
    period, count = result.question.period, len(result.rows)
    landed = (
        [f"stored through {text(result.landed_until.replace(microsecond=0))}"] if result.landed_until else []
    )
    dates = f"{period.first} to {period.last}{', so far' if result.is_so_far else ''}"
    return " · ".join(
        [
            f"{count:,} row{'' if count == 1 else 's'}",
            f"{result.elapsed_s:.2f} s",
            dates,
            period.timezone,
            *landed,
        ]
    )


def document(result: Result) -> dict[str, Any]:
    """The JSON object as Python values."""
    question, period = result.question, result.question.period
    return {
        "report": result.report.name,
        "title": result.report.title,
        "params": {"org": question.org or None, "timezone": period.timezone, **question.own},
        "period": {
            "first_day": period.first.isoformat(),
            "last_day": period.last.isoformat(),
            "since": text(period.since),
            "until": text(period.until),
            "so_far": result.is_so_far,
        },
        "columns": [column.to_dict() for column in result.columns],
        "rows": _objects(result),
        "freshness": {
            "asked_at": text(result.asked_at),
            "stored_through": text(result.landed_until) if result.landed_until else None,
        },
        "note": result.note,
    }


def text(value: Value) -> str:
    """A value as CSV and JSON write it: RFC 3339 with `Z` for UTC and milliseconds where there are any."""
    if isinstance(value, datetime):
        shown = value.isoformat(timespec="milliseconds" if value.microsecond else "seconds")
        return shown.removesuffix("+00:00") + "Z" if value.utcoffset() == UTC.utcoffset(None) else shown
    return value.isoformat() if isinstance(value, date) else str(value)


def _objects(result: Result) -> list[dict[str, Any]]:
    names = [column.name for column in result.columns]
    return [
        dict(
            zip(
                names,
                [value if isinstance(value, int) or value is None else text(value) for value in row],
                strict=True,
            )
        )
        for row in result.rows
    ]


def _cell(value: Value) -> str:
    shown = text(value)
    return f"'{shown}" if isinstance(value, str) and shown[:1] in FORMULA_STARTS else shown


def _shown(value: Value) -> str:
    if value is None:
        return "-"
    if isinstance(value, int):
        return f"{value:,}"
    return safe(text(value))


def safe(shown: str) -> str:
    """Control and bidi characters as escapes, so that no stored text can steer a terminal."""
    return "".join(each if each.isprintable() else each.encode("unicode_escape").decode() for each in shown)
