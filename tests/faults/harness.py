"""Workers as processes, a producer, and a checker that reads the enriched topic by the sink's own rule (design §5)."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

from kafka import KafkaConsumer, KafkaProducer, TopicPartition
from kafka.admin import KafkaAdminClient
from kafka.errors import (
    CoordinatorLoadInProgressError,
    CoordinatorNotAvailableError,
    KafkaError,
    NotCoordinatorError,
)
from tests.faults.checker import Verdict, judge
from tests.waiting import turns

from trailhouse.producers.settings import KafkaSettings
from trailhouse.stream.topics import create_topics

LAUNCHER: Final = Path(__file__).with_name("stream_worker.py")
PEPPER: Final = "a pepper for tests only"
PARTITIONS: Final = 4
PATIENCE_S: Final = 90.0


def event(**overrides: Any) -> bytes:
    """A small event with an id of its own."""
    fields = {
        "event_id": str(uuid.uuid4()),
        "occurred_at": "2026-03-02T09:59:59.000Z",
        "org_id": "acme",
        "action": "project:read",
        "actor_user_id": "u1",
    }
    return json.dumps(fields | overrides).encode()


class Stage:
    """The stream stage of one test: its topics, its workers, what went in and what came out."""

    def __init__(self, settings: KafkaSettings, folder: Path) -> None:
        self.settings, self._folder = settings, folder
        self.group = f"group-{uuid.uuid4().hex[:8]}"
        self.workers: list[subprocess.Popen[bytes]] = []
        self.producer = self._producer()

    def _producer(self) -> KafkaProducer:
        return KafkaProducer(
            bootstrap_servers=self.settings.bootstrap, acks="all", linger_ms=20, compression_type="gzip"
        )

    @contextlib.contextmanager
    def another_producer(self) -> Iterator[None]:
        """Send through a producer that is new, and sees partitions that are."""
        old, self.producer = self.producer, self._producer()
        try:
            yield
        finally:
            self.producer.close(timeout=5)
            self.producer = old

    # Workers

    def start(self, *mutants: str, **environ: str) -> subprocess.Popen[bytes]:
        """One more worker; settings through the environment, as everywhere."""
        number = len(self.workers)
        with (self._folder / f"worker-{number}.log").open("wb") as log:
            worker = subprocess.Popen(
                [sys.executable, str(LAUNCHER), *mutants],
                env={
                    **os.environ,
                    "TRAILHOUSE_KAFKA_BOOTSTRAP": self.settings.bootstrap,
                    "TRAILHOUSE_TOPIC_RAW": self.settings.raw_topic,
                    "TRAILHOUSE_TOPIC_ENRICHED": self.settings.enriched_topic,
                    "TRAILHOUSE_TOPIC_REJECTED": self.settings.rejected_topic,
                    "TRAILHOUSE_PEPPER": PEPPER,
                    "TRAILHOUSE_STREAM_GROUP": self.group,
                    "TRAILHOUSE_STREAM_DATADIR": str(self._folder / f"worker-{number}"),
                    "TRAILHOUSE_STREAM_SESSION_TIMEOUT_S": "6",
                    "TRAILHOUSE_STREAM_FETCH_RECORDS": "200",
                    **environ,
                },
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        self.workers.append(worker)
        return worker

    @property
    def is_anyone_alive(self) -> bool:
        return any(worker.poll() is None for worker in self.workers)

    def log_of(self, worker: subprocess.Popen[bytes]) -> str:
        return (self._folder / f"worker-{self.workers.index(worker)}.log").read_text(errors="replace")

    def status_of(self, worker: subprocess.Popen[bytes]) -> int:
        """The exit status, waited for; its log is the message of whatever fails here."""
        try:
            return worker.wait(PATIENCE_S)
        except subprocess.TimeoutExpired:
            raise AssertionError(self.log_of(worker)) from None

    def close(self) -> None:
        for worker in self.workers:
            if worker.poll() is None:
                worker.kill()
            worker.wait()
        with contextlib.suppress(KafkaError):
            self.producer.close(timeout=5)

    # In

    def send(self, values: list[bytes | None], partition: int | None = None) -> None:
        """Publish, in runs over all partitions unless one is named; returns when Kafka confirmed all."""
        sent = [
            self.producer.send(
                self.settings.raw_topic,
                key=None if value is not None else b"tombstone",
                value=value,
                partition=number // 10 % PARTITIONS if partition is None else partition,
            )
            for number, value in enumerate(values)
        ]
        for each in sent:
            each.get(timeout=PATIENCE_S)

    # Out

    def records(self, topic: str, isolation: str = "read_uncommitted") -> dict[int, list[Any]]:
        """Everything a topic holds, by partition."""
        consumer = KafkaConsumer(
            bootstrap_servers=self.settings.bootstrap,
            isolation_level=isolation,
            enable_auto_commit=False,
            max_poll_records=5000,
        )
        try:
            partitions = [
                TopicPartition(topic, each) for each in sorted(consumer.partitions_for_topic(topic) or ())
            ]
            consumer.assign(partitions)
            consumer.seek_to_beginning(*partitions)
            ends = consumer.end_offsets(partitions)
            found: dict[int, list[Any]] = {tp.partition: [] for tp in partitions}
            deadline = time.monotonic() + PATIENCE_S
            while any(consumer.position(tp) < ends[tp] for tp in partitions):
                assert time.monotonic() < deadline, f"{topic} cannot be read to its end"
                for tp, records in consumer.poll(200).items():
                    found[tp.partition] += records
            return found
        finally:
            consumer.close()

    def committed(self) -> dict[int, int]:
        """The group's offset in each raw partition; none while the group has no coordinator yet."""
        client = KafkaAdminClient(bootstrap_servers=self.settings.bootstrap)
        try:
            offsets = client.list_group_offsets({self.group: None})[self.group]
        except (CoordinatorNotAvailableError, CoordinatorLoadInProgressError, NotCoordinatorError):
            return {}
        finally:
            client.close()
        return {tp.partition: at.offset for tp, at in offsets.items() if at.offset >= 0}

    def members(self) -> int:
        """How many members the group has while it is stable; 0 while it rebalances."""
        client = KafkaAdminClient(bootstrap_servers=self.settings.bootstrap)
        try:
            group = client.describe_groups([self.group])[self.group]
        finally:
            client.close()
        return len(group["members"]) if group["group_state"] == "Stable" else 0

    def wanted(self) -> dict[int, int]:
        """The offset behind the last record of each raw partition that has any."""
        raw = self.records(self.settings.raw_topic, "read_committed")
        return {partition: records[-1].offset + 1 for partition, records in raw.items() if records}

    def wait_until_done(self, patience_s: float = PATIENCE_S) -> None:
        """Until the group's offsets are right: behind the last record of every partition."""
        wanted = self.wanted()
        wait_until(lambda: self.committed() == wanted or not self.is_anyone_alive, self.state, patience_s)
        assert self.committed() == wanted, self.state()

    def state(self) -> str:
        """For a failing test: who is alive, what is committed, and the ends of the logs."""
        logs = [f"{worker.pid}: {worker.poll()} {self.log_of(worker)[-1500:]}" for worker in self.workers]
        return "\n".join([f"committed {self.committed()}, wanted {self.wanted()}", *logs])

    def verdict(self) -> Verdict:
        """Read the enriched topic as a sink does: accept iff `from <= hwm + 1 <= offset`, by epoch and partition."""
        return judge(self.records(self.settings.enriched_topic))

    def check(self) -> Verdict:
        """Nothing lost, no gap, each record accounted for once and in order; returns the verdict for what else matters."""
        verdict = self.verdict()
        raw = self.records(self.settings.raw_topic, "read_committed")
        assert verdict.gaps == 0, self.state()
        assert {each: verdict.offsets(each) for each in raw} == {
            each: [record.offset for record in records] for each, records in raw.items()
        }, self.state()
        return verdict


@contextlib.contextmanager
def stage_of(settings: KafkaSettings, folder: Path) -> Iterator[Stage]:
    """Topics created; every worker is gone afterwards, also when the test failed."""
    create_topics(settings, PARTITIONS)
    stage = Stage(settings, folder)
    try:
        yield stage
    finally:
        stage.close()


def wait_until(
    is_so: Callable[[], bool], state: Callable[[], str] = str, patience_s: float = PATIENCE_S
) -> None:
    """Until it is so; raises with `state` when it takes longer than patience lasts."""
    deadline = time.monotonic() + patience_s
    for _ in turns(0.1):
        if is_so():
            return
        assert time.monotonic() < deadline, state()


@contextlib.contextmanager
def frozen(worker: subprocess.Popen[bytes]) -> Iterator[None]:
    """SIGSTOP for as long as the block takes, then SIGCONT: what a paused virtual machine goes through."""
    worker.send_signal(signal.SIGSTOP)
    try:
        yield
    finally:
        worker.send_signal(signal.SIGCONT)
