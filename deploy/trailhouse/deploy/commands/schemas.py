"""`trailhouse migrate` and `trailhouse topics`: what must exist before the roles run."""

from __future__ import annotations

import os
from typing import Annotated

import typer

from trailhouse.deploy.options import Data, say


def migrate(*, data: Data = None) -> None:
    """Apply the migrations that ClickHouse does not have yet.

    Prints the names of those it applied. With TRAILHOUSE_CLICKHOUSE_CLUSTER, on all replicas of the cluster. Needs the admin identity (or a TRAILHOUSE_CLICKHOUSE_DSN that may create tables).
    """
    from trailhouse.deploy.stack import find_stack  # noqa: PLC0415 - keeps the command line quick
    from trailhouse.sinks.clickhouse import connect  # noqa: PLC0415
    from trailhouse.sinks.migrate import migrate as apply  # noqa: PLC0415

    settings = find_stack(data, os.environ).clickhouse("admin")
    applied = apply(connect(settings), cluster=settings.cluster)
    for name in applied:
        print(name)
    say(f"{len(applied)} migrations applied" if applied else "nothing to do: every migration is applied")


def topics(
    *,
    data: Data = None,
    partitions: Annotated[int, typer.Option(min=1, max=1024, help="Partitions of new topics.")] = 4,
    replication: Annotated[
        int, typer.Option(help="Copies of each record; -1 = as the brokers are set.")
    ] = -1,
) -> None:
    """Create the topics that Kafka does not have yet.

    Existing ones grow to `--partitions`; settings that exactness needs are checked, never changed.
    """
    from trailhouse.deploy.stack import find_stack  # noqa: PLC0415
    from trailhouse.stream.topics import check_topics, create_topics  # noqa: PLC0415

    kafka = find_stack(data, os.environ).kafka
    done = create_topics(kafka, partitions, replication=replication)
    check_topics(kafka)
    for line in done:
        print(line)
    if not done:
        say("nothing to do: every topic exists as it should")
