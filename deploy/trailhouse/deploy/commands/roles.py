"""The roles as commands: the same processes on one machine and on a cluster. Settings come from the environment."""

from __future__ import annotations

import os

from trailhouse.deploy.runfile import record
from trailhouse.deploy.tether import die_with_parent


def stream() -> None:
    """Run a stream worker: raw events in, enriched events out."""
    _begin()
    from trailhouse.stream.settings import StreamSettings  # noqa: PLC0415 - each role loads what it needs, no more
    from trailhouse.stream.worker import run  # noqa: PLC0415

    run(StreamSettings.from_env(os.environ))


def sink() -> None:
    """Run a sink: enriched events into ClickHouse."""
    _begin()
    from trailhouse.sinks.settings import SinkSettings  # noqa: PLC0415
    from trailhouse.sinks.worker import run  # noqa: PLC0415

    run(SinkSettings.from_env(os.environ))


def api() -> None:
    """Run the HTTP API."""
    _begin()
    from trailhouse.queries.api import run  # noqa: PLC0415
    from trailhouse.queries.settings import ApiSettings  # noqa: PLC0415

    run(ApiSettings.from_env(os.environ))


def _begin() -> None:
    if os.environ.get("TRAILHOUSE_TETHER") == "1":  # the local stack's supervisor started us
        die_with_parent()
        record(os.environ)
