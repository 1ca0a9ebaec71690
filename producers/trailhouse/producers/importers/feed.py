"""Feeds what importers read to whoever takes events, and keeps count."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Final, Protocol

from trailhouse.producers.event import AuditEvent
from trailhouse.producers.importers.reject import Read, Reject

TICK_EVENTS: Final = 500


class Emitter(Protocol):
    """Takes events; `AuditProducer` is one."""

    def emit_event(self, event: AuditEvent) -> object:
        """Accept one event; may block while the receiver is busy, raises when the event was not accepted."""
        ...


@dataclass(frozen=True, slots=True)
class Source:
    """Something to import: its name for people, its reads, and how far along it is of `total` (None = unknown).

    Files count in bytes, histories in commits.
    """

    name: str
    reads: Iterable[Read]
    total: int | None
    position: Callable[[], int]


@dataclass(slots=True)
class Tally:
    """What an import came to so far; `reasons` counts the rejects by field and rule."""

    events: int = 0
    rejected: int = 0
    reasons: Counter[str] = field(default_factory=Counter)


def feed(
    source: Source,
    emitter: Emitter,
    tally: Tally,
    *,
    on_reject: Callable[[Source, Reject], None],
    on_tick: Callable[[Source, Tally], None],
) -> None:
    """Hand every event of a source to the emitter; rejects are counted and passed on, and stop nothing.

    `on_tick` is called every `TICK_EVENTS` reads and at the end. Raises what the source or the emitter raises; the
    tally is right by then.
    """
    emit = emitter.emit_event
    until_tick = TICK_EVENTS
    for read in source.reads:
        if isinstance(read, AuditEvent):
            emit(read)
            tally.events += 1
        else:
            tally.rejected += 1
            tally.reasons[read.reason] += 1
            on_reject(source, read)
        until_tick -= 1
        if not until_tick:
            until_tick = TICK_EVENTS
            on_tick(source, tally)
    on_tick(source, tally)
