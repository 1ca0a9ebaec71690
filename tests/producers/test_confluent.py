"""The emitter over confluent-kafka on the real Kafka: the same promises as over kafka-python."""

from __future__ import annotations

import collections
import gc
import importlib
import logging
import os
import signal
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from confluent_kafka import KafkaError, KafkaException
from tests.producers.test_kafka import arrived, run
from tests.producers.test_transport import create_raw_topic

from trailhouse.deploy.kafka import LocalKafka
from trailhouse.producers import (
    AuditBufferFull,
    AuditProducer,
    BufferSettings,
    DeliveryFailed,
    DeliveryRefused,
    Flushed,
    KafkaSettings,
    SettingsError,
    SpoolSettings,
)
from trailhouse.producers import confluent as module
from trailhouse.producers.confluent import ConfluentTransport, security_options
from trailhouse.producers.kafka import KafkaTransport
from trailhouse.producers.settings import KafkaSecurity, Secret


@pytest.fixture(autouse=True)
def _chosen(monkeypatch: pytest.MonkeyPatch) -> None:
    """Also in the programs these tests start."""
    monkeypatch.setenv("TRAILHOUSE_SEND_CLIENT", "confluent-kafka")


@pytest.fixture(autouse=True)
def _quiet_driver() -> Iterator[None]:
    """librdkafka logs each failed connection."""
    logger = logging.getLogger("confluent_kafka")
    level = logger.level
    logger.setLevel(logging.CRITICAL + 1)
    yield
    logger.setLevel(level)


@pytest.fixture
def raw_topic(kafka_settings: KafkaSettings) -> KafkaSettings:
    create_raw_topic(kafka_settings)
    return kafka_settings


def test_one_setting_chooses_the_client_and_both_share_a_spool(raw_topic: KafkaSettings) -> None:
    """What one left, the other delivers."""
    trail = AuditProducer(raw_topic)
    assert isinstance(trail._transport, ConfluentTransport)
    assert trail._transport.destination == KafkaTransport(raw_topic).destination
    trail.close()


def test_without_the_extra_the_setting_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """When the producer is made, with the name of what is missing; not when the first event is sent."""
    monkeypatch.setitem(sys.modules, "confluent_kafka", None)
    monkeypatch.delitem(sys.modules, "trailhouse.producers.confluent")
    with pytest.raises(SettingsError, match=r"TRAILHOUSE_SEND_CLIENT .*extra `confluent`"):
        AuditProducer(bootstrap="127.0.0.1:1")
    monkeypatch.undo()
    importlib.import_module("trailhouse.producers.confluent")


def test_a_program_that_just_ends_has_delivered_everything(raw_topic: KafkaSettings) -> None:
    """No `close`, no `flush`; and what an exit hook emits after the interpreter waited for the sender."""
    done = run("import atexit; atexit.register(work, 'hook', 5); work('a', 20_000)", raw_topic)
    assert done.returncode == 0, done.stderr
    counts = arrived(raw_topic)
    assert len(counts) == counts.total() == 20_005


@pytest.mark.parametrize(
    "fork",
    [
        "child = os.fork()\nif child == 0:\n    work('child', 2000)\n    sys.exit(0)\nos.waitpid(child, 0)",
        (
            "import multiprocessing\nchild = multiprocessing.get_context('fork').Process(target=work, args=('child', 2000))\n"
            "child.start()\nchild.join()"
        ),
        "child = os.fork()\nif child == 0:\n    work('child', 2000)\n    trail.close()\n    os._exit(0)\nos.waitpid(child, 0)",
    ],
    ids=["sys.exit", "multiprocessing", "close, os._exit"],
)
def test_a_forked_child_delivers_its_own_on_its_own_connection(fork: str, raw_topic: KafkaSettings) -> None:
    """Forked in the middle of sending: nobody's events are lost or sent by the other, and the child ends."""
    done = run(f"work('parent', 5000)\n{fork}\nwork('parent', 1000)", raw_topic)
    assert done.returncode == 0, done.stderr
    counts = arrived(raw_topic)
    assert (len(counts), counts.total()) == (8000, 8000)


def test_nothing_is_imported_once_a_producer_is_made(raw_topic: KafkaSettings) -> None:
    """A process forked while the sender imports something would wait for that import for ever."""
    script = (
        "before = set(sys.modules)\nwork('a', 10)\ntrail.flush()\nprint(sorted(set(sys.modules) - before))"
    )
    assert run(script, raw_topic).stdout == "[]\n"


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


def test_a_killed_process_leaves_its_events_to_the_next_of_either_client(
    kafka_broker: LocalKafka, raw_topic: KafkaSettings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At level `safe`, killed while the broker is frozen: every id that `emit` gave arrives."""
    script = f"""
        import signal, threading
        from trailhouse.producers import SpoolSettings
        spool = SpoolSettings(dir={str(tmp_path)!r}, level="safe")
        kept = AuditProducer(KafkaSettings(bootstrap={raw_topic.bootstrap!r}, raw_topic={raw_topic.raw_topic!r}), spool=spool)
        kept.emit("before", org_id="acme")
        kept.flush(30)
        os.kill({kafka_broker.pid}, signal.SIGSTOP)
        print(*[kept.emit("during", org_id="acme") for _ in range(50)], flush=True)
        os.kill(os.getpid(), signal.SIGKILL)
    """
    try:
        done = run(script, raw_topic)
    finally:
        assert kafka_broker.pid is not None
        os.kill(kafka_broker.pid, signal.SIGCONT)
    accepted = done.stdout.split()
    assert len(accepted) == 50, done.stderr
    monkeypatch.setenv("TRAILHOUSE_SEND_CLIENT", "kafka-python")
    heir = AuditProducer(raw_topic, spool=SpoolSettings(dir=str(tmp_path), level="safe"))
    assert heir.close(60).spooled == 0
    assert set(accepted) <= set(arrived(raw_topic))


def test_what_the_driver_gives_up_is_sent_again(kafka_broker: LocalKafka, raw_topic: KafkaSettings) -> None:
    """librdkafka fails a delivery after its timeout; we begin again with the same bytes, and no event is told twice."""
    told: collections.Counter[tuple[str, bool]] = collections.Counter()
    transport = ConfluentTransport(raw_topic, {"delivery.timeout.ms": 1500, "socket.timeout.ms": 1000})
    trail = AuditProducer(
        transport=transport, on_delivery=lambda event_id, error: told.update([(event_id, error is None)])
    )
    trail.emit("before", org_id="acme")
    trail.flush(30)
    given_up = threading.Event()
    original = transport.close

    def close(timeout_s: float) -> None:
        original(timeout_s)
        given_up.set()

    transport.close = close  # type: ignore[method-assign] # to see it happen
    assert kafka_broker.pid is not None
    os.kill(kafka_broker.pid, signal.SIGSTOP)
    try:
        accepted = [trail.emit("during", org_id="acme") for _ in range(200)]
        assert given_up.wait(60)
    finally:
        os.kill(kafka_broker.pid, signal.SIGCONT)
    assert trail.close(60) == Flushed(sent=201, spooled=0, failed=0)
    assert set(accepted) <= set(arrived(raw_topic))
    assert told.total() == 201


def test_a_topic_that_does_not_exist_is_said_and_not_made(kafka_settings: KafkaSettings) -> None:
    """The events wait for the topic; a topic made by accident would have the wrong partitions and clock."""
    trail = AuditProducer(kafka_settings)
    event_id = trail.emit("a:b", org_id="acme")
    assert trail.flush(0.5).spooled == 1
    assert f"topic {kafka_settings.raw_topic} is not known" in trail._buffer.trouble
    create_raw_topic(kafka_settings)
    assert trail.close(60) == Flushed(sent=1, spooled=0, failed=0)
    assert arrived(kafka_settings) == {event_id: 1}


def test_an_event_the_broker_refuses_is_told_and_the_others_arrive(kafka_settings: KafkaSettings) -> None:
    """Larger than the topic allows: refused by name, alone."""
    create_raw_topic(kafka_settings, 1, **{"max.message.bytes": "10000"})
    told: dict[str, DeliveryFailed | None] = {}
    trail = AuditProducer(
        transport=ConfluentTransport(kafka_settings, {"compression.type": "none"}),
        on_delivery=told.__setitem__,
    )
    small = [trail.emit("a:b", org_id="acme") for _ in range(20)]
    large = trail.emit("a:b", org_id="acme", changes={"text": {"after": "x" * 20_000}})
    small += [trail.emit("a:b", org_id="acme") for _ in range(20)]
    assert trail.flush(60) == Flushed(sent=40, spooled=0, failed=1)
    assert {name for name, error in told.items() if isinstance(error, DeliveryRefused)} == {large}
    assert set(arrived(kafka_settings)) == set(small)
    with pytest.raises(DeliveryFailed, match="1 of 41"):
        trail.close()


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        (KafkaError.MSG_SIZE_TOO_LARGE, DeliveryRefused),
        (KafkaError.RECORD_LIST_TOO_LARGE, DeliveryRefused),
        (KafkaError.INVALID_RECORD, DeliveryRefused),
        (KafkaError.INVALID_TIMESTAMP, DeliveryRefused),
        (KafkaError._MSG_TIMED_OUT, DeliveryFailed),
        (KafkaError._PURGE_QUEUE, DeliveryFailed),
        (KafkaError._FATAL, DeliveryFailed),
        (KafkaError.TOPIC_AUTHORIZATION_FAILED, DeliveryFailed),
        (KafkaError.OUT_OF_ORDER_SEQUENCE_NUMBER, DeliveryFailed),
    ],
)
def test_only_what_concerns_the_record_itself_is_a_refusal(code: int, kind: type[DeliveryFailed]) -> None:
    """Permissions, states and timeouts can be mended while the events wait."""
    assert type(ConfluentTransport(KafkaSettings()).explain(KafkaException(KafkaError(code)))) is kind


def test_closing_at_once_fails_the_receipts(raw_topic: KafkaSettings) -> None:
    """What is not confirmed is known to be so, and may be sent again."""
    before = threading.enumerate()
    transport = ConfluentTransport(raw_topic, {"linger.ms": 60_000})
    receipt = transport.send(b"x")
    transport.close(0)
    assert receipt.is_done
    assert receipt.exception is not None
    assert transport.explain(receipt.exception).retriable
    gc.collect()
    assert [thread for thread in threading.enumerate() if thread not in before] == []


def test_a_full_queue_of_the_driver_is_waited_for(raw_topic: KafkaSettings) -> None:
    """Room comes with confirmations, and these with polls."""
    transport = ConfluentTransport(raw_topic, {"queue.buffering.max.messages": 100})
    receipts = [transport.send(b"x") for _ in range(1000)]
    transport.close(30)
    assert [receipt.exception for receipt in receipts if not receipt.is_done or receipt.exception] == []


def test_connections_are_secured_as_the_settings_say() -> None:
    """By librdkafka's names; what is not set is left to it."""
    security = KafkaSecurity(protocol="SASL_PLAINTEXT", username="u", password=Secret("p"))
    assert security_options(security) == {
        "security.protocol": "SASL_PLAINTEXT",
        "sasl.mechanism": security.mechanism,
        "sasl.username": "u",
        "sasl.password": "p",
    }
    with pytest.raises(SettingsError, match="TRAILHOUSE_KAFKA_SSL_CA"):
        security_options(KafkaSecurity(protocol="SSL", ca="/nowhere.pem"))


def test_a_connection_that_is_refused_names_the_setting() -> None:
    """In what the producer logs, and `flush` waits with."""
    transport = ConfluentTransport(KafkaSettings())
    transport._note(KafkaError(KafkaError._AUTHENTICATION, "SASL authentication error"))
    transport._note(KafkaError(KafkaError._ALL_BROKERS_DOWN))
    assert "TRAILHOUSE_KAFKA_SASL_USERNAME" in transport._said
    transport._note(KafkaError(KafkaError._SSL, "ssl: certificate verify failed: self-signed"))
    assert "TRAILHOUSE_KAFKA_SSL_CA" in transport._said
    assert module.OPTIONS["enable.idempotence"] is True
