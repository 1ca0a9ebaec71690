"""`trailhouse size`: what a rate of events takes."""

from __future__ import annotations

import dataclasses
from typing import Annotated

import typer

from trailhouse.deploy.options import Format, FormatOption, print_json, print_table


def size(  # noqa: PLR0913 - each argument is an option
    *,
    events_per_second: Annotated[float, typer.Option(help="Events a second, on average.")],
    peak: Annotated[float, typer.Option(help="The busiest minutes, as a multiple of that.")] = 3.0,
    kafka_days: Annotated[float, typer.Option(help="Days the topics keep a record.")] = 7.0,
    kafka_replicas: Annotated[int, typer.Option(help="Copies of each record in Kafka.")] = 3,
    clickhouse_replicas: Annotated[int, typer.Option(help="Copies of each row in ClickHouse.")] = 2,
    clickhouse_cores: Annotated[int, typer.Option(help="Cores of one ClickHouse server.")] = 32,
    years: Annotated[float, typer.Option(help="Years the events are kept.")] = 1.0,
    format: FormatOption = Format.TABLE,  # noqa: A002 - the option's name
) -> None:
    """Say what a rate of events takes: partitions, workers, sinks, ClickHouse servers, disk.

    Arithmetic on what was measured (docs/operations/sizing.md), on events of 435 bytes. Measure yours before you buy.
    """
    from trailhouse.deploy.sizing import Load  # noqa: PLC0415 - keeps the command line quick
    from trailhouse.deploy.sizing import size as sized  # noqa: PLC0415

    found = sized(
        Load(
            events_per_second,
            peak=peak,
            kafka_days=kafka_days,
            kafka_replicas=kafka_replicas,
            clickhouse_replicas=clickhouse_replicas,
            clickhouse_cores=clickhouse_cores,
            years=years,
        )
    )
    if format is Format.JSON:
        print_json(dataclasses.asdict(found))
    else:
        print_table(("what", "how much"), found.rows())
