"""The emitter on the real Kafka; and the driver's habits that `KafkaTransport` guards against."""

from __future__ import annotations

import collections
import gc
import logging
import os
import signal
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Iterator
from typing import Any

import kafka
import kafka.errors
import orjson
import pytest
from tests.producers.test_transport import create_raw_topic, read_all

from trailhouse.deploy.kafka import LocalKafka
from trailhouse.producers import (
    AuditBufferFull,
    AuditProducer,
    BufferSettings,
    DeliveryFailed,
    DeliveryRefused,
    Flushed,
    KafkaSettings,
)
from trailhouse.producers import kafka as module
from trailhouse.producers.kafka import KafkaTransport


@pytest.fixture
def raw_topic(kafka_settings: KafkaSettings) -> KafkaSettings:
    create_raw_topic(kafka_settings)
    return kafka_settings


@pytest.fixture
def _quiet_driver() -> Iterator[None]:
    """kafka-python logs each failed connection; a broker that is killed on purpose makes pages of it."""
    logger = logging.getLogger("kafka")
    level = logger.level
    logger.setLevel(logging.CRITICAL + 1)
    yield
    logger.setLevel(level)


def arrived(settings: KafkaSettings) -> collections.Counter[str]:
    """How often each event id is on the raw topic."""
    return collections.Counter(orjson.loads(value)["event_id"] for value in read_all(settings))


# CPython 3.12 and newer warn of every fork in a process with threads; these tests are about exactly that.
QUIET_FORK = ("-W", "ignore:This process:DeprecationWarning")


def run(script: str, settings: KafkaSettings) -> subprocess.CompletedProcess[str]:
    setup = f"""
import os, sys
from trailhouse.producers import AuditProducer, KafkaSettings
trail = AuditProducer(KafkaSettings(bootstrap={settings.bootstrap!r}, raw_topic={settings.raw_topic!r}))
def work(action, events):
    for _ in range(events):
        trail.emit(action, org_id="acme", actor_user_id="u1")
"""
    return subprocess.run(
        [sys.executable, *QUIET_FORK, "-c", setup + textwrap.dedent(script)],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


@pytest.mark.parametrize(
    ("script", "events"),
    [
        ("work('a', 2000)", 2000),
        ("work('a', 20_000)", 20_000),
        ("work('a', 1)", 1),
        ("work('a', 2000); sys.exit(3)", 2000),
        ("import atexit; atexit.register(work, 'hook', 5); work('a', 5)", 10),
        ("import atexit; atexit.register(work, 'hook', 5)", 5),
    ],
)
def test_a_program_that_just_ends_has_delivered_everything(
    script: str, events: int, raw_topic: KafkaSettings
) -> None:
    """No `close`, no `flush`: the rows "exit" of experience §5, and events emitted by exit hooks."""
    done = run(script, raw_topic)
    assert done.stderr == ""
    counts = arrived(raw_topic)
    assert len(counts) == counts.total() == events


@pytest.mark.parametrize(
    "fork",
    [
        "child = os.fork()\nif child == 0:\n    work('child', 2000)\n    sys.exit(0)\nos.waitpid(child, 0)",
        "child = os.fork()\nif child == 0:\n    work('child', 2000)\n    trail.flush()\n    os._exit(0)\nos.waitpid(child, 0)",
        (
            "import multiprocessing\nchild = multiprocessing.get_context('fork').Process(target=work, args=('child', 2000))\n"
            "child.start()\nchild.join()"
        ),
    ],
    ids=["sys.exit", "flush, os._exit", "multiprocessing"],
)
def test_a_forked_child_delivers_its_own_on_its_own_connection(fork: str, raw_topic: KafkaSettings) -> None:
    """Forked in the middle of sending: nobody's events are lost or sent by the other."""
    done = run(f"work('parent', 5000)\n{fork}\nwork('parent', 1000)", raw_topic)
    assert done.stderr == ""
    actions = collections.Counter(orjson.loads(value)["action"] for value in read_all(raw_topic))
    assert actions == {"parent": 6000, "child": 2000}
    assert set(arrived(raw_topic).values()) == {1}


@pytest.mark.usefixtures("_quiet_driver")
@pytest.mark.parametrize("fault", ["kill", "freeze"])
def test_kafka_away_fills_the_buffer_blocks_refuses_and_loses_nothing(
    fault: str, kafka_broker: LocalKafka, raw_topic: KafkaSettings
) -> None:
    """Bounded, then blocked, then `AuditBufferFull`; back again, every accepted event is there once, and told once."""
    told: collections.Counter[tuple[str, bool]] = collections.Counter()
    trail = AuditProducer(
        raw_topic,
        buffer=BufferSettings(events=3000, max_block_ms=300),
        on_delivery=lambda event_id, error: told.update([(event_id, error is None)]),
    )
    accepted = [trail.emit("before", org_id="acme") for _ in range(1000)]
    assert trail.flush(30) == Flushed(sent=1000, spooled=0, failed=0)
    pid = kafka_broker.pid
    assert pid is not None
    if fault == "kill":
        kafka_broker.kill()
    else:
        os.kill(pid, signal.SIGSTOP)
    try:
        with pytest.raises(AuditBufferFull, match=r"3000 events .* no room within 300 ms"):
            for _ in range(10_000):
                accepted.append(trail.emit("during", org_id="acme"))  # noqa: PERF401 - up to where it raises
        assert trail.flush(0).spooled == 3000
    finally:
        if fault == "kill":
            kafka_broker.restart()
        else:
            os.kill(pid, signal.SIGCONT)
    assert trail.flush(60).spooled == 0
    accepted += [trail.emit("after", org_id="acme") for _ in range(10)]
    assert trail.close(60) == Flushed(sent=len(accepted), spooled=0, failed=0)
    assert arrived(raw_topic) == dict.fromkeys(accepted, 1)
    assert told == dict.fromkeys([(event_id, True) for event_id in accepted], 1)


@pytest.mark.usefixtures("_quiet_driver")
def test_memory_stays_bounded_while_kafka_is_away(kafka_broker: LocalKafka, raw_topic: KafkaSettings) -> None:
    """kafka-python alone has no limit: 558 MB more after 300 000 events of 1 KB (delivery.md §4)."""
    script = f"""
        import signal, logging
        from trailhouse.producers import AuditBufferFull, BufferSettings
        logging.getLogger("kafka").setLevel(100)
        trail = AuditProducer(
            KafkaSettings(bootstrap={raw_topic.bootstrap!r}, raw_topic={raw_topic.raw_topic!r}),
            buffer=BufferSettings(events=1_000_000, bytes=16 * 1024 * 1024, max_block_ms=500, close_timeout_ms=0),
        )
        trail.emit("a", org_id="acme")
        trail.flush(30)
        os.kill({kafka_broker.pid}, signal.SIGSTOP)
        resident_kb = lambda: int(open("/proc/self/statm").read().split()[1]) * 4
        before = resident_kb()
        try:
            for index in range(100_000):
                trail.emit("a", org_id="acme", attributes={{"text": "x" * 800}})
        except AuditBufferFull:
            print(resident_kb() - before, "KB more after", index)
        os.kill({kafka_broker.pid}, signal.SIGCONT)
    """
    try:
        done = run(script, raw_topic)
    finally:
        assert kafka_broker.pid is not None
        os.kill(kafka_broker.pid, signal.SIGCONT)
    more_kb, events = int(done.stdout.split()[0]), int(done.stdout.split()[-1])
    assert events < 20_000
    assert more_kb < 64 * 1024


@pytest.mark.usefixtures("_quiet_driver")
def test_a_service_started_before_kafka_delivers_when_it_comes(
    kafka_broker: LocalKafka, raw_topic: KafkaSettings
) -> None:
    """Not even the first connection has to succeed at once."""
    kafka_broker.kill()
    try:
        trail = AuditProducer(raw_topic)
        accepted = [trail.emit("early", org_id="acme") for _ in range(100)]
        assert trail.flush(0.2).spooled == 100
    finally:
        kafka_broker.restart()
    assert trail.close(60) == Flushed(sent=100, spooled=0, failed=0)
    assert arrived(raw_topic) == dict.fromkeys(accepted, 1)


@pytest.mark.usefixtures("_quiet_driver")
def test_what_the_driver_gives_up_is_sent_again(kafka_broker: LocalKafka, raw_topic: KafkaSettings) -> None:
    """kafka-python fails a delivery after its timeout; we begin again with the same bytes, and no event is told twice.

    A request that the frozen broker had already received may be in the log twice: the pipeline collapses it by id.
    """
    told: collections.Counter[tuple[str, bool]] = collections.Counter()
    transport = KafkaTransport(
        raw_topic, delivery_timeout_ms=1500, request_timeout_ms=1000, bootstrap_timeout_ms=1000
    )
    trail = AuditProducer(
        transport=transport, on_delivery=lambda event_id, error: told.update([(event_id, error is None)])
    )
    trail.emit("before", org_id="acme")
    trail.flush(30)
    first = transport._producer
    pid = kafka_broker.pid
    assert pid is not None
    os.kill(pid, signal.SIGSTOP)
    try:
        accepted = [trail.emit("during", org_id="acme") for _ in range(200)]
        given_up = threading.Event()
        original = transport.close

        def close(timeout_s: float) -> None:
            original(timeout_s)
            given_up.set()

        transport.close = close  # type: ignore[method-assign] # to see it happen
        assert given_up.wait(60)
    finally:
        os.kill(pid, signal.SIGCONT)
    counts = trail.close(60)
    assert counts == Flushed(sent=201, spooled=0, failed=0)
    assert first is not transport._producer
    assert set(accepted) <= set(arrived(raw_topic))
    assert told.total() == 201
    assert not first._sender.is_alive()


def test_a_topic_that_does_not_exist_is_said_and_not_made(kafka_settings: KafkaSettings) -> None:
    """The events wait for the topic; a topic made by accident would have the wrong partitions and clock."""
    trail = AuditProducer(transport=KafkaTransport(kafka_settings, max_block_ms=300))
    event_id = trail.emit("a:b", org_id="acme")
    assert trail.flush(1.5).spooled == 1
    assert f"topic {kafka_settings.raw_topic} is not known" in trail._buffer.trouble
    create_raw_topic(kafka_settings)
    assert trail.close(60) == Flushed(sent=1, spooled=0, failed=0)
    assert arrived(kafka_settings) == {event_id: 1}


def test_an_event_the_broker_refuses_is_told_and_the_others_arrive(kafka_settings: KafkaSettings) -> None:
    """Larger than the topic allows: refused by name, alone."""
    create_raw_topic(kafka_settings, 1, **{"max.message.bytes": "10000"})
    told: dict[str, DeliveryFailed | None] = {}
    trail = AuditProducer(
        transport=KafkaTransport(kafka_settings, compression_type=None), on_delivery=told.__setitem__
    )
    small = [trail.emit("a:b", org_id="acme") for _ in range(20)]
    large = trail.emit("a:b", org_id="acme", changes={"text": {"after": "x" * 20_000}})
    small += [trail.emit("a:b", org_id="acme") for _ in range(20)]
    assert trail.flush(30) == Flushed(sent=40, spooled=0, failed=1)
    assert {name for name, error in told.items() if isinstance(error, DeliveryRefused)} == {large}
    assert set(arrived(kafka_settings)) == set(small)
    with pytest.raises(DeliveryFailed, match="1 of 41"):
        trail.close()


def test_events_are_spread_evenly_over_partitions(raw_topic: KafkaSettings) -> None:
    """No key: one organisation uses every partition."""
    transport = KafkaTransport(raw_topic)
    for _ in range(30):
        for _ in range(50):
            transport.send(b"x")
        transport.flush(30)
    transport.close(30)
    consumer = kafka.KafkaConsumer(bootstrap_servers=raw_topic.bootstrap)
    ends = consumer.end_offsets([kafka.TopicPartition(raw_topic.raw_topic, each) for each in range(3)])
    consumer.close()
    assert list(ends.values()) == [500, 500, 500]


class FakeCluster:
    def __init__(self, available: set[int], every: set[int]) -> None:
        self.available, self.every = available, every

    def available_partitions_for_topic(self, topic: str) -> set[int]:
        return self.available

    def partitions_for_topic(self, topic: str) -> set[int]:
        return self.every


def test_the_partitioner_goes_round_and_avoids_partitions_without_a_leader() -> None:
    """One partition until the driver begins a batch, then the next; none available = any."""
    sticky = module._Sticky()
    cluster = FakeCluster({0, 2, 3}, {0, 1, 2, 3})
    chosen = sticky.partition("t", None, None, b"", b"", cluster)
    assert chosen in {0, 2, 3}
    assert sticky.partition("t", None, None, b"", b"", cluster) == chosen
    order = []
    for _ in range(4):
        sticky.on_new_batch("t", cluster, chosen)
        chosen = sticky.partition("t", None, None, b"", b"", cluster)
        order.append(chosen)
    assert sorted(order[:3]) == [0, 2, 3]
    assert order[3] == order[0]
    cluster.available = set()
    sticky.on_new_batch("t", cluster, 0)
    assert sticky.partition("t", None, None, b"", b"", cluster) == 1


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (kafka.errors.MessageSizeTooLargeError("x"), DeliveryRefused),
        (kafka.errors.RecordListTooLargeError("x"), DeliveryRefused),
        (kafka.errors.InvalidRecordError("x"), DeliveryRefused),
        (kafka.errors.InvalidTimestampError("x"), DeliveryRefused),
        (kafka.errors.KafkaTimeoutError("x"), DeliveryFailed),
        (kafka.errors.TopicAuthorizationFailedError("x"), DeliveryFailed),
        (kafka.errors.OutOfOrderSequenceNumberError("x"), DeliveryFailed),
        (kafka.errors.IllegalStateError("x"), DeliveryFailed),
        (kafka.errors.KafkaError("in the batch of an invalid one"), DeliveryFailed),
    ],
)
def test_only_what_concerns_the_record_itself_is_a_refusal(
    error: Exception, kind: type[DeliveryFailed]
) -> None:
    """Permissions, states and timeouts can be mended while the events wait."""
    told = KafkaTransport(KafkaSettings()).explain(error)
    assert type(told) is kind
    assert "x" in str(told) or "invalid" in str(told)


def test_nothing_is_imported_once_a_producer_is_made(raw_topic: KafkaSettings) -> None:
    """A process forked while the sender imports something would wait for that import for ever."""
    script = (
        "before = set(sys.modules)\nwork('a', 10)\ntrail.flush()\nprint(sorted(set(sys.modules) - before))"
    )
    assert run(script, raw_topic).stdout == "[]\n"


def test_a_port_nobody_listens_on_is_known_at_once() -> None:
    """The driver alone would try for five seconds; a program that ends would wait for it."""
    begun = time.monotonic()
    with pytest.raises(DeliveryFailed, match=r"cannot be reached at 127\.0\.0\.1:1: .*refused"):
        KafkaTransport(KafkaSettings(bootstrap="127.0.0.1:1")).send(b"x")
    assert time.monotonic() - begun < 4


class FakeDriver:
    """Stands for `kafka.KafkaProducer`, to fail where a broker cannot be made to."""

    failure: Exception | None = None

    def __init__(self, **options: Any) -> None:
        if self.failure is not None:
            raise self.failure
        self.options = options
        self._metadata = type("Cluster", (), {"config": {"allow_auto_create_topics": True}})()
        self.sending: Exception | None = None

    def _unregister_cleanup(self) -> None:
        self.has_exit_hook = False

    def send(self, topic: str, value: bytes) -> None:
        assert self.sending is not None
        raise self.sending


@pytest.mark.parametrize(
    ("failure", "kind", "says"),
    [
        (
            kafka.errors.KafkaTimeoutError("Unable to bootstrap"),
            DeliveryFailed,
            "cannot be reached at 127.0.0.1:9092",
        ),
        (OSError("no route"), DeliveryFailed, "no route"),
        (
            RuntimeError("can't start new thread at interpreter shutdown"),
            DeliveryRefused,
            "cannot connect to Kafka any more",
        ),
    ],
)
def test_failures_to_connect(
    failure: Exception, kind: type[DeliveryFailed], says: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All may be tried again, except by an interpreter that starts no threads any more (CPython 3.12+ at its end)."""
    monkeypatch.setattr(module, "KafkaProducer", type("Failing", (FakeDriver,), {"failure": failure}))
    monkeypatch.setattr(KafkaTransport, "_knock", lambda _: None)
    with pytest.raises(DeliveryFailed, match=says) as raised:
        KafkaTransport(KafkaSettings()).send(b"x")
    assert type(raised.value) is kind


@pytest.mark.parametrize(
    ("failure", "kind"),
    [
        (kafka.errors.KafkaTimeoutError("Failed to update metadata"), DeliveryFailed),
        (kafka.errors.MessageSizeTooLargeError("too large"), DeliveryRefused),
        (kafka.errors.IllegalStateError("closed"), DeliveryFailed),
        (ValueError("odd"), DeliveryFailed),
    ],
)
def test_failures_to_hand_over(
    failure: Exception, kind: type[DeliveryFailed], monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the driver's `send` raises comes out in our words."""
    monkeypatch.setattr(module, "KafkaProducer", FakeDriver)
    monkeypatch.setattr(KafkaTransport, "_knock", lambda _: None)
    transport = KafkaTransport(KafkaSettings())
    transport._connect().sending = failure
    with pytest.raises(DeliveryFailed) as raised:
        transport.send(b"x")
    assert type(raised.value) is kind


def test_options_of_the_driver_may_be_given(monkeypatch: pytest.MonkeyPatch) -> None:
    """TLS, SASL and timeouts pass through; ours stay."""
    monkeypatch.setattr(module, "KafkaProducer", FakeDriver)
    monkeypatch.setattr(KafkaTransport, "_knock", lambda _: None)
    driver = KafkaTransport(
        KafkaSettings(bootstrap="h:1"), security_protocol="SASL_SSL", linger_ms=7
    )._connect()
    assert driver.options["security_protocol"] == "SASL_SSL"
    assert driver.options["linger_ms"] == 7
    assert driver.options["bootstrap_servers"] == "h:1"
    assert (
        driver.options["acks"],
        driver.options["enable_idempotence"],
        driver.options["compression_type"],
    ) == ("all", True, "lz4")


def test_the_habits_of_the_driver_that_are_guarded_against(raw_topic: KafkaSettings) -> None:
    """Pins kafka-python's private attributes: a release that renames one fails here, not in a service that ends."""
    transport = KafkaTransport(raw_topic)
    driver = transport._connect()
    assert driver._metadata.config["allow_auto_create_topics"] is False
    assert driver._cleanup is None
    assert driver._closed is False
    assert driver._sender.is_alive()
    transport.close(0)
    assert driver._closed is True
    assert not driver._sender.is_alive()


def test_closing_at_once_fails_the_receipts_and_ends_the_thread(raw_topic: KafkaSettings) -> None:
    """kafka-python's own `close` raises, and goes on running, while anything is undelivered."""
    before = threading.enumerate()
    transport = KafkaTransport(raw_topic, linger_ms=60_000, delivery_timeout_ms=120_000)
    receipt = transport.send(b"x")
    transport.close(0)
    assert receipt.is_done
    assert receipt.exception is not None
    assert transport.explain(receipt.exception).retriable
    gc.collect()
    assert [thread for thread in threading.enumerate() if thread not in before] == []
