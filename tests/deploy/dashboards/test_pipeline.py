"""The pipeline's dashboard: its panels stand beside each other, and ask for what is served."""

from __future__ import annotations

import json
import re
from typing import Any

from trailhouse.deploy.dashboards.pipeline import ROWS, UID, build
from trailhouse.deploy.dashboards.writing import written
from trailhouse.deploy.reference.running import METRICS


def panels() -> list[dict[str, Any]]:
    """As Grafana reads them."""
    found: list[dict[str, Any]] = json.loads(written()["pipeline.json"])["panels"]
    return found


def test_every_panel_is_there_with_its_queries() -> None:
    """In its row, with what it shows in words."""
    assert build().uid == UID
    shown = [each for each in panels() if each["type"] != "row"]
    wanted = [panel for row in ROWS for panel in row.panels]
    assert [each["title"] for each in shown] == [panel.title for panel in wanted]
    assert all(panel.text for panel in wanted)
    for each, panel in zip(shown, wanted, strict=True):
        assert [target["expr"] for target in each["targets"]] == [query.expr for query in panel.queries]


def test_panels_do_not_cover_each_other() -> None:
    """Each square of the page belongs to one panel at most."""
    seen: set[tuple[int, int]] = set()
    for each in panels():
        place = each["gridPos"]
        assert place["x"] + place["w"] <= 24
        squares = {(place["x"] + x, place["y"] + y) for x in range(place["w"]) for y in range(place["h"])}
        assert not squares & seen, each["title"]
        seen |= squares


def test_numbers_turn_red() -> None:
    """What must be 0 is red at 1; what must be fresh turns yellow first."""
    by_title = {each["title"]: each for each in panels()}

    def steps(title: str) -> list[tuple[str, float | None]]:
        shown = by_title[title]["fieldConfig"]["defaults"]["thresholds"]["steps"]
        return [(step["color"], step["value"]) for step in shown]

    assert steps("Unaccounted") == [("green", None), ("red", 1)]
    assert steps("Newest stored event") == [("green", None), ("yellow", 300), ("red", 3600)]


def test_queries_ask_for_metrics_that_exist() -> None:
    """Of the roles' metrics; figures with a colon are the recording rules', which another test holds to them."""
    served = {"up"}
    for made in METRICS.values():
        for collector in list(made().registry._collector_to_names):
            for metric in collector.describe():
                kinds = {"counter": ("_total",), "histogram": ("_bucket",)}
                served |= {metric.name + end for end in kinds.get(metric.type, ("",))}
    text = " ".join(query.expr for row in ROWS for panel in row.panels for query in panel.queries)
    assert set(re.findall(r"\btrailhouse_[a-z_]+", text)) - served == set()
