"""A report as a Grafana panel over ClickHouse's own data source plugin, in UTC.

Grafana knows the range as two instants, `${__from}` and `${__to}`, in milliseconds. A time zone's spans are found in
Python, so a panel has whole UTC days instead: those the range touches. Parameters have their defaults, people are masked,
and the organisations are the dashboard's variable `org`: whoever may use the data source may choose any.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any, Final

from trailhouse.queries.periods import Last, parse_last
from trailhouse.queries.report import Report

PLUGIN: Final = "grafana-clickhouse-datasource"
_SOURCE: Final = {"type": PLUGIN, "uid": "${datasource}"}
_TYPES: Final[Mapping[str, str]] = {
    "number": "stat",
    "line": "timeseries",
    "bar": "barchart",
    "pie": "piechart",
    "table": "table",
}
_PLACEHOLDER: Final = re.compile(r"\{(\w+):([^{}]+)\}")
_DAY_MS: Final = 86_400_000
_FIRST: Final = f"toDate(intDiv(${{__from}}, {_DAY_MS}))"
_UNTIL: Final = f"(intDiv(${{__to}} + {_DAY_MS - 1}, {_DAY_MS}) * {_DAY_MS})"
_WIDTH, _HEIGHT = 12, 9


def dashboard(reports: Iterable[Report]) -> dict[str, Any]:
    """A dashboard to import: the reports' panels, two in a row, and the variables they need."""
    panels = [
        panel(report)
        | {
            "id": number + 1,
            "gridPos": {"x": number % 2 * _WIDTH, "y": number // 2 * _HEIGHT, "w": _WIDTH, "h": _HEIGHT},
        }
        for number, report in enumerate(reports)
    ]
    return {
        "title": panels[0]["title"] if len(panels) == 1 else "Trailhouse",
        "tags": ["trailhouse"],
        "timezone": "utc",
        "schemaVersion": 39,
        "time": {"from": "now-30d", "to": "now"},
        "templating": {
            "list": [
                {"name": "datasource", "label": "ClickHouse", "type": "datasource", "query": PLUGIN},
                {
                    "name": "org",
                    "label": "organisations",
                    "type": "query",
                    "datasource": _SOURCE,
                    "query": "SELECT DISTINCT org_id FROM action_slots ORDER BY org_id",
                    "multi": True,
                    "refresh": 1,
                },
            ]
        },
        "panels": panels,
    }


def panel(report: Report) -> dict[str, Any]:
    """One panel: its kind from the chart, its period from the report's own, units from the columns."""
    is_series = report.chart in {"line", "bar"} and report.columns[0].type == "date"
    made: dict[str, Any] = {
        "type": "timeseries" if is_series else _TYPES[report.chart],
        "title": report.title,
        "description": f"{report.question}\n\nCounts {report.counts}. Whole UTC days; parameters at their defaults.",
        "datasource": _SOURCE,
        "targets": [
            {
                "refId": "A",
                "datasource": _SOURCE,
                "editorType": "sql",
                "queryType": "timeseries" if is_series else "table",
                "format": 0 if is_series else 1,
                "rawSql": sql_of(report, is_series=is_series),
            }
        ],
        "fieldConfig": {
            "defaults": {"custom": {"drawStyle": "bars" if report.chart == "bar" else "line"}}
            if is_series
            else {},
            "overrides": [
                {
                    "matcher": {"id": "byName", "options": column.name},
                    "properties": [{"id": "unit", "value": "percent"}],
                }
                for column in report.columns
                if column.unit == "percent"
            ],
        },
        "options": {"reduceOptions": {"values": True}} if report.chart in {"number", "pie"} else {},
    }
    last = parse_last(report.last)
    return made | ({"timeFrom": _relative(last)} if last.count is not None else {})


def sql_of(report: Report, *, is_series: bool = False) -> str:
    """The report's statement with Grafana's variables in place of what the runner binds."""
    bound = _bound(report)
    sql = _PLACEHOLDER.sub(lambda found: f"CAST({bound[found[1]]} AS {found[2]})", report.uncut_sql)
    hidden = [column.name for column in report.columns if column.is_hidden]
    shown = f"* EXCEPT ({', '.join(hidden)})" if hidden else "*"
    if is_series:
        # The plugin takes a DateTime for the axis.
        time = report.columns[0].name
        return (
            f"SELECT {shown} REPLACE (toDateTime({time}, 'UTC') AS {time}) FROM (\n{sql}\n) ORDER BY {time}"
        )
    return f"SELECT {shown} FROM (\n{sql}\n)" if hidden else sql


def _bound(report: Report) -> dict[str, str]:
    own = {
        each.name: f"'{each.default}'" if isinstance(each.default, str) else str(each.default)
        for each in report.parameters
    }
    unit = "month" if report.is_whole_month else own.get(report.lead, "").strip("'")
    first = _start_of(unit, _FIRST) if unit else _FIRST
    since = _millis(first)
    eve = f"({first} - 1)"
    if unit:
        lead = _millis(_start_of(unit, eve))
    elif report.lead:
        lead = _millis(_back(parse_last(report.lead), first))
    else:
        lead = f"greatest({since} - ({_UNTIL} - {since}), 0)"
    return {
        "orgs": "[${org:singlequote}]",
        "spans": f"[({since}, {_UNTIL}, 0)]",
        "cuts": "[]",
        "ranges": f"[({since}, {_UNTIL})]",
        **_days("", since, _UNTIL),
        **_days("before_", lead, since),
        "before_spans": f"[({lead}, {since}, 0)]",
        "before_cuts": "[]",
        "before_ranges": f"[({lead}, {since})]",
        "past_spans": f"[(0, {_UNTIL}, 0)]",
        "past_cuts": "[]",
        "week_start": "1",
        "read_pii": "false",
        "is_instance": "false",
        "is_known": "false",
        **own,
    }


def _days(prefix: str, since: str, until: str) -> dict[str, str]:
    """Whole UTC days from one midnight to another, as `trailhouse.queries.pieces` would have them."""
    first, last = f"intDiv({since}, {_DAY_MS})", f"(intDiv({until}, {_DAY_MS}) - 1)"
    # As subqueries, for the engine takes no lambda where a view's parameter is computed.
    months = f"range(toUInt32(greatest(dateDiff('month', toDate({first}), toDate({last})) + 1, 0)))"
    start = f"toStartOfMonth(toDate({first}))"
    ends = _millis(f"addMonths({start}, month + 1)")
    return {
        f"{prefix}pieces": f"[({first}, {last}, 0, 0, 96)]",
        f"{prefix}stretches": f"[({first}, {last}, 0, 96)]",
        f"{prefix}dates": f"[({first}, {last})]",
        f"{prefix}months": f"(SELECT arrayMap(month -> addMonths({start}, month), {months}))",
        f"{prefix}month_ends": f"(SELECT arrayMap(month -> least({until}, {ends}), {months}))",
    }


def _start_of(unit: str, day: str) -> str:
    return f"toStartOfMonth({day})" if unit == "month" else f"toStartOfWeek({day}, 1)"


def _back(last: Last, first: str) -> str:
    unit = {"d": "Day", "w": "Week", "m": "Month", "y": "Year"}[last.unit]
    return f"subtract{unit}s({first}, {last.count})"


def _millis(day: str) -> str:
    return f"(toInt64(toUInt32(toDateTime({day}, 'UTC'))) * 1000)"


def _relative(last: Last) -> str:
    return f"{last.count}{'M' if last.unit == 'm' else last.unit}"
