"""Blocks about reports: the index, and a page of each with its question, definition, an example and its SQL.

The example is what `python -m tests.queries.simulated` kept of a simulated company; a test compares it with the engine.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Final

from trailhouse.deploy.reference.table import table
from trailhouse.queries.header import Semantics
from trailhouse.queries.report import ASKED, Report, load

_FILES: Final = "../../queries/trailhouse/queries/reports"
_EXAMPLES: Final = Path(__file__).parents[4] / "tests/queries/golden/simulated"


def reports() -> str:
    """The parameters that all reports take, and where each has its page."""
    rows = [(f"`--{name.replace('_', '-')}`", text) for name, text in ASKED.items()]
    asked = table(("parameter", "meaning"), rows)
    pages = [
        (f'<a id="{name}"></a>[{name}](reports/{name}.md)', each.question, ", ".join(each.source))
        for name, each in _loaded().items()
    ]
    index = table(("report", "question", "requirements"), pages)
    return f"## Parameters of every report\n\n{asked}\n\n## The reports\n\n{index}"


def report(name: str) -> str:
    """The page of one report; raises `KeyError` where there is none of that name."""
    each = _loaded()[name]
    example = (_EXAMPLES / f"{name}.txt").read_text("utf-8")
    file = f"[`{name}.sql`]({_FILES}/{name}.sql)"
    parts = [
        _report(each),
        f"## Example\n\n```console\n{example}```",
        f"## SQL\n\nFrom {file}; the values in braces are bound by the server.\n\n```sql\n{each.sql}\n```",
    ]
    return "\n\n".join(parts)


def add_pages(folder: Path) -> None:
    """A page, to be filled, for each report that has none in `folder`."""
    folder.mkdir(exist_ok=True)
    for name in _loaded():
        page = folder / f"{name}.md"
        if not page.exists():
            page.write_text(f"<!-- report {name}: begin -->\n<!-- report {name}: end -->\n")


@cache
def _loaded() -> Mapping[str, Report]:
    return load()


def _report(report: Report) -> str:
    terms = ", ".join(f"[{term.replace('-', ' ')}](../definitions.md#{term})" for term in report.terms)
    facts = [
        f"**{report.question}** One of the [reports](../reports.md).",
        "## Definition",
        f"Counts {report.counts}. Terms: {terms}.",
        f"Period when none is asked for: `{report.last}`. Requirements: {', '.join(report.source)}.",
    ]
    if report.ties:
        facts.append(f"Ties: {report.ties}.")
    if report.is_whole_month:
        facts.append("The period's first month counts whole.")
    if report.semantics:
        named = [
            (f"`--semantics {each.name}`", each.quote, _changes(each)) for each in report.semantics.values()
        ]
        facts.append(table(("definition", "in its source's words", "changes"), named))
    columns = [
        (f"`{each.name}`", each.type, each.unit, each.text) for each in report.columns if not each.is_hidden
    ]
    facts.append(table(("column", "type", "unit", "meaning"), columns))
    if report.parameters:
        own = [
            (
                f"`--{each.name.replace('_', '-')}`",
                _allowed(each.choices, each.minimum, each.maximum),
                f"`{each.default}`",
                each.text,
            )
            for each in report.parameters
        ]
        facts.append(table(("parameter", "allowed", "default", "meaning"), own))
    facts.append(_behind(report))
    return f"# {report.name}\n\n" + "\n\n".join(facts)


def _changes(semantics: Semantics) -> str:
    changes = [
        *([f"period `{semantics.last}`"] if semantics.last else []),
        *([f"nothing before {semantics.since}"] if semantics.since else []),
        *(f"`--{name.replace('_', '-')} {value}`" for name, value in semantics.parameters.items()),
    ]
    return ", ".join(changes) or "nothing"


def _behind(report: Report) -> str:
    explain = report.explain
    what = f"`{explain.is_}` of them is `{explain.column}`" if explain.column else explain.text
    of = {"events": "events", "landed": "landed records", "rejected": "rejected records"}[explain.source]
    return f"`--explain ROW` lists the {of} behind a row: {what.rstrip('.')}."


def _allowed(choices: tuple[str, ...], minimum: int, maximum: int) -> str:
    return ", ".join(f"`{choice}`" for choice in choices) if choices else f"{minimum} to {maximum}"
