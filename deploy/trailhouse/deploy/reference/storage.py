"""Blocks about what is stored and read: the tables, the reports."""

from __future__ import annotations

import re
from typing import Final

from trailhouse.deploy.reference.table import table
from trailhouse.queries.header import Semantics
from trailhouse.queries.report import ASKED, Report, load
from trailhouse.sinks.migrate import load as load_migrations

_CREATED: Final = re.compile(r"^CREATE (?:OR REPLACE )?(TABLE|VIEW) (\w+)", re.MULTILINE)
_ALTERED: Final = re.compile(r"^ALTER TABLE (\w+?)(?:_mv)?\b", re.MULTILINE)
_BODY: Final = re.compile(r"^CREATE TABLE \w+ \(\n(.*?)^\)", re.MULTILINE | re.DOTALL)
_SCHEMA: Final = "../sinks/trailhouse/sinks/schema"
_REPORTS: Final = "../queries/trailhouse/queries/reports"


def tables() -> str:
    """What each migration says above the table or view it makes."""
    return "\n\n".join(_migration(each.name, each.text) for each in load_migrations())


def reports() -> str:
    """Every report from its own header, and the parameters all of them take."""
    rows = [(f"`--{name.replace('_', '-')}`", text) for name, text in ASKED.items()]
    asked = table(("parameter", "meaning"), rows)
    return "\n\n".join(
        [f"## Parameters of every report\n\n{asked}", *(_report(each) for each in load().values())]
    )


def _migration(name: str, text: str) -> str:
    comment = re.match(r"(?:--.*\n)*", text)
    said = re.sub(r"^-- ?", "", comment[0] if comment else "", flags=re.MULTILINE).strip()
    made = [f"{kind.lower()} `{made}`" for kind, made in _CREATED.findall(text)]
    made = made or [f"more of table `{table}`" for table in dict.fromkeys(_ALTERED.findall(text))]
    columns = [f"Columns: {_columns(body)}." for body in _BODY.findall(text)]
    place = f"In [`{name}`]({_SCHEMA}/{name})."
    return f"### {', '.join(made)}\n\n" + "\n\n".join([said, *columns, place])


def _columns(body: str) -> str:
    """Names and types, without what only matters to the disk."""
    found = re.findall(r"^ {2}`?(\w+)`? (.+?)(?: (?:CODEC|DEFAULT)\b.*)?,?$", body, re.MULTILINE)
    plain = [
        (column, re.sub(r"LowCardinality\((\w+)\)", r"\1", kind))
        for column, kind in found
        if column != "INDEX"
    ]
    return ", ".join(f"`{column}` {kind}" for column, kind in plain)


def _report(report: Report) -> str:
    terms = ", ".join(f"[{term.replace('-', ' ')}](definitions.md#{term})" for term in report.terms)
    facts = [
        f"**{report.question}**",
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
    facts.append(f"SQL: [`{report.name}.sql`]({_REPORTS}/{report.name}.sql)")
    return f"## {report.name}\n\n" + "\n\n".join(facts)


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
