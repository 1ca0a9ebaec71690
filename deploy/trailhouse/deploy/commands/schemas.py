"""`trailhouse migrate` and `trailhouse topics`: what must exist before the roles run."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Annotated

import typer

from trailhouse.deploy.options import Data, say
from trailhouse.deploy.self_audit import record

if TYPE_CHECKING:
    from trailhouse.deploy.stack import Stack


def migrate(*, data: Data = None) -> None:
    """Apply the migrations that ClickHouse does not have yet.

    Prints the names of those it applied. With TRAILHOUSE_CLICKHOUSE_CLUSTER, on all replicas of the cluster. Needs the
    admin identity (or a TRAILHOUSE_CLICKHOUSE_DSN that may create tables).
    What is applied is recorded in the log of the installation; the first time only where its topics are there.
    """
    from trailhouse.deploy.stack import find_stack  # noqa: PLC0415 - keeps the command line quick
    from trailhouse.sinks.clickhouse import connect  # noqa: PLC0415
    from trailhouse.sinks.migrate import load, pending, read_applied  # noqa: PLC0415
    from trailhouse.sinks.migrate import migrate as apply  # noqa: PLC0415

    stack = find_stack(data, os.environ)
    settings = stack.clickhouse("admin")
    client = connect(settings)
    before = read_applied(client, settings.cluster)
    todo = [each.name for each in pending(load(), before)]
    if todo and (before or _has_topics(stack)):
        record(stack, "schema:update", migrations=len(todo), first=todo[0], last=todo[-1])
    applied = apply(client, cluster=settings.cluster)
    for name in applied:
        print(name)
    say(f"{len(applied)} migrations applied" if applied else "nothing to do: every migration is applied")


def _has_topics(stack: Stack) -> bool:
    """Whether there is a topic to record the first migrations on; a sender would make one that is not as it shall be."""
    from trailhouse.stream.topics import TopicError, check_topics  # noqa: PLC0415

    try:
        check_topics(stack.kafka)
    except TopicError as error:
        say(f"note: not recorded, since there is nothing to record it on yet: {error}")
        return False
    return True


def topics(
    *,
    data: Data = None,
    partitions: Annotated[int, typer.Option(min=1, max=1024, help="Partitions of new topics.")] = 4,
    replication: Annotated[
        int, typer.Option(help="Copies of each record; -1 = as the brokers are set.")
    ] = -1,
) -> None:
    """Create the topics that Kafka does not have yet.

    Existing ones grow to `--partitions`; settings that exactness needs are checked, never changed. What was done is
    recorded in the log of the installation.
    """
    from trailhouse.deploy.stack import find_stack  # noqa: PLC0415
    from trailhouse.stream.topics import check_topics, create_topics  # noqa: PLC0415

    stack = find_stack(data, os.environ)
    done = create_topics(stack.kafka, partitions, replication=replication)
    for line in done:
        print(line)
    if done:
        # Afterwards: it is written to one of them.
        record(stack, "topics:update", partitions=partitions, changes="; ".join(done))
    check_topics(stack.kafka)
    if not done:
        say("nothing to do: every topic exists as it should")
