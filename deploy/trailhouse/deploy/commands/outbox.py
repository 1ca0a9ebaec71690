"""`trailhouse outbox`: events an application wrote in its own transactions."""

from __future__ import annotations

import os
import signal
import threading
from typing import TYPE_CHECKING, Annotated

import typer

from trailhouse.deploy.options import Data, say
from trailhouse.producers.settings import OutboxSettings

if TYPE_CHECKING:
    from sqlalchemy.engine import Engine

    from trailhouse.producers.outbox import Outbox

app = typer.Typer(help="Relay events from the outbox in an application's own database.", no_args_is_help=True)

Url = Annotated[
    str | None,
    typer.Option(
        "--url",
        metavar="URL",
        help="The database, as SQLAlchemy writes it; else TRAILHOUSE_OUTBOX_URL.",
        show_default=False,
    ),
]


@app.command()
def relay(
    *,
    url: Url = None,
    batch: Annotated[int, typer.Option(min=1, max=10_000, help="Rows at a time.")] = 500,
    poll: Annotated[float, typer.Option(min=0.01, help="Seconds between looks at an empty outbox.")] = 0.5,
    data: Data = None,
) -> None:
    """Publish committed events to Kafka and delete them once Kafka has them; runs until stopped.

    Several may run at once. Killed anywhere, it publishes an event again with the same id, which is counted once.
    """
    from trailhouse.deploy.stack import find_stack  # noqa: PLC0415 - keeps the command line quick
    from trailhouse.producers.relay import OutboxRelay  # noqa: PLC0415

    kafka = find_stack(data, os.environ).kafka
    settings = _settings(url)
    stop = threading.Event()
    for each in (signal.SIGTERM, signal.SIGINT):
        signal.signal(each, lambda *_: stop.set())
    engine = _engine(settings)
    say(f"relaying {settings.table} to {kafka.raw_topic} at {kafka.bootstrap}; Ctrl-C stops")
    OutboxRelay(engine, kafka, outbox=_outbox(settings), batch=batch, poll_s=poll).run(stop)


@app.command()
def create(*, url: Url = None) -> None:
    """Make the outbox's tables where they are not there yet."""
    settings = _settings(url)
    _outbox(settings).create(_engine(settings))
    say(f"{settings.table} is there")


def _settings(url: str | None) -> OutboxSettings:
    environ = os.environ if url is None else {**os.environ, "TRAILHOUSE_OUTBOX_URL": url}
    return OutboxSettings.from_env(environ)


def _engine(settings: OutboxSettings) -> Engine:
    from sqlalchemy import create_engine  # noqa: PLC0415 - loaded by who needs it

    return create_engine(settings.url.reveal(), hide_parameters=True)


def _outbox(settings: OutboxSettings) -> Outbox:
    from trailhouse.producers.outbox import Outbox  # noqa: PLC0415

    schema, _, name = settings.table.rpartition(".")
    return Outbox(name=name, schema=schema or None)
