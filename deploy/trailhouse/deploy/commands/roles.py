"""The roles as commands: the same processes on one machine and on a cluster. Settings come from the environment."""

from __future__ import annotations

import os
from collections.abc import Mapping


def stream() -> None:
    """Run a stream worker: raw events in, enriched events out."""
    environ = begin()
    from trailhouse.stream.settings import StreamSettings  # noqa: PLC0415 - each role loads what it needs, no more
    from trailhouse.stream.worker import run  # noqa: PLC0415

    run(StreamSettings.from_env(environ))


def sink() -> None:
    """Run a sink: enriched events into ClickHouse."""
    environ = begin()
    from trailhouse.sinks.settings import SinkSettings  # noqa: PLC0415
    from trailhouse.sinks.worker import run  # noqa: PLC0415

    run(SinkSettings.from_env(environ))


def api() -> None:
    """Run the HTTP API."""
    environ = begin()
    from trailhouse.queries.api import run  # noqa: PLC0415
    from trailhouse.queries.settings import ApiSettings  # noqa: PLC0415

    run(ApiSettings.from_env(environ))


def archive() -> None:
    """Run the archive: what landed, without personal data, into a folder or a bucket."""
    environ = begin()
    from trailhouse.queries.archive.settings import ArchiveSettings  # noqa: PLC0415
    from trailhouse.queries.archive.worker import run  # noqa: PLC0415

    run(ArchiveSettings.from_env(environ))


def begin() -> Mapping[str, str]:
    """Tie us to the supervisor if that started us; returns where the settings are read from."""
    if os.environ.get("TRAILHOUSE_TETHER") != "1":
        return os.environ
    # What the local stack needs; an image of the roles alone has no package for it.
    from trailhouse.deploy.credentials import with_secrets  # noqa: PLC0415
    from trailhouse.deploy.runfile import record  # noqa: PLC0415
    from trailhouse.deploy.tether import die_with_parent  # noqa: PLC0415

    die_with_parent()
    record(os.environ)
    return with_secrets(os.environ)
