"""The dashboard of the pipeline, over Prometheus: what comes in, waits, is stored; whether the books balance; room; the api.

It asks for the figures the alerts ask for (`deploy/prometheus/rules/recording.yml`), so both say the same.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

from grafana_foundation_sdk.builders import dashboard, prometheus, stat, timeseries
from grafana_foundation_sdk.models import dashboard as models

UID: Final = "trailhouse-pipeline"
SOURCE: Final = models.DataSourceRef(type_val="prometheus", uid="${datasource}")
_WIDTH, _HEIGHT, _STATS_HEIGHT = 24, 8, 4


@dataclass(frozen=True, slots=True)
class Query:
    """One line of a panel: PromQL, and how its series are called."""

    expr: str
    legend: str = ""


@dataclass(frozen=True, slots=True)
class Panel:
    """`unit` is Grafana's; from `warn` on a number is yellow, from `bad` on red; less is worse where `bad` < `warn`."""

    title: str
    queries: tuple[Query, ...]
    text: str
    unit: str = "short"
    kind: Literal["stat", "series"] = "series"
    warn: float | None = None
    bad: float | None = None


@dataclass(frozen=True, slots=True)
class Row:
    title: str
    panels: tuple[Panel, ...]


def _stat(  # noqa: PLR0913, PLR0917 - a line of the table below
    title: str, expr: str, text: str, unit: str, warn: float | None, bad: float | None
) -> Panel:
    return Panel(title, (Query(expr),), text, unit, "stat", warn, bad)


ROWS: Final = (
    Row(
        "Is all well?",
        (
            _stat(
                "Unaccounted",
                "max(trailhouse_unaccounted_events)",
                "Raw records no table accounts for.",
                "short",
                None,
                1,
            ),
            _stat(
                "Newest stored event",
                "trailhouse:freshness:seconds",
                "How old the figures are.",
                "s",
                300,
                3600,
            ),
            _stat(
                "In flight",
                'max(trailhouse_balance_records{became="in_flight"})',
                "Received, and not stored yet.",
                "short",
                None,
                None,
            ),
            _stat(
                "Rejected",
                "trailhouse:rejected:ratio5m",
                "Share of what comes in that could not become an event.",
                "percentunit",
                0.01,
                0.05,
            ),
            _stat(
                "Missing",
                "sum(trailhouse_sink_gap_records) or vector(0)",
                "Enriched records missing before what arrived.",
                "short",
                None,
                1,
            ),
            _stat(
                "Held partitions",
                "sum(max by (partition) (trailhouse_breaker_open)) or vector(0)",
                "Held by a breaker.",
                "short",
                None,
                1,
            ),
            _stat(
                "Processes that answer",
                'sum(up{job="trailhouse"})',
                "Of all roles.",
                "short",
                None,
                None,
            ),
            _stat(
                "Conflicts",
                "max(trailhouse_balance_conflicting_events)",
                "Event ids that came with different contents.",
                "short",
                None,
                1,
            ),
        ),
    ),
    Row(
        "Flow",
        (
            Panel(
                "Records a second",
                (
                    Query("trailhouse:records_in:rate5m", "came in"),
                    Query("trailhouse:rows_stored:rate5m", "stored"),
                ),
                "What comes in and what is stored; they part when something waits.",
                "ops",
            ),
            Panel(
                "Records that wait",
                (
                    Query("trailhouse:stream_lag:records", "for a stream worker"),
                    Query("trailhouse:sink_lag:records", "for a sink"),
                ),
                "Lag in records.",
            ),
            Panel(
                "Time to catch up",
                (
                    Query("trailhouse:stream_lag:seconds", "stream"),
                    Query("trailhouse:sink_lag:seconds", "sink"),
                ),
                "At the present pace; nothing while nothing waits.",
                "s",
            ),
            Panel(
                "Rejected, by reason",
                (Query("sum by (reason) (rate(trailhouse_stream_rejected_total[5m]))", "{{reason}}"),),
                "What each reason means: docs/rejections.md.",
                "ops",
            ),
            Panel(
                "Seconds of a bundle, p99",
                (
                    Query(
                        "histogram_quantile(0.99, sum by (le) (rate(trailhouse_stream_bundle_seconds_bucket[5m])))",
                        "stream: fetched to confirmed",
                    ),
                    Query("trailhouse:insert_seconds:p99", "sink: insert"),
                ),
                "How long a worker takes for a bundle, a sink for an insert.",
                "s",
            ),
            Panel(
                "Lag by partition",
                (
                    Query("max by (partition) (trailhouse_stream_lag_records)", "stream {{partition}}"),
                    Query("max by (partition) (trailhouse_sink_lag_records)", "sink {{partition}}"),
                ),
                "One partition alone: a breaker, a gap, or a process that hangs.",
            ),
        ),
    ),
    Row(
        "Books",
        (
            Panel(
                "What became of what came in",
                (Query("max by (became) (trailhouse_balance_records)", "{{became}}"),),
                "As the api closed the books last.",
            ),
            Panel(
                "Since the books were closed",
                (Query("time() - max(trailhouse_balance_timestamp_seconds)", "closed"),),
                "Every half minute, longer on a large log.",
                "s",
            ),
            Panel(
                "Repeats, refills, retries",
                (
                    Query("sum(rate(trailhouse_sink_repeats_total[5m]))", "delivered again, dropped"),
                    Query("sum(rate(trailhouse_stream_refilled_total[5m]))", "written again for a gap"),
                    Query("sum(rate(trailhouse_sink_insert_retries_total[5m]))", "inserts tried again"),
                    Query("sum(rate(trailhouse_sink_poison_total[5m]))", "refused for good"),
                    Query("sum(rate(trailhouse_sink_foreign_total[5m]))", "written by a stranger"),
                ),
                "Harmless after a restart, the last two never.",
                "ops",
            ),
            Panel(
                "Gaps",
                (
                    Query("sum by (became) (trailhouse_sink_gaps_total)", "{{became}}"),
                    Query("sum(trailhouse_sink_gap_gone_records)", "gone from Kafka"),
                ),
                "Opened without filled: look at the sink's log.",
            ),
        ),
    ),
    Row(
        "Room",
        (
            Panel(
                "ClickHouse's disk",
                (
                    Query("min(trailhouse_clickhouse_disk_free_bytes)", "free"),
                    Query("max(trailhouse_clickhouse_disk_size_bytes)", "size"),
                ),
                "Alerts at 15 % and 5 % free.",
                "bytes",
            ),
            Panel(
                "Disk free",
                (Query("trailhouse:clickhouse_disk_free:ratio", "ClickHouse"),),
                "As a share.",
                "percentunit",
            ),
            Panel(
                "Spools",
                (Query("trailhouse:spool_used:ratio", "{{instance}}"),),
                "What waits on the disks of senders that show it.",
                "percentunit",
            ),
            Panel(
                "Certificates hold",
                (
                    Query(
                        "min by (peer) (trailhouse_certificate_expiry_timestamp_seconds) - time()", "{{peer}}"
                    ),
                ),
                "Of servers that roles connect to over TLS.",
                "s",
            ),
        ),
    ),
    Row(
        "API",
        (
            Panel(
                "Answers a second, by status",
                (Query("sum by (status) (rate(trailhouse_api_requests_total[5m]))", "{{status}}"),),
                "5xx are the api's own errors.",
                "reqps",
            ),
            Panel(
                "Errors",
                (Query("trailhouse:api_errors:ratio5m", "share"),),
                "Share of 5xx; an alert fires at 5 %.",
                "percentunit",
            ),
            Panel(
                "Seconds to answer, p95",
                (
                    Query("trailhouse:api_request_seconds:p95", "all"),
                    Query(
                        "topk(5, histogram_quantile(0.95, sum by (le, report) (rate(trailhouse_api_report_seconds_bucket[5m]))))",
                        "{{report}}",
                    ),
                ),
                "All answers, and the slowest reports.",
                "s",
            ),
            Panel(
                "Keys and senders",
                (
                    Query(
                        'sum by (outcome) (rate(trailhouse_api_key_checks_total{outcome!="ok"}[5m]))',
                        "key {{outcome}}",
                    ),
                    Query("sum(rate(trailhouse_api_events_accepted_total[5m]))", "events accepted"),
                    Query(
                        "sum by (reason) (rate(trailhouse_api_events_refused_total[5m]))",
                        "refused: {{reason}}",
                    ),
                ),
                "Wrong keys and refused events: somebody guesses, or a sender is wrong.",
                "ops",
            ),
        ),
    ),
)


def build() -> models.Dashboard:
    """The dashboard."""
    board = (
        dashboard.Dashboard("Trailhouse: pipeline")
        .uid(UID)
        .tags(["trailhouse"])
        .timezone("browser")
        .refresh("30s")
        .time("now-6h", "now")
        .with_variable(dashboard.DatasourceVariable("datasource").label("Prometheus").type("prometheus"))
    )
    y = 0
    for row in ROWS:
        board = board.with_row(dashboard.Row(row.title).grid_pos(models.GridPos(h=1, w=_WIDTH, x=0, y=y)))
        y += 1
        is_stats = row.panels[0].kind == "stat"
        columns, height = (8, _STATS_HEIGHT) if is_stats else (2, _HEIGHT)
        width = _WIDTH // columns
        for number, panel in enumerate(row.panels):
            place = models.GridPos(
                h=height, w=width, x=number % columns * width, y=y + number // columns * height
            )
            board = board.with_panel(_built(panel).grid_pos(place))
        y += -(-len(row.panels) // columns) * height
    return board.build()


def _built(panel: Panel) -> stat.Panel | timeseries.Panel:
    made: stat.Panel | timeseries.Panel
    if panel.kind == "stat":
        made = stat.Panel().thresholds(_thresholds(panel))
    else:
        made = timeseries.Panel().fill_opacity(8).min(0)
    made = made.title(panel.title).description(panel.text).unit(panel.unit).datasource(SOURCE)
    for number, query in enumerate(panel.queries):
        target = prometheus.Dataquery().expr(query.expr).ref_id(chr(ord("A") + number)).datasource(SOURCE)
        made = made.with_target(target.legend_format(query.legend) if query.legend else target)
    return made


def _thresholds(panel: Panel) -> dashboard.ThresholdsConfig:
    steps = [models.Threshold(color="green", value=None)]
    steps += [models.Threshold(color="yellow", value=panel.warn)] if panel.warn is not None else []
    steps += [models.Threshold(color="red", value=panel.bad)] if panel.bad is not None else []
    return dashboard.ThresholdsConfig().mode(models.ThresholdsMode.ABSOLUTE).steps(steps)
