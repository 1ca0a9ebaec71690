"""ClickHouse out of memory, read-only, with too many parts, a broken view or a full disk: the sink waits, nobody is blamed."""

from __future__ import annotations

import resource
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from random import Random

import psutil
import pytest
from tests.faults.evidence import Evidence
from tests.faults.proxy import FAULTS, Proxy
from tests.roles import SINK, Role, running, wait_for
from tests.sinks.lines import enriched, imagine
from tests.sinks.rig import Rig, drive, sinking, value

from trailhouse.deploy.clickhouse import LocalClickHouse
from trailhouse.sinks.clickhouse import ClickHouseError, connect, insert_lines
from trailhouse.sinks.migrate import migrate
from trailhouse.sinks.settings import ClickHouseSettings

EVENTS = 200
# A long outage: what is stored before it, what arrives at once in it, how flat the sink's memory stays.
BEFORE, PIECE, FLAT_MB = 20_000, 9000, 32
OUTAGE_S = 600
# The engine itself says 241 (memory) and 164 (read-only); 242 is said by replicated tables alone, so the proxy says it.
REFUSED = ("setting max_memory_usage=1000", "setting readonly=1", "code 242")


def waits_and_recovers(
    rig: Rig, refuse: Callable[[], object], mend: Callable[[], object], **changes: object
) -> None:
    """Half of the lines, then trouble for three tries of the other half, then none: exact, no row blamed."""
    lines = enriched(imagine(Random(8), EVENTS, days=20), epoch=rig.epoch)
    half = len(lines) // 2
    with sinking(rig, **changes) as (sink, metrics):
        rig.produce(lines[:half])
        drive(sink, lambda: rig.committed()[0] == half, "the first half")
        refuse()
        rig.produce(lines[half:])
        drive(sink, lambda: value(metrics, "trailhouse_sink_insert_retries_total") >= 3, "retries")
        assert rig.committed()[0] == half
        mend()
        drive(sink, lambda: rig.committed()[0] == len(lines), "the second half")
        assert value(metrics, "trailhouse_sink_poison_total") == 0
    assert rig.differing(lines) == {}
    found = rig.balance()
    assert (found.unaccounted, found.rejected) == (0, 0)
    assert rig.read_all(rig.kafka.rejected_topic) == []


@pytest.mark.parametrize("refusal", REFUSED)
def test_refusals_are_waited_out(rig: Rig, refusal: str) -> None:
    """Out of memory or read-only, by the engine itself or in its words: the same rows again and again."""
    faults: list[str] = []
    with Proxy(rig.clickhouse, lambda: faults[-1] if faults else "").serving() as proxy:
        waits_and_recovers(rig, lambda: faults.append(refusal), faults.clear, clickhouse=proxy.settings)
        assert proxy.happened[refusal] >= 3


def test_too_many_parts_are_waited_out(rig: Rig) -> None:
    """Error 252 from the engine, from one table of several: what the others stored already is absorbed."""
    alter = rig.client.command

    def refuse() -> None:
        alter("SYSTEM STOP MERGES user_days")
        alter("ALTER TABLE user_days MODIFY SETTING parts_to_throw_insert = 1, parts_to_delay_insert = 1")

    def mend() -> None:
        alter("ALTER TABLE user_days RESET SETTING parts_to_throw_insert, parts_to_delay_insert")
        alter("SYSTEM START MERGES user_days")

    waits_and_recovers(rig, refuse, mend)


def test_a_broken_view_is_waited_out(rig: Rig) -> None:
    """A view without its table fails the insert; once it is mended, what the other views took twice counts once."""
    alter = rig.client.command
    waits_and_recovers(
        rig,
        lambda: alter("RENAME TABLE action_slots TO action_slots_away"),
        lambda: alter("RENAME TABLE action_slots_away TO action_slots"),
    )


@pytest.mark.faults
@pytest.mark.timeout(1800)
def test_hundreds_of_inserts_through_a_broken_network(
    rig: Rig, evidence: Evidence, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each way to break an insert two hundred times, and each refusal, in the seed's order: exact."""
    # Else all that piles up while the first insert fails would be the second one.
    monkeypatch.setattr("trailhouse.sinks.consumer.POLL_RECORDS_MAX", 15)
    monkeypatch.setattr("trailhouse.sinks.writer.BACKOFF_MAX_S", 0.1)
    random = Random(evidence.seed)
    kinds = [*FAULTS, *REFUSED] * 200
    random.shuffle(kinds)
    lines = enriched(imagine(random, 15_000, days=15), epoch=rig.epoch)

    def fault() -> str:
        return kinds.pop() if kinds and random.random() < 0.7 else ""

    with (
        Proxy(rig.clickhouse, fault).serving() as proxy,
        sinking(rig, batch_rows=15, batch_age_ms=20, clickhouse=proxy.settings) as (sink, metrics),
    ):
        rig.produce(lines)
        stored = "trailhouse_sink_rows_total"
        drive(sink, lambda: value(metrics, stored) == len(lines), "all", timeout_s=1500)
        assert value(metrics, "trailhouse_sink_poison_total") == 0
    assert proxy.happened == dict.fromkeys((*FAULTS, *REFUSED), 200)
    assert rig.differing(lines) == {}
    assert rig.balance().unaccounted == 0


class Cramped(LocalClickHouse):
    """An engine on a file system of a few megabytes, where that can be had, or with a limit to the size of its files."""

    MEGABYTES = 24

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self._data = folder / "data"
        self._data.mkdir()
        self.is_mounted = can_mount(self._data)
        if self.is_mounted:
            # In name spaces of its own anybody may mount; the mount is seen by this process alone and ends with it.
            mount = f'mount -t tmpfs -o size={self.MEGABYTES}m tmpfs "{self._data}" && exec "$0" "$@"'
            self._child._argv[:0] = ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c", mount]

    def fill(self) -> None:
        """Leave no room."""
        assert self.pid is not None
        if not self.is_mounted:
            # Python ignores SIGXFSZ, so that a write beyond the limit fails with EFBIG where a full disk says ENOSPC.
            resource.prlimit(self.pid, resource.RLIMIT_FSIZE, (0, resource.RLIM_INFINITY))
            return
        with suppress(OSError), self._filler.open("wb", buffering=0) as filler:
            while filler.write(b"\0" * 65536):
                pass
        with suppress(OSError), self._filler.open("ab", buffering=0) as filler:
            while filler.write(b"\0"):
                pass

    def make_room(self) -> None:
        if self.is_mounted:
            self._filler.unlink()
        else:
            assert self.pid is not None
            resource.prlimit(
                self.pid, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY)
            )

    @property
    def _filler(self) -> Path:
        return Path(f"/proc/{self.pid}/root{self._data}/filler")


def can_mount(folder: Path) -> bool:
    """Whether a process in name spaces of its own may mount there."""
    if shutil.which("unshare") is None:
        return False
    command = [
        "unshare",
        "--user",
        "--map-root-user",
        "--mount",
        "mount",
        "-t",
        "tmpfs",
        "tmpfs",
        str(folder),
    ]
    return subprocess.run(command, check=False, capture_output=True).returncode == 0


def test_a_full_disk_is_waited_out(rig: Rig, tmp_path: Path) -> None:
    """No space left under ClickHouse: the sink waits with its rows, and goes on by itself once there is room."""
    with Cramped(tmp_path / "engine").running() as engine:
        server = connect(ClickHouseSettings(dsn=engine.dsn("admin", "default")))
        server.command("CREATE DATABASE cramped")
        server.close()
        settings = ClickHouseSettings(dsn=engine.dsn("admin", "cramped"))
        client = connect(settings)
        migrate(client)
        cramped = Rig(rig.kafka, settings, client, partitions=2, group=rig.group)

        def is_refused() -> bool:
            try:
                insert_lines(client, "landing", enriched(imagine(Random(1), 5)[:1], epoch="another"))
            except ClickHouseError as error:
                print("the engine says:", str(error)[:200])
                return True
            return False

        def fill() -> None:
            engine.fill()
            wait_for(is_refused, 10, "full")

        waits_and_recovers(cramped, fill, engine.make_room, clickhouse=settings)
        client.close()


@contextmanager
def outage(server: LocalClickHouse) -> Iterator[None]:
    server.kill()
    try:
        yield
    finally:
        server.restart()


@pytest.mark.faults
@pytest.mark.timeout(1800)
def test_a_long_outage_costs_no_memory(
    rig: Rig, tmp_path: Path, clickhouse_server: LocalClickHouse, evidence: Evidence
) -> None:
    """Ten minutes without ClickHouse while records pile up: the sink stays as large as it was, then catches up quickly."""
    lines = enriched(imagine(Random(evidence.seed), 180_000, days=20), epoch=rig.epoch)
    sink = Role(SINK, rig.environ(batch_rows=2000, instance="sink"), tmp_path / "sink.log")
    with running(sink):
        rig.produce(lines[:BEFORE])
        wait_for(lambda: rig.committed()[0] == BEFORE, 120, "the first stored", sink)
        process = psutil.Process(sink.process.pid)
        with outage(clickhouse_server):
            began, sizes, lags = time.monotonic(), [], []
            for start in range(BEFORE, len(lines), PIECE):
                rig.produce(lines[start : start + PIECE])
                with suppress(subprocess.TimeoutExpired):
                    sink.process.wait(OUTAGE_S * PIECE / (len(lines) - BEFORE))
                assert sink.status is None
                sizes.append(process.memory_info().rss >> 20)
                lags.append(sink.metric("trailhouse_sink_lag_records") or 0)
            input_s = time.monotonic() - began
            assert rig.committed()[0] == BEFORE
        began = time.monotonic()
        wait_for(lambda: rig.committed()[0] == len(lines), 120, "caught up", sink)
        recovery_s = time.monotonic() - began
    count = len(lines) - BEFORE
    print(f"MB while ClickHouse was away: {sizes}; lag: {lags}")
    print(f"in: {count / input_s:.0f} records/s, recovered: {count / recovery_s:.0f} records/s")
    # The first piece fills what a batch, its successor and the fetches need.
    assert all(abs(size - sizes[1]) <= FLAT_MB for size in sizes[1:])
    assert lags == sorted(lags)
    assert lags[-1] > count / 2
    assert input_s / recovery_s >= 3
    assert rig.differing(lines) == {}
    assert rig.balance().unaccounted == 0
