"""`holds`: a partition whose records are mostly rejected waits, unwritten, until somebody lets it go on."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any, Final

import pytest
from tests.stream.factories import PEPPER, RULES, RawRecord, encoded

from trailhouse.producers.settings import Secret
from trailhouse.stream import holds as module
from trailhouse.stream.breaker import Note
from trailhouse.stream.bundle import enrich_bundle
from trailhouse.stream.holds import Holds
from trailhouse.stream.metrics import StreamMetrics
from trailhouse.stream.settings import StreamSettings
from trailhouse.stream.transport import Fetch

EPOCH: Final = "the-id"


class World:
    """Holds whose consumer and notes are lists; `now` is its clock."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, **changes: Any) -> None:
        self.now, self.calls, self.notes = 1000.0, list[Any](), dict[int, Note]()
        self.error: Exception | None = None
        monkeypatch.setattr(module, "Notes", lambda *_: self)
        # The module's own clock: with the whole process set back, the loop of a server that runs beside would sleep for hours.
        monkeypatch.setattr("trailhouse.stream.holds.time", SimpleNamespace(monotonic=lambda: self.now))
        settings = StreamSettings(pepper=Secret(PEPPER.decode()), breaker_records=20, **changes)
        self.metrics = StreamMetrics()
        self.assignment = SimpleNamespace(active=True)
        self.holds = Holds(settings, self.metrics, lambda: self)

    async def hold(self, partition: int, offset: int) -> None:
        self.calls.append(("hold", partition, offset))

    async def release(self, partition: int) -> None:
        assert not self.holds.is_held(partition), "what is fetched from now on must be taken"
        self.calls.append(("release", partition))

    def read(self) -> dict[int, Note]:
        if self.error:
            raise self.error
        return dict(self.notes)

    def write(self, notes: dict[int, Note]) -> None:
        if self.error:
            raise self.error
        self.notes |= notes

    def close(self) -> None: ...

    def fetch(self, start: int, count: int, value: bytes | None = b"not JSON") -> Fetch:
        records: list[Any] = [RawRecord(value, start + index) for index in range(count)]
        fetched = Fetch(records, start, self.assignment, is_first=True)
        fetched.fetched_at = self.now
        return fetched

    def take(self, start: int, count: int, partition: int = 0, value: bytes | None = b"not JSON") -> bool:
        fetched = self.fetch(start, count, value)
        bundle = enrich_bundle(
            fetched.records, epoch=EPOCH, partition=partition, from_offset=start, rules=RULES
        )
        return asyncio.run(self.holds.take(partition, fetched, bundle, EPOCH))

    def watch(self) -> None:
        asyncio.run(self.holds.watch(EPOCH))

    @property
    def is_open(self) -> float | None:
        return self.metrics.registry.get_sample_value("trailhouse_breaker_open", {"partition": "0"})


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> World:
    return World(monkeypatch)


def test_too_many_rejects_hold_the_partition(world: World, caplog: pytest.LogCaptureFixture) -> None:
    """From the first record of the fetch that tripped it; said aloud, with what is wrong, and noted."""
    assert not world.take(0, 8)
    assert not world.take(0, 30, partition=1, value=encoded())
    assert world.take(8, 8)
    assert world.calls == [("hold", 0, 8)]
    assert world.holds.is_held(0)
    assert not world.holds.is_held(1)
    assert world.is_open == 1
    (said,) = [record for record in caplog.records if record.levelname == "CRITICAL"]
    assert "partition 0: 8 of the 8 records from offset 8" in said.getMessage()
    assert "malformed: JSON is malformed" in said.getMessage()
    assert "breaker close 0" in said.getMessage()
    note = world.notes[0]
    assert (note.epoch, note.offset, note.rejected, note.of, note.reasons) == (
        EPOCH,
        8,
        8,
        8,
        {"malformed": 8},
    )
    assert note.is_open


def test_what_was_fetched_before_is_dropped(world: World) -> None:
    """While the partition is held, and what is still on its way when it goes on; what is fetched then is taken."""
    world.take(0, 30)
    late = world.fetch(30, 5)
    assert world.holds.refuses(0, late)
    assert not world.holds.refuses(1, late)
    world.notes[0] = Note(EPOCH, 100)
    world.now += 1
    world.watch()
    assert world.holds.refuses(0, late)
    world.now += 1
    assert not world.holds.refuses(0, world.fetch(0, 30))


def test_somebody_closes_it(world: World) -> None:
    """Then the stretch passes to its end, and the next one opens it again."""
    world.take(0, 30)
    world.watch()
    assert world.calls == [("hold", 0, 0)]
    world.notes[0] = Note("another topic", 100)
    world.watch()
    assert world.calls == [("hold", 0, 0)]
    world.notes[0] = Note(EPOCH, 100)
    world.watch()
    assert world.calls == [("hold", 0, 0), ("release", 0)]
    assert world.is_open == 0
    assert not any(world.take(start, 10) for start in range(0, 200, 10))
    assert not world.take(200, 40, value=encoded())
    assert world.take(240, 11)


def test_nobody_closes_it(world: World) -> None:
    """After its time it goes on by itself, and says so where operators look."""
    world.take(0, 30)
    world.now += 3599
    world.watch()
    assert world.holds.is_held(0)
    world.now += 2
    world.watch()
    assert world.calls[-1] == ("release", 0)
    assert world.notes[0] == Note(EPOCH, 30)
    assert not world.take(0, 30)


def test_it_may_wait_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where that is wanted."""
    world = World(monkeypatch, breaker_hold_s=0.0)
    world.take(0, 30)
    world.now += 1e6
    world.watch()
    assert world.holds.is_held(0)


def test_what_was_let_pass_needs_no_second_word(world: World) -> None:
    """Another worker that meets the stretch reads that it may pass; beyond it the breaker opens."""
    world.notes[0] = Note(EPOCH, 30)
    assert not world.take(0, 30)
    assert world.calls == []
    assert not world.take(30, 40, value=encoded())
    assert world.take(70, 30)


def test_a_partition_that_went_away_is_forgotten(world: World) -> None:
    """And when it comes back under another assignment, it is taken."""
    world.take(0, 30)
    world.assignment.active = False
    world.watch()
    assert not world.holds.is_held(0)
    assert world.is_open == 0
    assert world.calls == [("hold", 0, 0)]
    world.take(0, 30)
    world.assignment = SimpleNamespace(active=True)
    assert not world.holds.refuses(0, world.fetch(0, 30))
    assert not world.holds.is_held(0)


@pytest.mark.parametrize("act", [lambda world: world.take(0, 30), lambda world: world.watch()])
def test_kafka_may_be_away(act: Callable[[World], Any], world: World) -> None:
    """The partition is held all the same, and stays held; only the note is missing."""
    world.error = ConnectionError("away")
    assert world.take(0, 30)
    act(world)
    assert world.holds.is_held(0)
    assert world.notes == {}


def test_it_can_be_switched_off(monkeypatch: pytest.MonkeyPatch) -> None:
    """Then everything is taken."""
    settings = StreamSettings(pepper=Secret(PEPPER.decode()), breaker_records=0)
    holds = Holds(settings, StreamMetrics(), lambda: pytest.fail("nothing is held"))
    world = World(monkeypatch)
    fetched = world.fetch(0, 3000)
    bundle = enrich_bundle(fetched.records, epoch=EPOCH, partition=0, from_offset=0, rules=RULES)
    assert not asyncio.run(holds.take(0, fetched, bundle, EPOCH))
