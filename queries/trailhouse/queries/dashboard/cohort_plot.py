"""Cohorts as a triangle of shades: who began together, and how many of them came back later. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

from markupsafe import Markup

from trailhouse.queries.dashboard.figure import day, exact
from trailhouse.queries.header import Column
from trailhouse.queries.value import Value

NEEDED = frozenset({"cohort", "newcomers", "after", "active", "retained"})


def is_cohorts(columns: Sequence[Column]) -> bool:
    """Whether an answer has what a triangle needs."""
    return {column.name for column in columns} >= NEEDED


def cohort_plot(columns: Sequence[Column], rows: Sequence[Sequence[Value]], *, caption: str) -> Markup:
    """A row for each cohort with somebody in it, a column for each time later; the darker the more were active."""
    names = [column.name for column in columns]
    at = {name: names.index(name) for name in NEEDED}
    told: dict[date, dict[int, tuple[float | None, int]]] = {}
    sizes: dict[date, int] = {}
    for row in rows:
        cohort, after, retained = row[at["cohort"]], row[at["after"]], row[at["retained"]]
        newcomers, active = row[at["newcomers"]], row[at["active"]]
        if isinstance(cohort, date) and isinstance(after, int) and isinstance(newcomers, int) and newcomers:
            sizes[cohort] = newcomers
            share = retained if isinstance(retained, int | float) else None
            told.setdefault(cohort, {})[after] = share, active if isinstance(active, int) else 0
    wide = max((max(each) for each in told.values()), default=-1) + 1
    heads = Markup().join(Markup('<th scope="col" class="number">{}</th>').format(n) for n in range(wide))
    lines = Markup().join(
        Markup('<tr><th scope="row">{}</th><td class="number">{}</td>{}</tr>').format(
            day(cohort), exact(sizes[cohort]), Markup().join(_cell(each.get(n)) for n in range(wide))
        )
        for cohort, each in told.items()
    )
    return Markup(
        '<table class="cohorts"><caption class="quiet">{}</caption><thead><tr><th scope="col">Began</th>'
        '<th scope="col" class="number">People</th>{}</tr></thead><tbody>{}</tbody></table>'
    ).format(caption, heads, lines)


def _cell(told: tuple[float | None, int] | None) -> Markup:
    if told is None:
        return Markup("<td></td>")
    share, active = told
    if share is None:
        return Markup('<td class="number">\N{EN DASH}</td>')
    return Markup('<td class="number h{}" title="{} active">{}</td>').format(
        min(9, int(share // 10)), exact(active), f"{share:.0f}"
    )
