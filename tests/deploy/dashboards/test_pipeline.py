"""The pipeline's dashboard: its panels stand beside each other, and ask for what is served."""

from __future__ import annotations

import re

from trailhouse.deploy.dashboards.pipeline import ROWS, UID, build
from trailhouse.deploy.reference.running import METRICS


def test_every_panel_is_there_with_its_queries() -> None:
    """In its row, with what it shows in words."""
    board = build()
    assert board.uid == UID
    panels = [each for each in board.panels or [] if each.type_val != "row"]
    wanted = [panel for row in ROWS for panel in row.panels]
    assert [each.title for each in panels] == [panel.title for panel in wanted]
    assert all(panel.text for panel in wanted)
    for each, panel in zip(panels, wanted, strict=True):
        assert [target.expr for target in each.targets or []] == [query.expr for query in panel.queries]  # type: ignore[attr-defined]  # the SDK's base type has no fields


def test_panels_do_not_cover_each_other() -> None:
    """Each square of the page belongs to one panel at most."""
    seen: set[tuple[int, int]] = set()
    for each in build().panels or []:
        place = each.grid_pos
        assert place is not None
        assert place.x + place.w <= 24
        squares = {(place.x + x, place.y + y) for x in range(place.w) for y in range(place.h)}
        assert not squares & seen, each.title
        seen |= squares


def test_numbers_turn_red() -> None:
    """What must be 0 is red at 1; what must be fresh turns yellow first."""
    panels = {each.title: each for each in build().panels or []}

    def steps(title: str) -> list[tuple[str, float | None]]:
        shown = panels[title].field_config.defaults.thresholds.steps  # type: ignore[union-attr]  # set above
        return [(step.color, step.value) for step in shown]

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
