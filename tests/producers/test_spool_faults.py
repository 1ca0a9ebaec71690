"""The spool under faults, on a real Kafka with real processes: kills, an absent broker, a full disk, a restored backup.

The short forms run in `make test`, the long ones (marked `faults`) in `make faults`. Seeds are printed.
"""

from __future__ import annotations

import collections
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path
from random import Random, SystemRandom

import orjson
import pytest
from tests.producers.doubles import ScriptedTransport
from tests.producers.programs import NEXT, left, numbers, run, start
from tests.producers.test_transport import create_raw_topic, read_all

from trailhouse.deploy.kafka import LocalKafka
from trailhouse.producers import AuditProducer, DeliveryFailed, KafkaSettings
from trailhouse.producers.kafka import KafkaTransport
from trailhouse.producers.transport import Receipt


@pytest.fixture
def raw_topic(kafka_settings: KafkaSettings) -> KafkaSettings:
    create_raw_topic(kafka_settings)
    return kafka_settings


@pytest.fixture
def chance(request: pytest.FixtureRequest) -> Random:
    """Printed, and replayed by `--seed`."""
    told = request.config.getoption("--seed", default=None)
    seed = SystemRandom().randrange(1_000_000) if told is None else told
    print("seed", seed)
    return Random(seed)


EMIT = """
trail = AuditProducer(kafka, spool=SpoolSettings(dir=folder, level=sys.argv[4]), strict=True)
number = int(sys.argv[5])
while True:
    work(trail, 1, number)
    os.write(1, b"%d\\n" % number)
    number += 1
"""


def kill_emitters(
    kafka: KafkaSettings, folder: Path, chance: Random, *, kills: int, events: int, level: str
) -> None:
    """Emit from two processes at a time that share `folder`, each killed at random; at least `events` over `kills`."""
    returned: set[int] = set()
    killed = 0
    while killed < kills or len(returned) < events:
        programs = [start(EMIT, kafka, folder, level, str((killed + each) * 10**7)) for each in range(2)]
        for program in programs:
            assert program.stdout is not None
            try:
                for _ in range(chance.randrange(1, max(50, 2 * events // kills))):
                    returned.add(int(program.stdout.readline()))
            finally:
                program.kill()
            # What is in the pipe was returned as well; the last line may be torn.
            returned.update(int(line) for line in program.stdout.read().split("\n")[:-1])
            program.communicate()
            killed += 1
    run(NEXT, kafka, folder)
    arrived = set(numbers(kafka))
    print(f"{killed} kills, {len(returned)} returned, {len(arrived - returned)} more arrived")
    assert returned - arrived == set()
    # Killed between the event and the line that tells of it.
    assert len(arrived - returned) <= killed
    assert left(folder) == 0


@pytest.mark.parametrize("level", ["fast", "safe"])
def test_every_event_that_emit_returned_for_survives_kills(
    level: str, raw_topic: KafkaSettings, tmp_path: Path, chance: Random
) -> None:
    """Fault 1, short: two processes in one folder, killed at random points; none is missing, none is invented."""
    kill_emitters(raw_topic, tmp_path, chance, kills=4, events=1000, level=level)


@pytest.mark.faults
@pytest.mark.timeout(1200)
def test_every_event_that_emit_returned_for_survives_twenty_kills(
    raw_topic: KafkaSettings, tmp_path: Path, chance: Random
) -> None:
    """Fault 1: 50 000 events, level `safe`."""
    kill_emitters(raw_topic, tmp_path, chance, kills=20, events=50_000, level="safe")


OUTAGE = """
trail = AuditProducer(kafka, spool=folder)
work(trail, 100)
assert trail.flush(60).spooled == 0
print("ready", flush=True)
input()
seconds, before, begun, number = float(sys.argv[4]), resident_mb(), time.monotonic(), 100
while (now := time.monotonic()) < begun + seconds:
    due = 100 + int((now - begun) * 1000)
    work(trail, due - number, number)
    number = due
    time.sleep(0.001)
print(json.dumps([number, trail.flush(0).spooled, resident_mb() - before]), flush=True)
input()
begun = time.monotonic()
print(json.dumps([trail.flush(1200).spooled, time.monotonic() - begun, resident_mb() - before]), flush=True)
"""


def outlast_an_outage(broker: LocalKafka, kafka: KafkaSettings, folder: Path, seconds: float) -> None:
    """1 000 events a second while the broker is away, then drain."""
    program = start(OUTAGE, kafka, folder, str(seconds))
    assert program.stdin is not None
    assert program.stdout is not None
    try:
        assert program.stdout.readline() == "ready\n"
        broker.kill()
        try:
            program.stdin.write("\n")
            program.stdin.flush()
            emitted, spooled, grown = orjson.loads(program.stdout.readline())
            size = left(folder)
        finally:
            broker.restart()
        program.stdin.write("\n")
        program.stdin.flush()
        remaining, drained_s, grown_later = orjson.loads(program.stdout.readline())
        assert program.wait(120) == 0
    finally:
        program.kill()
        program.communicate()
    print(
        f"{emitted} events, {size / 2**20:.1f} MiB spooled, {grown:.1f} MiB more resident, "
        f"drained in {drained_s:.1f} s, then {grown_later:.1f} MiB more"
    )
    assert spooled == emitted - 100 >= 0.9 * 1000 * seconds
    assert size > 100 * spooled
    assert max(grown, grown_later) < 64
    assert remaining == 0
    assert drained_s < 2 * seconds
    assert set(numbers(kafka)) == set(range(emitted))
    assert left(folder) == 0


def test_an_absent_broker_costs_disk_and_not_memory(
    kafka_broker: LocalKafka, raw_topic: KafkaSettings, tmp_path: Path
) -> None:
    """Fault 3, short: 8 seconds at 1 000 events a second, then everything arrives."""
    outlast_an_outage(kafka_broker, raw_topic, tmp_path, 8)


@pytest.mark.faults
@pytest.mark.timeout(1800)
def test_a_broker_away_for_five_minutes_costs_disk_and_not_memory(
    kafka_broker: LocalKafka, raw_topic: KafkaSettings, tmp_path: Path
) -> None:
    """Fault 3: less than 64 MB more after 300 000 events; drained in less than twice the outage."""
    outlast_an_outage(kafka_broker, raw_topic, tmp_path, 300)


def test_a_spool_from_a_backup_delivers_the_same_events_again(
    raw_topic: KafkaSettings, tmp_path: Path
) -> None:
    """Fault 5: 10 000 delivered events once more, the same ids and bytes: what the pipeline knows as repeats."""

    class Away(ScriptedTransport):
        destination = KafkaTransport(raw_topic).destination

        def send(self, value: bytes) -> Receipt:
            raise DeliveryFailed("away")

    trail = AuditProducer(transport=Away(), spool=tmp_path / "spool")
    for number in range(10_000):
        trail.emit("a:b", org_id="acme", attributes={"n": number})
    assert trail.close().spooled == 10_000
    shutil.copytree(tmp_path / "spool", tmp_path / "backup")
    for folder in ("spool", "backup"):
        heir = AuditProducer(raw_topic, spool=tmp_path / folder)
        heir.close(60)
        assert left(tmp_path / folder) == 0
    times = collections.Counter(read_all(raw_topic))
    assert len(times) == 10_000
    assert set(times.values()) == {2}


FULL = """
trail = AuditProducer(kafka, spool=folder, buffer=BufferSettings(max_block_ms=300), strict=True)
accepted = 0
def fill():
    global accepted
    begun = 0.0
    try:
        while True:
            begun = time.monotonic()
            trail.emit("a:b", org_id="acme", attributes={"n": accepted, "text": "x" * 1500})
            accepted += 1
    except AuditSpoolFull as full:
        assert "the disk of" in str(full), full
        assert 0.3 <= time.monotonic() - begun < 10
"""
GO_ON = """
print(accepted, flush=True)
input()  # the topic is there
while trail.flush(60).spooled:
    pass
trail.emit("a:b", org_id="acme", attributes={"n": accepted})
accepted += 1
trail.close(60)
print(accepted, flush=True)
"""
SMALL_DISK = "fill()" + GO_ON
SMALL_FILES = (
    """
resource.setrlimit(resource.RLIMIT_FSIZE, (300_000, resource.RLIM_INFINITY))
fill()
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
"""
    + GO_ON
)


def fill_then_drain(kafka: KafkaSettings, folder: Path, script: str, wrapper: Sequence[str] = ()) -> int:
    """Run a program that fills its spool while the topic is not there; how many events it had when it was full.

    Then the topic is made, and everything accepted must arrive, once.
    """
    program = start(FULL + script, kafka, folder, wrapper=wrapper)
    assert program.stdin is not None
    assert program.stdout is not None
    try:
        blocked = program.stdout.readline()
        assert blocked, program.communicate()[1]
        create_raw_topic(kafka)
        program.stdin.write("\n")
        program.stdin.flush()
        accepted = int(program.stdout.readline())
        assert program.wait(120) == 0
    finally:
        program.kill()
        program.communicate()
    assert numbers(kafka) == dict.fromkeys(range(accepted), 1)
    return int(blocked)


def test_a_full_disk_blocks_then_says_so_and_recovers(kafka_settings: KafkaSettings, tmp_path: Path) -> None:
    """Fault 39: a disk of 2 MB fills while the topic is not there; then everything accepted arrives, whole."""
    disk = tmp_path / "disk"
    assert fill_then_drain(kafka_settings, disk / "spool", SMALL_DISK, mounted(disk)) > 500


def mounted(folder: Path) -> list[str]:
    """A command that runs the rest with a file system of 2 MB at `folder`, which goes with it; skips where it may not."""
    folder.mkdir()
    wrapper = ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c"]
    mount = f'mount -t tmpfs -o size=2m,mode=700 none "{folder}" && exec "$@"'
    try:
        tried = subprocess.run([*wrapper, mount, "sh", "true"], capture_output=True, text=True, check=False)
    except OSError as error:
        pytest.skip(f"no file system can be mounted here: {error}")
    if tried.returncode:
        pytest.skip(f"no file system can be mounted here: {tried.stderr.strip()}")
    return [*wrapper, mount, "sh"]


def test_a_file_that_may_not_grow_is_a_full_disk_too(kafka_settings: KafkaSettings, tmp_path: Path) -> None:
    """Fault 39 where nothing can be mounted: the write is cut short in the middle of an event by the file-size limit."""
    assert fill_then_drain(kafka_settings, tmp_path, SMALL_FILES) > 100
