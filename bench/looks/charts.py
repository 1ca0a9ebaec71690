"""The pictures of docs/performance.md: SVG by the dashboard's own chart code, from the results alone. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from bench.emitter import CONTENDERS as EMITTERS
from bench.emitter import EMITTER
from bench.figures import contenders, figure, is_valid, ratio
from bench.path import PATH
from bench.worker import OURS
from trailhouse.queries.dashboard.line_plot import line_shape
from trailhouse.queries.dashboard.picture import listed, plotted
from trailhouse.queries.dashboard.series import Drawing, Series

Rows = Sequence[Mapping[str, Any]]
WORKER: Final = "performance-worker.svg"
RATIOS: Final = "performance-ratios.svg"
EMIT: Final = "performance-emit.svg"
PATHS: Final = "performance-path.svg"
CURVES: Final = {
    "workers": "performance-scale-workers.svg",
    "orgs": "performance-scale-orgs.svg",
    "users": "performance-scale-people.svg",
}


def draw(results: Mapping[str, Rows]) -> dict[str, str]:
    """File names and SVGs of what there are results for."""
    drawn = {
        RATIOS: _ratios(results),
        WORKER: _rates(results.get("worker", ()), "Stream worker, one record in, one out"),
        PATHS: _rates(results.get("path", ()), "Whole path, raw topic to queryable"),
        EMIT: _calls(results.get("emitter", ())),
        **{file: _curve(results.get("scale", ()), curve) for curve, file in CURVES.items()},
    }
    return {name: text for name, text in drawn.items() if text}


def _ratios(results: Mapping[str, Rows]) -> str:
    """How many times as fast Trailhouse is as each peer of the same table."""
    found = [
        (f"{part}: {name}", times)
        for part, ours in (("worker", OURS), ("path", PATH))
        for name in contenders(results.get(part, ()))
        if name not in {ours, "one event"} and (times := ratio(results[part], ours, name)) is not None
    ]
    if not found:
        return ""
    found.sort(key=lambda each: -each[1])
    names, ratios = [name for name, _ in found], [round(times, 2) for _, times in found]
    under = "median against median of the same run, same events, same enrichment where it enriches"
    return listed("Trailhouse's rate over a peer's", under, names, ratios, unit="x")


def _rates(rows: Rows, title: str) -> str:
    rates = [(name, figure(rows, name, "rate")) for name in contenders(rows)]
    found = sorted(((name, each.median) for name, each in rates if each.runs), key=lambda each: -each[1])
    if len(found) < 2:
        return ""
    values = [value for _, value in found]
    names = ["Trailhouse" if name == PATH else name for name, _ in found]
    return listed(title, "median of the runs", names, [round(each) for each in values], unit="events/s")


def _calls(rows: Rows) -> str:
    """Microseconds of a call, for those who take events from an application; their spools apart."""
    known = {each.name for each in EMITTERS if each.to != "itself" or each.peer == "opentelemetry"}
    calls = [(name, figure(rows, name, "p50_us")) for name in contenders(rows) if name in known]
    found = sorted(((name, each.median) for name, each in calls if each.runs), key=lambda each: each[1])
    if not found or EMITTER not in dict(found):
        return ""
    names, values = zip(*found, strict=True)
    return listed(
        "What a call costs its caller",
        "median, microseconds",
        names,
        [round(each, 1) for each in values],
        unit="µs",
    )


def _curve(rows: Rows, curve: str) -> str:
    points = [row for row in rows if row.get("curve") == curve and is_valid(row)]
    if not points:
        return ""
    if curve == "workers":
        steps = sorted({row["workers"] for row in points})
        series = [
            Series(
                f"{partitions} partition{'s' * (partitions > 1)}",
                tuple(
                    next(
                        (
                            row["rate"]
                            for row in points
                            if (row["workers"], row["partitions"]) == (step, partitions)
                        ),
                        None,
                    )
                    for step in steps
                ),
            )
            for partitions in sorted({row["partitions"] for row in points})
        ]
        return _lines("Events/s by worker processes", "one group, all on the same cores", steps, series)
    axis, what = ("orgs", "organisations") if curve == "orgs" else ("people", "people")
    points = sorted(points, key=lambda row: row[axis])
    series = [Series("whole path, events/s", tuple(row["rate"] for row in points))]
    return _lines(f"Events/s by {what}", "raw topic to queryable", [row[axis] for row in points], series)


def _lines(title: str, under: str, steps: Sequence[int], series: Sequence[Series]) -> str:
    labels = tuple(f"{each:,}".replace(",", " ") for each in steps)
    return plotted(title, under, line_shape(Drawing(labels, tuple(series), unit="events/s")))
