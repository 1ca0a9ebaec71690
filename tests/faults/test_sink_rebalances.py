"""Sinks come, go, die and freeze in one group under load: every table is exact, and no committed pair ever moves back."""

from __future__ import annotations

import struct
import sys
import threading
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from itertools import pairwise
from pathlib import Path
from random import Random

import psutil
import pytest
from kafka import KafkaConsumer, KafkaProducer, TopicPartition
from kafka.admin import KafkaAdminClient
from kafka.errors import KafkaError
from tests.faults import aimed
from tests.faults.evidence import Evidence
from tests.roles import SINK, Role, running, wait_for
from tests.sinks.lines import enriched, imagine
from tests.sinks.rig import Rig

from trailhouse.sinks.marks import Mark
from trailhouse.stream.gaps import GroupOffsets

PARTITIONS = 6
MEMBERS = 3
COMMITS = "__consumer_offsets"
LAUNCHER = str(Path(aimed.__file__))


class Load:
    """A log of every partition that grows all the while, with repeats as workers leave them."""

    def __init__(self, rig: Rig, seed: int) -> None:
        self._rig, self._random = rig, Random(seed)
        self._lines: dict[int, list[bytes]] = {partition: [] for partition in range(rig.partitions)}
        self._records = dict.fromkeys(range(rig.partitions), 0)
        self._stopped = threading.Event()

    @property
    def lines(self) -> list[bytes]:
        return [line for lines in self._lines.values() for line in lines]

    @contextmanager
    def flowing(self) -> Iterator[None]:
        thread = threading.Thread(target=self._write)
        thread.start()
        try:
            yield
        finally:
            self.stop()
            thread.join()

    def stop(self) -> None:
        self._stopped.set()

    def _write(self) -> None:
        producer = KafkaProducer(bootstrap_servers=self._rig.kafka.bootstrap, acks="all", linger_ms=5)
        while not self._stopped.wait(0.1):
            for partition, lines in self._lines.items():
                again = lines[-self._random.randint(1, 15) :] if self._random.random() < 0.1 else []
                new = enriched(
                    imagine(self._random, 3, days=10),
                    epoch=self._rig.epoch,
                    partition=partition,
                    start=len(lines),
                )
                for line in (*again, *new):
                    producer.send(self._rig.kafka.enriched_topic, line, partition=partition)
                lines.extend(new)
                self._records[partition] += len(again) + len(new)
        producer.flush()
        producer.close()

    def is_committed(self, committed: dict[int, tuple[int, Mark]]) -> bool:
        """Whether every partition is committed to its end, with the mark of its last line."""
        return committed == {
            partition: (self._records[partition], Mark({self._rig.epoch: len(lines) - 1}))
            for partition, lines in self._lines.items()
        }


class Group:
    """The sinks' group as the broker sees it."""

    def __init__(self, rig: Rig, sinks: tuple[Role, ...]) -> None:
        self._rig, self.sinks = rig, sinks
        self._offsets = GroupOffsets(rig.kafka)
        self._admin = KafkaAdminClient(bootstrap_servers=rig.kafka.bootstrap)
        self._members: frozenset[str] = frozenset()
        self.rebalances = 0

    def close(self) -> None:
        self._offsets.close()
        self._admin.close()

    def committed(self) -> dict[int, tuple[int, Mark]]:
        found = self._offsets.read(self._rig.group, self._rig.kafka.enriched_topic)
        return {
            partition: (each.offset, Mark.from_metadata(each.metadata) or Mark({}))
            for partition, each in found.items()
        }

    def settle(self, members: int, what: str) -> None:
        """Until it has so many members, others than before, and every partition is committed beyond where it was."""
        wait_for(lambda: self._is_changed(members), 30, what, *self.sinks)
        self.rebalances += 1
        before = self.committed()
        wait_for(
            lambda: all(
                self.committed().get(each, (0, None))[0] > before.get(each, (0, None))[0]
                for each in range(self._rig.partitions)
            ),
            30,
            f"commits after {what}",
            *self.sinks,
        )

    def joined(self) -> None:
        """Somebody did who is away already: what has something to commit is a member."""
        self._members = frozenset()
        self.rebalances += 1

    def _is_changed(self, members: int) -> bool:
        try:
            found = self._admin.describe_groups([self._rig.group])[self._rig.group]
        except KafkaError as error:
            if not error.retriable:
                raise
            return False
        now = frozenset(each["member_id"] for each in found["members"])
        if found["group_state"] != "Stable" or len(now) != members or now == self._members:
            return False
        self._members = now
        return True


def commits(rig: Rig) -> dict[int, list[tuple[int, Mark]]]:
    """Every pair the broker accepted from the group, by partition, in its order: read from its own log of commits."""
    found: dict[int, list[tuple[int, Mark]]] = defaultdict(list)
    with closing(KafkaConsumer(bootstrap_servers=rig.kafka.bootstrap, enable_auto_commit=False)) as consumer:
        tps = [TopicPartition(COMMITS, each) for each in sorted(consumer.partitions_for_topic(COMMITS))]
        consumer.assign(tps)
        consumer.seek_to_beginning(*tps)
        ends = consumer.end_offsets(tps)
        while any(consumer.position(tp) < ends[tp] for tp in tps):
            for records in consumer.poll(500).values():
                for record in records:
                    (version,) = struct.unpack_from(">h", record.key)
                    if version > 1 or record.value is None:
                        continue  # about the group itself, or a commit that expired
                    group, rest = text(record.key[2:])
                    topic, rest = text(rest)
                    if (group, topic) != (rig.group, rig.kafka.enriched_topic):
                        continue
                    _, offset = struct.unpack_from(">hq", record.value)
                    # How long the metadata is, is written in other ways by other brokers; the mark has one pair of braces.
                    start = record.value.index(b"{", 14)
                    mark = Mark.from_metadata(
                        record.value[start : record.value.index(b"}", start) + 1].decode()
                    )
                    assert mark is not None
                    found[struct.unpack(">i", rest)[0]].append((offset, mark))
    return found


def text(data: bytes) -> tuple[str, bytes]:
    """A text with its length in front, and what follows it."""
    (length,) = struct.unpack_from(">h", data)
    return data[2 : 2 + length].decode(), data[2 + length :]


class Trouble:
    """What befalls a sink; each way is two rebalances, `stall` four."""

    def __init__(self, group: Group, evidence: Evidence) -> None:
        self._group, self._evidence = group, evidence

    def kill(self, sink: Role) -> None:
        sink.kill()
        self._evidence.count({"sink": 1})
        self._without(sink, "kill")
        self._again(sink)

    def stop(self, sink: Role) -> None:
        assert sink.terminate(20) == 0
        self._without(sink, "stop")
        self._again(sink)

    def freeze(self, sink: Role) -> None:
        """Beyond its session, wherever it stands."""
        sink.freeze()
        self._without(sink, "freeze")
        sink.thaw()
        self._group.settle(MEMBERS, "thaw")

    def stall(self, sink: Role) -> None:
        """It freezes beyond its session with rows it stored and is about to commit; others own and commit them then."""
        assert sink.terminate(20) == 0
        self._without(sink, "stop before a stall")
        sink.environ[aimed.VARIABLE] = "freeze before commit:3"
        sink.start()
        del sink.environ[aimed.VARIABLE]
        process = psutil.Process(sink.process.pid)
        wait_for(lambda: process.status() == psutil.STATUS_STOPPED, 30, "stalled", sink)
        self._group.joined()
        self._without(sink, "stall")
        told = len(sink.log.read_text())
        sink.thaw()
        wait_for(lambda: "commit failed (" in sink.log.read_text()[told:], 30, "commit rejected", sink)
        self._group.settle(MEMBERS, "end of a stall")

    def _without(self, sink: Role, what: str) -> None:
        everybody = self._group.sinks
        self._group.sinks = tuple(each for each in everybody if each is not sink)
        self._group.settle(MEMBERS - 1, what)
        self._group.sinks = everybody

    def _again(self, sink: Role) -> None:
        sink.start()
        self._group.settle(MEMBERS, "start")


def shaken(
    rig: Rig,
    folder: Path,
    evidence: Evidence,
    acts: Callable[[Trouble], Sequence[Callable[[Role], None]]],
) -> int:
    """Three sinks, each act on one of them under load; checks everything and returns how often the group rebalanced."""
    random, load = Random(evidence.seed), Load(rig, evidence.seed)
    sinks = tuple(
        Role(SINK, rig.environ(batch_rows=50, batch_age_ms=40), folder / f"sink-{n}.log")
        for n in range(MEMBERS)
    )
    for sink in sinks:
        sink.argv = [sys.executable, LAUNCHER, "sink"]
    with closing(Group(rig, sinks)) as group, running(*sinks), load.flowing():
        group.settle(MEMBERS, "start of all")
        group.rebalances = 0
        for act in acts(Trouble(group, evidence)):
            act(random.choice(sinks))
        load.stop()
        wait_for(lambda: load.is_committed(group.committed()), 60, "all committed", *sinks)
        rebalances = group.rebalances
    assert rig.differing(load.lines) == {}
    found = rig.balance()
    assert (found.unaccounted, found.in_flight) == (0, 0)
    assert found.stored + found.repeats == len(load.lines)
    assert all(len(stretches) == 1 and stretches[0][0] == 0 for stretches in rig.ledger().values())
    history = commits(rig)
    assert sorted(history) == list(range(PARTITIONS))
    for pairs in history.values():
        for (offset, mark), (later, higher) in pairwise(pairs):
            assert offset <= later
            assert mark.hwm(rig.epoch) <= higher.hwm(rig.epoch)
    print(f"{rebalances} rebalances, {len(load.lines)} lines, {sum(map(len, history.values()))} commits")
    return rebalances


@pytest.mark.parametrize("rig", [PARTITIONS], indirect=True)
def test_a_zombie_among_three_sinks(rig: Rig, tmp_path: Path, evidence: Evidence) -> None:
    """A sink leaves, comes back, freezes between storing and committing, and thaws: its commit is rejected."""
    assert shaken(rig, tmp_path, evidence, lambda trouble: [trouble.stall]) == 4


@pytest.mark.faults
@pytest.mark.timeout(1200)
@pytest.mark.parametrize("rig", [PARTITIONS], indirect=True)
def test_twenty_rebalances_of_three_sinks(rig: Rig, tmp_path: Path, evidence: Evidence) -> None:
    """Members killed, stopped, frozen and stalled in the seed's order."""

    def acts(trouble: Trouble) -> Sequence[Callable[[Role], None]]:
        drawn = [trouble.kill, trouble.stop, trouble.freeze, trouble.stall] * 2
        Random(evidence.seed).shuffle(drawn)
        return drawn

    assert shaken(rig, tmp_path, evidence, acts) == 20
