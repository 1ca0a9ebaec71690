"""The events behind a row of a report, as a table for people or as JSON; as CSV and JSON lines `render` writes them."""

from __future__ import annotations

from typing import Any

import orjson

from trailhouse.queries.explain import Explanation
from trailhouse.queries.render import WHOLE, drawn, objects, plain
from trailhouse.queries.value import text_of


def document(explanation: Explanation) -> dict[str, Any]:
    """The events behind a row as one JSON object's Python values."""
    report, period = explanation.question.report, explanation.period
    return {
        "report": report.name,
        "params": explanation.question.pinned,
        "row": {name: plain(value) for name, value in explanation.row.items()},
        "column": report.explain.column or None,
        "figure": explanation.figure,
        "text": report.explain.text or None,
        "period": {"since": text_of(period.since), "until": text_of(period.until)},
        "columns": [column.to_dict() for column in explanation.columns],
        "rows": objects(explanation),
        "total": explanation.total,
        "rest": explanation.rest,
    }


def json(explanation: Explanation) -> bytes:
    """The events behind a row as one JSON object."""
    return orjson.dumps(document(explanation), option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)


def table(explanation: Explanation, *, width: int | None = None, color: bool = False) -> str:
    """The events behind a row, below them how many there are and what the row counts of them."""
    report, question = explanation.question.report, explanation.question
    row = ", ".join(f"{name} = {text_of(value)}" for name, value in explanation.row.items())
    counted = f"{report.explain.column} = {_figure(explanation.figure)}" if report.explain.column else ""
    noun = {"events": "event", "landed": "landed record", "rejected": "rejected record"}[
        report.explain.source
    ]
    rest = f"  … and {explanation.rest:,} more, later ones\n"
    parts = [
        f"{explanation.total:,} {noun}{'' if explanation.total == 1 else 's'}",
        counted or report.explain.text,
        f"{explanation.elapsed_s:.2f} s",
        f"{text_of(explanation.period.since)} to {text_of(explanation.period.until)}",
    ]
    return drawn(
        explanation.columns,
        explanation.rows,
        " · ".join(part for part in (report.title, ", ".join(question.orgs) or WHOLE, row) if part),
        [*([rest] if explanation.rest else []), " · ".join(parts)],
        width=width,
        color=color,
    )


def _figure(figure: float | None) -> str:
    return "-" if figure is None else f"{figure:,}"
