"""One run of `trailhouse import`: read, send, count, show, wait."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Final

import orjson

from trailhouse.deploy.errors import DeployError
from trailhouse.deploy.kafka.probe import answers
from trailhouse.deploy.landing import NotLanded, await_landing, read_positions
from trailhouse.deploy.meter import Meter
from trailhouse.deploy.stack import find_stack
from trailhouse.producers.errors import AuditBufferFull, DeliveryFailed
from trailhouse.producers.event import AuditEvent
from trailhouse.producers.importers.errors import ImportFailed
from trailhouse.producers.importers.feed import Emitter, Source, Tally, feed
from trailhouse.producers.importers.reject import Reject

if TYPE_CHECKING:
    from trailhouse.deploy.stack import Stack
    from trailhouse.producers import AuditProducer

SHOWN_REJECTS: Final = 10
SHOWN_REASONS: Final = 3
SHOWN_EVENTS: Final = 3
FLUSH_TIMEOUT_S: Final = 30.0
ANSWER_TIMEOUT_S: Final = 5.0
AGAIN: Final = "once it is mended, import again: nothing is counted twice"


class NothingImported(DeployError):
    """Every line was rejected."""


class NotSent(DeployError):
    """Kafka did not take what was read."""


@dataclass(frozen=True, slots=True)
class Job:
    """What the options said; `wait_s` = how long a standstill is waited for until all is queryable, None = no wait."""

    rejects: Path | None = None
    dry_run: bool = False
    wait_s: float | None = None
    data: Path | None = None


@dataclass(slots=True)
class ImportOutcome:
    """What a run came to: `trouble` = why it ended early, to be raised after the outcome was printed."""

    tally: Tally = field(default_factory=Tally)
    sources: int = 0
    seconds: float = 0.0
    waited_s: float | None = None
    dry_run: bool = False
    trouble: Exception | None = None

    def to_dict(self) -> dict[str, Any]:
        """For `--format json`; durations in seconds."""
        return {
            "events": self.tally.events,
            "rejected": self.tally.rejected,
            "reasons": dict(self.tally.reasons.most_common(100)),
            "sources": self.sources,
            "seconds": round(self.seconds, 3),
            "waited_seconds": None if self.waited_s is None else round(self.waited_s, 3),
            "sent": not self.dry_run,
        }

    def __str__(self) -> str:
        tally = self.tally
        parts = [
            f"{'would send' if self.dry_run else 'sent'} {_counted(tally.events, 'event')} in {self.seconds:.1f} s"
        ]
        if self.seconds > 0.5:
            parts.append(f"{tally.events / self.seconds:,.0f}/s")
        if self.waited_s is not None:
            parts.append(f"queryable {self.waited_s:.1f} s later")
        said = ", ".join(parts)
        if tally.events and not self.dry_run:
            # Whether they are new is known once they are stored, and only to the books.
            said += "; what was there already counts once"
        if tally.rejected:
            often = [f"{reason} ({count:,})" for reason, count in tally.reasons.most_common(SHOWN_REASONS)]
            more = len(tally.reasons) - SHOWN_REASONS
            often += [f"… and {more:,} more"] if more > 0 else []
            said += f"; {_counted(tally.rejected, 'line')} rejected: {'; '.join(often)}"
        return said

    def raise_trouble(self) -> None:
        """Raise what makes the command fail, if anything does."""
        if self.trouble is not None:
            raise self.trouble
        if self.tally.rejected and not self.tally.events:
            ((reason, _),) = self.tally.reasons.most_common(1)
            raise NothingImported(
                f"none of {self.tally.rejected:,} lines is an event",
                cause=f"most often: {reason}",
                hint="look at what is read with --dry-run, and at the lines with --rejects FILE",
            )


def _counted(count: int, noun: str) -> str:
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def run_job(job: Job, sources: Sequence[Source], meter: Meter, environ: Mapping[str, str]) -> ImportOutcome:
    """Import the sources one after another; a source that breaks off ends the run, and what came before it counts.

    Raises `StackNotFound` and `NotSent`; what else fails comes back as `trouble`, with what was done until then.
    """
    outcome = ImportOutcome(sources=len(sources), dry_run=job.dry_run)
    if job.dry_run:
        _read_all(job, sources, meter, _Printer(), outcome)
        return outcome
    stack = find_stack(job.data, environ)
    check_kafka(stack.kafka.bootstrap)
    from trailhouse.producers import AuditProducer  # noqa: PLC0415  not needed to try a mapping

    # No spool: what was not sent is read again by the next import.
    producer = AuditProducer(stack.kafka, spool="off")
    started = time.perf_counter()
    try:
        _read_all(job, sources, meter, producer, outcome)
    except AuditBufferFull as error:
        raise NotSent("Kafka takes no events", cause=str(error), hint=AGAIN) from None
    finally:
        deliver(producer)
    outcome.seconds = time.perf_counter() - started
    if job.wait_s is not None and outcome.tally.events:
        try:
            outcome.waited_s = await_queryable(stack, job.wait_s, meter)
        except NotLanded as error:
            outcome.trouble = outcome.trouble or error
    return outcome


def _read_all(
    job: Job, sources: Sequence[Source], meter: Meter, emitter: Emitter, outcome: ImportOutcome
) -> None:
    started = time.perf_counter()
    with ExitStack() as opened:
        notes = _Notes(meter, opened.enter_context(job.rejects.open("wb")) if job.rejects else None)
        opened.enter_context(meter)
        for source in sources:
            meter.begin(source.name, source.total, "events")
            before = outcome.tally.events
            try:
                feed(
                    source,
                    emitter,
                    outcome.tally,
                    on_reject=notes.take,
                    on_tick=lambda at, tally: meter.show(at.position(), tally.events - before),  # noqa: B023  called within this round
                )
            except ImportFailed as error:
                outcome.trouble = error
                break
        notes.close()
    outcome.seconds = time.perf_counter() - started


def check_kafka(bootstrap: str) -> None:
    """Raise `NotSent` when no broker answers: before a pipe is read, and not after everybody's patience."""
    for address in bootstrap.split(","):
        host, _, port = address.rpartition(":")
        if answers(host.strip("[]"), int(port), ANSWER_TIMEOUT_S):
            return
    raise NotSent(f"Kafka does not answer at {bootstrap}", hint=f"is it running? trailhouse status; {AGAIN}")


def deliver(producer: AuditProducer) -> None:
    """Return when Kafka has everything, or has confirmed nothing for `FLUSH_TIMEOUT_S`; raises `NotSent`."""
    left, before = producer.flush(FLUSH_TIMEOUT_S).spooled, None
    while left and (before is None or left < before):
        left, before = producer.flush(FLUSH_TIMEOUT_S).spooled, left
    try:
        producer.close(timeout=0 if left else None)
    except DeliveryFailed as error:
        raise NotSent("Kafka did not take everything", cause=str(error), hint=AGAIN) from None


def await_queryable(stack: Stack, timeout_s: float, meter: Meter) -> float:
    """Wait until everything on the raw topic can be queried; how many seconds that took. Raises `NotLanded`."""
    from trailhouse.sinks.settings import SinkSettings  # noqa: PLC0415  only a waiting import needs the stages behind

    group = SinkSettings.from_env(stack.environ).group
    started = time.perf_counter()
    with meter:
        meter.begin("queryable", None, "records")

        def show(done: int, total: int) -> None:
            meter.resize(total)
            meter.show(done, done)

        await_landing(lambda: read_positions(stack.kafka, group), timeout_s=timeout_s, on_progress=show)
    return time.perf_counter() - started


class _Printer:
    """Takes events without sending them, and prints the first ones as JSON lines to stdout."""

    def __init__(self) -> None:
        self._printed = 0

    def emit_event(self, event: AuditEvent) -> None:
        if self._printed < SHOWN_EVENTS:
            self._printed += 1
            print(orjson.dumps(event.to_dict()).decode())


class _Notes:
    """Writes rejected lines to their file and shows the first of them, by number and reason, never the line itself."""

    def __init__(self, meter: Meter, file: IO[bytes] | None) -> None:
        self._meter, self._file = meter, file
        self._taken, self._header = 0, b""

    def take(self, source: Source, reject: Reject) -> None:
        self._taken += 1
        if self._taken <= SHOWN_REJECTS:
            self._meter.note(f"{source.name}:{reject.line}: {reject.reason}")
        if self._file is not None:
            if reject.header != self._header:
                self._header = reject.header
                self._file.write(reject.header + b"\n")
            self._file.write(reject.raw + b"\n")

    def close(self) -> None:
        if self._taken > SHOWN_REJECTS:
            self._meter.note(
                f"… and {self._taken - SHOWN_REJECTS:,} more rejected lines{'' if self._file else '; --rejects FILE keeps them'}"
            )
