"""Blocks about what is stored and read: the tables, the reports."""

from __future__ import annotations

import re
from typing import Final

from trailhouse.deploy.reference.table import table
from trailhouse.queries.report import ASKED, Report, load
from trailhouse.sinks.migrate import load as load_migrations

_CREATED: Final = re.compile(r"^CREATE (TABLE|VIEW) (\w+)", re.MULTILINE)
_ALTERED: Final = re.compile(r"^ALTER TABLE (\w+?)(?:_mv)?\b", re.MULTILINE)
_BODY: Final = re.compile(r"^CREATE TABLE \w+ \(\n(.*?)^\)", re.MULTILINE | re.DOTALL)
_SCHEMA: Final = "../sinks/trailhouse/sinks/schema"
_REPORTS: Final = "../queries/trailhouse/queries/reports"


def tables() -> str:
    """What each migration says above the table or view it makes."""
    return "\n\n".join(_migration(each.name, each.text) for each in load_migrations())


def reports() -> str:
    """Every report from its own header, and the parameters all of them take."""
    asked = table(("parameter", "meaning"), [(f"`--{name}`", text) for name, text in ASKED.items()])
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
    columns = [(f"`{each.name}`", each.type, each.unit, each.text) for each in report.columns]
    facts.append(table(("column", "type", "unit", "meaning"), columns))
    if report.parameters:
        own = [
            (
                f"`--{each.name}`",
                _allowed(each.choices, each.minimum, each.maximum),
                f"`{each.default}`",
                each.text,
            )
            for each in report.parameters
        ]
        facts.append(table(("parameter", "allowed", "default", "meaning"), own))
    facts.append(f"SQL: [`{report.name}.sql`]({_REPORTS}/{report.name}.sql)")
    return f"## {report.name}\n\n" + "\n\n".join(facts)


def _allowed(choices: tuple[str, ...], minimum: int, maximum: int) -> str:
    return ", ".join(f"`{choice}`" for choice in choices) if choices else f"{minimum} to {maximum}"
