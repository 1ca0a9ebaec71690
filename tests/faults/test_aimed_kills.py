"""ClickHouse and the sink killed at chosen steps of one insert: delivery.md's decisive experiment, on the product's tables."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from random import Random
from typing import Any

import pytest
from tests.faults import aimed
from tests.faults.evidence import Evidence
from tests.roles import SINK, Role, running, wait_for
from tests.sinks.lines import differences, enriched, event, expected, imagine, readings
from tests.sinks.rig import Rig

from trailhouse.deploy.clickhouse import LocalClickHouse
from trailhouse.sinks.clickhouse import ClickHouseError, Client, connect, insert_lines
from trailhouse.sinks.marks import Mark
from trailhouse.sinks.migrate import migrate
from trailhouse.sinks.settings import ClickHouseSettings

LAUNCHER = str(Path(aimed.__file__))
ROWS = 40
SHORT = {"rename": (1, 2, 4), "mkdir": (3,), "fdatasync": (1, 8), "write": (2, 25)}
LONG = {"rename": range(1, 9), "mkdir": range(1, 9), "fdatasync": range(1, 25), "write": range(1, 75)}
SINK_SHORT = (2, 5, 9)
SINK_LONG = range(1, 41)


class Engine(LocalClickHouse):
    """An engine of the test's own that can be told where to die."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self._child._argv[1:3] = [LAUNCHER]

    def arm(self, point: str) -> None:
        """Start again, with a failpoint or none."""
        self._child._environ[aimed.VARIABLE] = point
        self.restart()

    @property
    def is_dead(self) -> bool:
        return not self._child.is_alive


class Table:
    """The product's tables on an engine that dies, and all that was ever inserted into them."""

    def __init__(self, engine: Engine, seed: int) -> None:
        self.engine, self._random = engine, Random(seed)
        self.lines: list[bytes] = []
        with self._client("default") as client:
            client.command("CREATE DATABASE aimed")
        with self._client("aimed") as client:
            migrate(client)

    @contextmanager
    def _client(self, database: str) -> Iterator[Client]:
        client = connect(ClickHouseSettings(dsn=self.engine.dsn("admin", database)))
        try:
            yield client
        finally:
            client.close()

    def batch(self) -> list[bytes]:
        """The next rows: three months of two organisations, so that every table gets several parts."""
        events = imagine(self._random, ROWS, days=60)[:ROWS]
        lines = enriched(events, start=len(self.lines))
        self.lines += lines
        return lines

    def insert(self, lines: Iterable[bytes]) -> None:
        with self._client("aimed") as client:
            insert_lines(client, "landing", list(lines))

    def insert_into_death(self, lines: list[bytes]) -> bool:
        """Insert once; whether the engine died of it."""
        with suppress(ClickHouseError, OSError):
            self.insert(lines)
            return self.engine.is_dead
        wait_for(lambda: self.engine.is_dead, 10, "dead")
        return True

    def check(self, what: str) -> None:
        with self._client("aimed") as client:
            assert differences(readings(client), expected(self.lines)) == {}, what


def short_and_long(steps: Sequence[str]) -> list[Any]:
    """Every other step in `make test`, the others in `make faults`."""
    return [pytest.param(each, marks=pytest.mark.faults if at % 2 else ()) for at, each in enumerate(steps)]


@pytest.fixture
def table(tmp_path: Path) -> Iterator[Table]:
    with Engine(tmp_path / "engine").running() as engine:
        yield Table(engine, 5)


def strike(table: Table, points: Mapping[str, Iterable[int]]) -> int:
    """Kill at each point of an insert of its own, insert its rows again in other batches; returns how many fired."""
    fired = 0
    for kind, numbers in points.items():
        for number in numbers:
            lines = table.batch()
            pid = table.engine.pid
            assert pid is not None
            with aimed.struck(pid, kind, number):
                is_dead = table.insert_into_death(lines)
            if not is_dead:
                continue  # an insert has fewer of these calls
            fired += 1
            table.engine.restart()
            # The rows come again, as they do to a sink that read further meanwhile: in batches cut elsewhere.
            cut = number * 7 % ROWS
            table.insert(lines[:cut] or lines)
            table.insert(lines[cut:])
            table.check(f"after the kill at {kind} {number}")
    return fired


def need_strace() -> None:
    if why := aimed.trouble():
        pytest.skip(f"strace cannot be used: {why}; the failpoints at the same steps are tested all the same")


@pytest.mark.faults
def test_the_engine_killed_at_system_calls(table: Table, evidence: Evidence) -> None:
    """SIGKILL at renames, syncs and writes of an insert: the rows inserted again make every table exact."""
    need_strace()
    fired = strike(table, SHORT)
    evidence.count({"clickhouse": fired})
    assert fired >= 6


@pytest.mark.faults
@pytest.mark.timeout(1800)
def test_the_engine_killed_at_every_system_call(table: Table, evidence: Evidence) -> None:
    """The same at each one of them, until an insert has no more."""
    need_strace()
    fired = strike(table, LONG)
    evidence.count({"clickhouse": fired})
    assert fired >= 60


@pytest.mark.parametrize("step", short_and_long(aimed.ENGINE_STEPS))
def test_the_engine_killed_at_a_failpoint(table: Table, evidence: Evidence, step: str) -> None:
    """The same without leave to trace: before, between and after the parts of an insert."""
    table.insert(table.batch())
    for number in (1, 3) if step in {"folder", "rename"} else (1,):
        table.engine.arm(f"{step}:{number}")
        lines = table.batch()
        assert table.insert_into_death(lines)
        evidence.count({"clickhouse": 1})
        table.engine.arm("")
        table.insert(lines)
        table.check(f"after the kill at {step} {number}")


def aimed_sink(rig: Rig, folder: Path, point: str = "") -> Role:
    environ = rig.environ(batch_rows=10, batch_age_ms=20, instance="sink")
    role = Role(SINK, environ | {aimed.VARIABLE: point}, folder / "sink.log")
    role.argv = [sys.executable, LAUNCHER, "sink"]
    return role


@pytest.mark.parametrize("step", short_and_long(aimed.SINK_STEPS))
def test_the_sink_killed_at_a_failpoint(rig: Rig, tmp_path: Path, evidence: Evidence, step: str) -> None:
    """Before, in and after its second insert and commit: the next sink goes on, nothing is lost or twice."""
    lines = enriched([event(n) for n in range(60)], epoch=rig.epoch)
    with running(aimed_sink(rig, tmp_path, f"{step}:2")) as (sink,):
        rig.produce(lines[:20])
        wait_for(lambda: rig.landed() == 20 or sink.status is not None, 30, "a first batch")
        rig.produce(lines[20:])
        wait_for(lambda: sink.status is not None, 30, "dead")
        assert sink.status == -9
    evidence.count({"sink": 1})
    with running(aimed_sink(rig, tmp_path)) as (sink,):
        wait_for(lambda: rig.committed() == (60, Mark({rig.epoch: 59})), 30, "all committed", sink)
    assert rig.differing(lines) == {}
    assert rig.balance().unaccounted == 0


def kill_at_sends(rig: Rig, folder: Path, numbers: Iterable[int]) -> int:
    """A sink killed at the N-th thing it sends while records arrive, for each N; returns how many kills fired."""
    fired, sent = 0, 0
    for number in numbers:
        with running(aimed_sink(rig, folder)) as (sink,):
            wait_for(lambda: sink.metric("trailhouse_sink_repeats_total") is not None, 30, "up", sink)
            with aimed.struck(sink.process.pid, "send", number):
                lines = enriched([event(n) for n in range(sent, sent + 30)], epoch=rig.epoch, start=sent)
                rig.produce(lines)
                sent += len(lines)
                with suppress(AssertionError):
                    wait_for(lambda: sink.status is not None, 2, "dead")
            fired += sink.status == -9
    with running(aimed_sink(rig, folder)) as (sink,):
        wait_for(lambda: rig.committed() == (sent, Mark({rig.epoch: sent - 1})), 60, "all committed", sink)
    assert rig.differing() == {}
    assert rig.balance().unaccounted == 0
    return fired


@pytest.mark.faults
def test_the_sink_killed_at_what_it_sends(rig: Rig, tmp_path: Path, evidence: Evidence) -> None:
    """SIGKILL at the sink's system calls towards Kafka and ClickHouse: exact."""
    need_strace()
    fired = kill_at_sends(rig, tmp_path, SINK_SHORT)
    evidence.count({"sink": fired})
    assert fired >= 2


@pytest.mark.faults
@pytest.mark.timeout(1800)
def test_the_sink_killed_at_everything_it_sends(rig: Rig, tmp_path: Path, evidence: Evidence) -> None:
    """The same at each of the first forty."""
    need_strace()
    fired = kill_at_sends(rig, tmp_path, SINK_LONG)
    evidence.count({"sink": fired})
    assert fired >= 30


def test_a_failpoint_is_not_the_products() -> None:
    """No code of the product reads the variable."""
    root = Path(__file__).parents[2]
    stages = ("producers", "stream", "sinks", "queries", "deploy")
    sources = [file for stage in stages for file in (root / stage).rglob("*.py")]
    assert len(sources) > 100
    assert [file for file in sources if aimed.VARIABLE in file.read_text()] == []
