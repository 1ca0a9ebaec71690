"""What the page of metrics says besides a metric's own text: its unit, and what to do about it.

A name is as it is scraped. A runbook is linked where an alert of `deploy/prometheus/` looks at the metric.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final


def _alert(*names: str) -> str:
    return "alert " + ", ".join(f"[{name}](runbooks/{name}.md)" for name in names)


#: Name -> (unit, what to do).
ADVICE: Final[Mapping[str, tuple[str, str]]] = {
    "trailhouse_stream_records_total": (
        "records",
        f"its rate is what comes in; none for long while senders work: {_alert('TrailhouseStreamBehind')}",
    ),
    "trailhouse_stream_rejected_total": ("records", _alert("TrailhouseRejectsHigh")),
    "trailhouse_stream_bundle_seconds": (
        "seconds",
        "grows: Kafka is slow to confirm, or the worker is short of CPU; add workers",
    ),
    "trailhouse_stream_refilled_total": (
        "records",
        "rises: a gap was mended; ask why it was there, see [a gap](delivery.md#a-gap)",
    ),
    "trailhouse_stream_lag_records": ("records", _alert("TrailhouseStreamBehind")),
    "trailhouse_stream_newest_timestamp_seconds": (
        "Unix seconds",
        "`time() -` it is the age of the newest record a worker took; compare with the sink's",
    ),
    "trailhouse_breaker_open": ("1 or 0", _alert("TrailhouseBreakerOpen")),
    "trailhouse_sink_rows_total": ("rows", "its rate is what is stored; compare with what comes in"),
    "trailhouse_sink_repeats_total": (
        "records",
        "nothing after a restart; rising without one: sinks lose their partitions, look for rebalances in their log",
    ),
    "trailhouse_sink_foreign_total": ("records", _alert("TrailhouseForeignRecords")),
    "trailhouse_sink_poison_total": ("rows", _alert("TrailhousePoison")),
    "trailhouse_sink_insert_seconds": (
        "seconds",
        "grows: ClickHouse is overloaded; see [scale](operations/scale.md)",
    ),
    "trailhouse_sink_insert_retries_total": ("inserts", _alert("TrailhouseInsertRetries")),
    "trailhouse_sink_lag_records": ("records", _alert("TrailhouseSinkBehind")),
    "trailhouse_sink_gap_records": ("records", _alert("TrailhouseGap")),
    "trailhouse_sink_gap_gone_records": ("records", _alert("TrailhouseGapGone")),
    "trailhouse_sink_gaps_total": (
        "gaps",
        "`opened` without `filled`: look at the gauge of gaps; `lost` was accepted by somebody",
    ),
    "trailhouse_sink_newest_timestamp_seconds": (
        "Unix seconds",
        "`time() -` it is how old the newest stored record is, while events come in",
    ),
    "trailhouse_sink_sealed_days_total": ("days", "nothing; much of it: many late events"),
    "trailhouse_api_requests_total": ("requests", _alert("TrailhouseApiErrors")),
    "trailhouse_api_request_seconds": (
        "seconds",
        "its p95 above 0.5 on pages: look which route, then at the reports behind it",
    ),
    "trailhouse_api_report_seconds": (
        "seconds",
        "the slow report's name is the label; `trailhouse seal`, a shorter period, or a larger ClickHouse",
    ),
    "trailhouse_api_key_checks_total": (
        "checks",
        "`wrong` or `locked` rises: somebody guesses; `trailhouse report who_read_what`",
    ),
    "trailhouse_api_events_accepted_total": ("events", "its rate is what comes in over HTTP"),
    "trailhouse_api_events_refused_total": (
        "events",
        "`json`, `contract`, `org`: a sender is wrong; `kafka`: Kafka does not confirm",
    ),
    "trailhouse_api_events_held_bytes": (
        "bytes",
        "near `TRAILHOUSE_API_EVENTS_HELD_BYTES`: Kafka is slow, senders get 429; add API processes",
    ),
    "trailhouse_api_events_ack_seconds": ("seconds", "grows: Kafka is slow to confirm"),
    "trailhouse_unaccounted_events": ("records", _alert("TrailhouseUnaccounted")),
    "trailhouse_balance_records": ("records", "`lost` rises: somebody accepted a loss, see the audit log"),
    "trailhouse_balance_conflicting_events": ("events", _alert("TrailhouseConflicts")),
    "trailhouse_balance_timestamp_seconds": ("Unix seconds", _alert("TrailhouseBooksNotClosed")),
    "trailhouse_balance_failures_total": ("failures", _alert("TrailhouseBooksNotClosed")),
    "trailhouse_store_newest_timestamp_seconds": (
        "Unix seconds",
        "as `trailhouse_freshness_seconds`, which counts from it",
    ),
    "trailhouse_freshness_seconds": ("seconds", _alert("TrailhouseNotFresh")),
    "trailhouse_clickhouse_disk_free_bytes": ("bytes", _alert("TrailhouseDiskFilling")),
    "trailhouse_clickhouse_disk_size_bytes": ("bytes", _alert("TrailhouseDiskFilling")),
    "trailhouse_certificate_expiry_timestamp_seconds": (
        "Unix seconds",
        _alert("TrailhouseCertificateExpiring"),
    ),
    "trailhouse_api_look_failures_total": (
        "failures",
        "rises: the figures of disk and certificate are old; the api's log says why",
    ),
    "trailhouse_spool_bytes": ("bytes", _alert("TrailhouseSpoolFilling")),
    "trailhouse_spool_limit_bytes": ("bytes", _alert("TrailhouseSpoolFilling")),
    "trailhouse_spool_refused_bytes": (
        "bytes",
        "not 0: look into `refused.ndjson` of the spool ([SDK](sdk.md#the-spool)); the sender is wrong",
    ),
    "trailhouse_alerts_looked_timestamp_seconds": (
        "Unix seconds",
        "`time() - max()` of it grows: the role is down or ClickHouse is away; nobody is alerted of events meanwhile, nothing is skipped",
    ),
    "trailhouse_alerts_leading": (
        "1 or 0",
        "`sum()` is not 1 for more than a minute: Kafka is away, or the group may not be joined; the role's log says why",
    ),
    "trailhouse_alerts_stopped_alerts": (
        "alerts",
        "not 0: `trailhouse alerts list` says whose key is gone; [take them over](alerts.md#who-answers-for-it)",
    ),
    "trailhouse_alerts_look_failures_total": ("looks", "rises: the role's log says why; it looks again"),
    "trailhouse_alerts_matches_total": (
        "events",
        "much more than notices: quiet times and limits hold most back, which a digest tells",
    ),
    "trailhouse_alerts_notices_total": ("notices", "its rate is how often people are told of something"),
    "trailhouse_alerts_pending_records": (
        "notices",
        "does not fall: a receiver is away; `trailhouse alerts list` says which",
    ),
    "trailhouse_alerts_deliveries_total": (
        "attempts",
        "`dead` rises: a notice was given up; `trailhouse alerts list` says of which alert",
    ),
    "trailhouse_archive_rounds_total": ("rounds", "its rate is one per interval while the archive is well"),
    "trailhouse_archive_records_total": ("records", "its rate follows what is stored"),
    "trailhouse_archive_bytes_total": ("bytes", "what the target grows by"),
    "trailhouse_archive_missing_records_total": (
        "records",
        "not 0: ClickHouse did not have them; `trailhouse balance`, then `trailhouse archive verify`",
    ),
    "trailhouse_archive_failures_total": (
        "rounds",
        "rises: the role's log says why; the round is tried again",
    ),
    "trailhouse_archive_late_seconds": ("seconds", _alert("TrailhouseArchiveLate")),
    "trailhouse_archive_complete_timestamp_seconds": ("Unix seconds", _alert("TrailhouseArchiveLate")),
}
