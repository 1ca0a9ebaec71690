"""Every number that a page shows is the report's: what the browser has on the page against the CSV its menu gives."""

from __future__ import annotations

import csv
import io
from datetime import datetime
from typing import Any

import pytest
from tests.house import EVERYTHING, ORG, House

from trailhouse.queries.dashboard import figure
from trailhouse.queries.header import Column
from trailhouse.queries.reports import load
from trailhouse.queries.value import read_value

PAGES = (
    "activity", "members", "usage?area=users", "usage?area=entities", "usage?area=actions", "usage?area=sources",
    "usage?area=ai", "statistics", "security", "pipeline",
)  # fmt: skip
REPORTS = load()
# Asking what was read is itself a reading.
MOVING = {"who_read_what"}
# What the company has nothing of in these days; of every other panel numbers are compared.
MAY_BE_EMPTY = {
    "usage?area=users": frozenset({"inactive"}),
    "usage?area=entities": frozenset({"blueprints", "entities", "sources"}),
    "security": frozenset({"deletions", "failed", "failed_from", "rotated"}),
    "pipeline": frozenset({"readers", "rejected"}),
}
# Everything a panel shows, and the files its menu gives, in one go: the page is loaded once.
SHOWN = """async () => {
  const clean = (node) => node.textContent.trim();
  const told = [];
  for (const panel of document.querySelectorAll("article.panel[id]")) {
    const rows = (what) => [...panel.querySelectorAll(what)].map((row) => [...row.querySelectorAll("td:not(.behind), th")].map(clean));
    const href = (form) => panel.querySelector(`.more a[href*="/export/"][href*=".${form}?"]`)?.href;
    told.push({
      key: panel.id, alert: panel.querySelector("[role=alert]")?.textContent,
      is_empty: !!panel.querySelector(".state"),
      is_drawn: !!panel.querySelector(".chart, .cohorts"), below: rows(".as-table table.rows tbody tr").length,
      figures: [...panel.querySelectorAll(".body > .figure[data-tip], .figures .figure")].map((each) => each.dataset.tip.split("\\n")[0]),
      head: panel.querySelector(".headline .figure")?.dataset.tip,
      parts: rows(".parts").flat(), plot: panel.querySelector("[data-plot]")?.dataset.plot,
      table: rows("table.rows tbody tr"), bars: rows("table.bars tbody tr"), pie: rows(".pie tbody tr"),
      report: href("csv").match(/export\\/(\\w+)\\.csv/)[1], csv: await (await fetch(href("csv"))).text(),
    });
  }
  return told;
}"""


def typed(report: str, text: str) -> tuple[list[Column], list[list[Any]]]:
    """The columns and typed rows of a file, without what a page of one organisation does not repeat."""
    columns = {each.name: each for each in REPORTS[report].columns}
    lines = list(csv.reader(io.StringIO(text, newline="")))
    kept = [at for at, name in enumerate(lines[0]) if name not in {"org", "all_orgs"}]
    named = [columns[lines[0][at]] for at in kept]
    rows = [[_value(column, row[at]) for column, at in zip(named, kept, strict=True)] for row in lines[1:]]
    return named, rows


def _value(column: Column, text: str) -> Any:
    """A page has times in the zone asked for, as the file has them."""
    if not text:
        return None
    return (
        datetime.fromisoformat(text) if column.type == "time" else read_value(column.name, column.type, text)
    )


@pytest.mark.usefixtures("kept_answers")
@pytest.mark.parametrize("name", PAGES)
def test_every_number_is_the_files(company: House, visiting: Any, name: str) -> None:
    """Figures, charts, lists and tables, panel by panel, cell by cell."""
    assert company.url
    with visiting(EVERYTHING) as visit:
        visit.go(f"{name}{'&' if '?' in name else '?'}org={ORG}&timezone=Asia/Tehran")
        panels = visit.page.evaluate(SHOWN)
    assert panels
    empty: set[str] = set()
    for panel in panels:
        assert not panel["alert"], panel["alert"]
        columns, rows = typed(panel["report"], panel["csv"])
        if panel["is_empty"]:
            counts = [at for at, column in enumerate(columns) if column.type in {"integer", "number"}]
            assert not any(row[at] for row in rows for at in counts), panel["key"]
            empty.add(panel["key"])
            continue
        # A chart and the table below it (design rule 15).
        assert bool(panel["below"]) == panel["is_drawn"], panel["key"]
        if panel["report"] in MOVING:
            continue
        expected = [
            [figure.shown(column, value) for column, value in zip(columns, row, strict=True)] for row in rows
        ]
        numbers = [at for at, column in enumerate(columns) if column.type in {"integer", "number"}]
        checks = 0
        if panel["table"]:
            assert panel["table"] == expected[: len(panel["table"])], panel["key"]
            assert (
                len(panel["table"]) == min(len(expected), 400 if panel["plot"] or panel["bars"] else 100)
                or panel["pie"]
                or panel["report"] == "retention_cohorts"
            )
            checks += 1
        for at, shown in enumerate(panel["figures"]):
            column = columns[numbers[at]]
            assert shown.split(" ")[0] == figure.exact(rows[0][numbers[at]]), (panel["key"], column.name)
            checks += 1
        if panel["bars"] or panel["pie"]:
            texts = next(at for at, column in enumerate(columns) if column.type in {"text", "time"})
            value = next(at for at in numbers if columns[at].unit != "place")
            found = {row[0]: row[1] for row in (*panel["bars"], *panel["pie"]) if row[0] != "others"}
            wanted = {expected[at][texts]: figure.exact(row[value]) for at, row in enumerate(rows)}
            assert found.items() <= wanted.items(), panel["key"]
            checks += len(found)
        if panel["plot"]:
            checks += plotted(panel, columns, rows)
        assert checks, panel["key"]
    assert empty <= MAY_BE_EMPTY.get(name, frozenset())


def plotted(panel: dict[str, Any], columns: list[Column], rows: list[list[Any]]) -> int:
    """How many points of a chart were compared; each says what the file says of its date."""
    import orjson

    told = orjson.loads(panel["plot"])
    date_at = next(at for at, column in enumerate(columns) if column.type == "date")
    labels = [each.split(" (")[0] for each in told["labels"]]
    dates = [figure.day(row[date_at], unit=columns[date_at].name) for row in rows]
    count = 0
    by_name = {column.name.replace("_", " "): at for at, column in enumerate(columns)}
    for series in told["series"]:
        if series["name"] not in by_name:
            continue  # a value of a text beside the date, which the table has
        values = dict(zip(labels, series["values"], strict=True))
        for day, row in zip(dates, rows, strict=True):
            value = row[by_name[series["name"]]]
            assert values[day] == (None if value is None else figure.exact(value)), (panel["key"], day)
            count += 1
    if panel["head"]:
        first = told["series"][0]["values"][-1]
        assert panel["head"].split(" ")[0] == first
    return count
