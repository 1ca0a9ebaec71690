"""Which files of tests go first: two processes share them out, and what takes a minute must not be begun last."""

from __future__ import annotations

from typing import Final

#: Those that take twenty seconds and more, the longest first (`make test ARGS=--durations=0` tells). A file that is not
#: named here is well, too: it runs behind them, where a few seconds more of one process cost nobody anything.
LONGEST: Final = (
    "tests/faults/test_sink_kills.py",
    "tests/browser/test_accessibility.py",
    "tests/e2e/test_events_reach_reports.py",
    "tests/integration/test_local_stack.py",
    "tests/queries/test_api_reports.py",
    "tests/faults/test_pipeline_kills.py",
    "tests/deploy/commands/test_demo.py",
    "tests/integration/test_canaries.py",
    "tests/queries/test_openapi.py",
    "tests/queries/test_reports.py",
    "tests/sinks/test_sweep.py",
    "tests/queries/archive/test_restore.py",
    "tests/faults/test_stream_kills.py",
    "tests/producers/test_kafka.py",
    "tests/queries/test_directory.py",
    "tests/faults/test_stream_guards.py",
    "tests/browser/test_dashboard.py",
    "tests/sinks/test_consumer.py",
    "tests/queries/test_explain.py",
    "tests/queries/test_reports_people.py",
    "tests/queries/test_runner.py",
    "tests/integration/test_watched_stack.py",
    "tests/producers/test_confluent.py",
    "tests/browser/test_rules.py",
    "tests/sinks/test_schema.py",
    "tests/faults/test_bad_input.py",
    "tests/queries/test_api_events.py",
    "tests/sinks/test_gap.py",
    "tests/integration/test_secured.py",
    "tests/deploy/clickhouse/test_identities.py",
    "tests/fuzz/test_fuzz.py",
    "tests/faults/test_stream_outputs.py",
    "tests/producers/test_spool_faults.py",
    "tests/queries/test_reports_port.py",
    "tests/sinks/test_seal.py",
    "tests/queries/alerts/test_leader.py",
    "tests/queries/dashboard/test_notifications_page.py",
    "tests/sinks/test_rebuild.py",
    "tests/queries/archive/test_proof.py",
    "tests/browser/test_access.py",
    "tests/faults/test_clickhouse_trouble.py",
    "tests/producers/test_loss.py",
    "tests/faults/test_sink_rebalances.py",
    "tests/queries/alerts/test_delivery.py",
    "tests/faults/test_sink_network.py",
    "tests/queries/test_reports_security.py",
    "tests/queries/test_api_access.py",
    "tests/queries/test_reports_simulated.py",
    "tests/faults/test_collector_kills.py",
    "tests/faults/test_aimed_kills.py",
    "tests/queries/archive/test_round.py",
    "tests/queries/test_directory_views.py",
    "tests/queries/dashboard/test_report_pages.py",
    "tests/deploy/commands/test_erase.py",
    "tests/browser/test_notifications.py",
    "tests/sinks/test_books.py",
    "tests/faults/test_pipeline_changes.py",
    "tests/sinks/test_expiry.py",
    "tests/sinks/test_erasure.py",
    "tests/browser/test_figures.py",
    "tests/images/test_entrypoints.py",
    "tests/deploy/commands/test_rejected.py",
    "tests/deploy/commands/test_report.py",
    "tests/queries/dashboard/test_links.py",
)
_PLACES: Final = {path: place for place, path in enumerate(LONGEST)}


def place_of(path: str) -> int:
    """Where a file stands among all: the longest first, the others behind them in the order they are found."""
    return _PLACES.get(path, len(_PLACES))
