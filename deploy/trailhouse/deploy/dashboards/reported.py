"""The dashboards of the organisation and of security, over ClickHouse: each panel is a report's own file.

Which report is on which follows from the requirements its header names, so a new report needs no line here. Who people
are is masked, as in every panel of `trailhouse.queries.grafana`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Final

from grafana_foundation_sdk.builders import dashboard
from grafana_foundation_sdk.models import dashboard as models

from trailhouse.queries.grafana import PLUGIN, panel
from trailhouse.queries.report import Report

ORGANISATION: Final = "trailhouse-organisation"
SECURITY: Final = "trailhouse-security"
_SOURCE: Final = models.DataSourceRef(type_val=PLUGIN, uid="${datasource}")
_ORGS: Final = "SELECT DISTINCT org_id FROM action_slots ORDER BY org_id"
_WIDTH, _HEIGHT, _NUMBER_HEIGHT = 12, 9, 4

#: Prefix of a requirement's id -> the row its reports stand in; the first that a report names decides.
ROWS: Final[Mapping[str, str]] = {
    "WD": "People and activity",
    "WS": "People and activity",
    "K": "People and activity",
    "PE": "People and activity",
    "P": "Usage",
    "SP": "What somebody should look at",
    "design": "The log itself",
}
_SECURITY_ROWS: Final = (ROWS["SP"], ROWS["design"])


def organisation(reports: Iterable[Report]) -> models.Dashboard:
    """People, activity and usage of the organisations chosen."""
    chosen = [(row, each) for each in reports if (row := row_of(each)) not in _SECURITY_ROWS]
    return _build(ORGANISATION, "Trailhouse: organisation", chosen)


def security(reports: Iterable[Report]) -> models.Dashboard:
    """The reports of the security pack, and who read what; who people are is masked."""
    chosen = [(row, each) for each in reports if (row := row_of(each)) in _SECURITY_ROWS]
    return _build(SECURITY, "Trailhouse: security", chosen)


def row_of(report: Report) -> str:
    """The row a report stands in, by the first requirement its header names."""
    prefix = re.match(r"[A-Za-z]+", report.source[0])
    return ROWS[prefix[0] if prefix else ""]


def _build(uid: str, title: str, chosen: list[tuple[str, Report]]) -> models.Dashboard:
    board = (
        dashboard.Dashboard(title)
        .uid(uid)
        .tags(["trailhouse"])
        .timezone("utc")  # panels count whole UTC days
        .time("now-30d", "now")
        .with_variable(dashboard.DatasourceVariable("datasource").label("ClickHouse").type(PLUGIN))
        .with_variable(
            dashboard.QueryVariable("org")
            .label("organisations")
            .datasource(_SOURCE)
            .query(_ORGS)
            .multi(multi=True)
            .refresh(models.VariableRefresh.ON_DASHBOARD_LOAD)
        )
    ).build()
    board.panels = []
    y = 0
    there = {name for name, _ in chosen}
    for row in (name for name in dict.fromkeys(ROWS.values()) if name in there):
        board.panels.append(dashboard.Row(row).grid_pos(models.GridPos(h=1, w=2 * _WIDTH, x=0, y=y)).build())
        y += 1
        # Numbers first, side by side; what is left is two in a row.
        within = [each for name, each in chosen if name == row]
        numbers = [each for each in within if each.chart == "number"]
        others = [each for each in within if each.chart != "number"]
        for group, columns, height in ((numbers, 4, _NUMBER_HEIGHT), (others, 2, _HEIGHT)):
            width = 2 * _WIDTH // columns
            for number, report in enumerate(group):
                place = {
                    "x": number % columns * width,
                    "y": y + number // columns * height,
                    "w": width,
                    "h": height,
                }
                board.panels.append(models.Panel.from_json(panel(report) | {"gridPos": place}))
            y += -(-len(group) // columns) * height
    return board
