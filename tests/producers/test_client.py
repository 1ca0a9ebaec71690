"""`AuditProducer`, on transports a test decides about; the real Kafka is in `test_kafka.py`."""

from __future__ import annotations

import gc
import inspect
import os
import subprocess
import sys
import textwrap
import threading
import time
import typing
import uuid
import weakref
from multiprocessing.reduction import ForkingPickler
from pathlib import Path
from typing import Any

import orjson
import pytest
from tests.producers.doubles import ScriptedTransport

from trailhouse.producers import (
    AuditBufferFull,
    AuditEvent,
    AuditProducer,
    AuditSpoolFull,
    BufferSettings,
    DeliveryFailed,
    DeliveryRefused,
    Flushed,
    InvalidEvent,
    KafkaSettings,
    MemoryTransport,
    ProducerClosed,
    SpoolFailed,
    SpoolSettings,
)
from trailhouse.producers import sender as sender_module
from trailhouse.producers.event import FIELD


@pytest.fixture(autouse=True)
def _short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sender_module, "BACKOFF_MIN_S", 0.001)
    monkeypatch.setattr(sender_module, "BACKOFF_MAX_S", 0.001)


# CPython 3.12 and newer warn of every fork in a process with threads; these tests are about exactly that.
QUIET_FORK = ("-W", "ignore:This process:DeprecationWarning")


def run(script: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """A program of its own, to see what its end does."""
    return subprocess.run(
        [sys.executable, *QUIET_FORK, "-c", textwrap.dedent(script), *arguments],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


FILE_TRANSPORT = """
import os, sys, time
from trailhouse.producers import AuditProducer, BufferSettings, DeliveryFailed
from trailhouse.producers.transport import Settled

class FileTransport:
    "Appends each record to a file, slowly; the file is what Kafka would have."
    pause_s = 0.0005
    def send(self, value):
        time.sleep(self.pause_s)
        with open(sys.argv[1], "ab") as file:
            file.write(value + b"\\n")
        return Settled()
    def flush(self, timeout_s): pass
    def close(self, timeout_s): pass
    def explain(self, error): return DeliveryFailed(str(error))
"""


def delivered(path: Path) -> list[dict[str, Any]]:
    return [orjson.loads(line) for line in path.read_bytes().splitlines()]


def test_an_emitted_event_arrives_as_the_contract_says() -> None:
    """The id comes back, the bytes are an event of the contract."""
    memory = MemoryTransport()
    with AuditProducer(transport=memory) as trail:
        event_id = trail.emit("project:delete", org_id="acme", actor_user_id="u1", attributes={"page": "/x"})
    (value,) = memory.values
    event = AuditEvent.from_bytes(value)
    assert event.event_id == event_id
    assert uuid.UUID(event_id).version == 7
    assert (event.action, event.org_id, event.actor_user_id, event.attributes) == (
        "project:delete",
        "acme",
        "u1",
        {"page": "/x"},
    )


def test_an_existing_event_is_sent_as_it_is() -> None:
    """Importers keep their ids and times."""
    memory = MemoryTransport()
    event = AuditEvent.new("review", org_id="acme", occurred_at="2011-03-04T05:06:07Z")
    with AuditProducer(transport=memory) as trail:
        assert trail.emit_event(event) == event.event_id
    assert memory.values == [event.to_bytes()]


def test_emit_is_typed_field_by_field() -> None:
    """Editors and type checkers know every field of the contract."""
    hints = typing.get_type_hints(AuditProducer.emit, include_extras=True)
    (fields,) = typing.get_args(hints["fields"])
    assert set(typing.get_type_hints(fields)) | {"org_id", "action"} == set(FIELD)
    assert inspect.signature(AuditProducer.emit).parameters["org_id"].kind is inspect.Parameter.KEYWORD_ONLY


@pytest.mark.parametrize(
    "wrong", [{"org_id": "-"}, {"org_id": "acme", "actor_mail": "x"}, {"org_id": "acme", "response_code": 7}]
)
def test_an_invalid_event_is_refused_at_emit_and_nothing_is_sent(wrong: dict[str, Any]) -> None:
    """The caller's own line raises."""
    memory = MemoryTransport()
    with AuditProducer(transport=memory) as trail, pytest.raises(InvalidEvent):
        trail.emit("a:b", **wrong)
    assert memory.values == []


def test_an_event_too_large_for_kafka_is_refused_at_emit() -> None:
    """Not later, in a thread nobody watches."""
    with (
        AuditProducer(transport=MemoryTransport()) as trail,
        pytest.raises(InvalidEvent, match="at most 262144 bytes"),
    ):
        trail.emit("a:b", org_id="acme", changes={"text": {"before": "x" * 300_000}})


def test_flush_says_where_everything_stands() -> None:
    """Sent, pending, failed since the start; their sum is what was accepted."""
    with AuditProducer(
        transport=ScriptedTransport("ok", DeliveryRefused("no")), on_delivery=lambda *_: None
    ) as trail:
        trail.emit("a:b", org_id="acme")
        assert trail.flush(30) == Flushed(sent=1, spooled=0, failed=0)
        trail.emit("a:b", org_id="acme")
        trail.emit("a:b", org_id="acme")
        assert trail.flush(30) == Flushed(sent=2, spooled=0, failed=1)
        assert trail.flush(0) == Flushed(sent=2, spooled=0, failed=1)
        with pytest.raises(DeliveryFailed, match="1 of 3 accepted audit events were not delivered"):
            trail.close()


def test_flush_returns_in_time_when_kafka_does_not_answer() -> None:
    """What is pending is said, nothing is raised."""
    trail = AuditProducer(transport=ScriptedTransport("hang"))
    trail.emit("a:b", org_id="acme")
    assert trail.flush(0.01) == Flushed(sent=0, spooled=1, failed=0)
    with pytest.raises(DeliveryFailed):
        trail.close(0)


def test_close_delivers_then_refuses_and_may_be_called_again() -> None:
    """After `close` an event is refused with `ProducerClosed`."""
    memory = MemoryTransport()
    trail = AuditProducer(transport=memory)
    trail.emit("a:b", org_id="acme")
    assert trail.close() == Flushed(sent=1, spooled=0, failed=0)
    assert trail.close() == Flushed(sent=1, spooled=0, failed=0)
    with pytest.raises(ProducerClosed):
        trail.emit("a:b", org_id="acme")
    assert len(memory.values) == 1


def test_close_raises_when_kafka_stays_away_and_every_event_is_told() -> None:
    """Within its time, with the number, the total and the reason."""
    told: list[tuple[str, DeliveryFailed | None]] = []
    away = ScriptedTransport("ok", *[DeliveryFailed("away")] * 100_000)
    trail = AuditProducer(transport=away, on_delivery=lambda *each: told.append(each))
    sent = trail.emit("a:b", org_id="acme")
    trail.flush(30)
    lost = [trail.emit("a:b", org_id="acme") for _ in range(2)]
    with pytest.raises(DeliveryFailed, match=r"2 of 3 accepted audit events were not delivered: away"):
        trail.close(0.01)
    assert [name for name, _ in told] == [sent, *lost]
    assert [error is None for _, error in told] == [True, False, False]


def test_leaving_the_block_by_an_exception_keeps_that_exception() -> None:
    """The undelivered events join it as a note."""
    away = ScriptedTransport(*[DeliveryFailed("away")] * 100_000)
    with (
        pytest.raises(KeyError) as raised,
        AuditProducer(transport=away, buffer=BufferSettings(close_timeout_ms=10)) as trail,
    ):
        trail.emit("a:b", org_id="acme")
        raise KeyError("mine")
    assert raised.value.__notes__ == ["1 of 1 accepted audit events were not delivered: away"]


def test_a_full_buffer_blocks_then_raises_and_loses_nothing_accepted() -> None:
    """Kafka away: accepted events wait, the one too many is refused; Kafka back: all accepted arrive."""
    kafka = ScriptedTransport(*["hang"] * 5)
    trail = AuditProducer(transport=kafka, buffer=BufferSettings(events=5, max_block_ms=20))
    accepted = [trail.emit("a:b", org_id="acme") for _ in range(5)]
    with pytest.raises(AuditBufferFull, match=r"5 events .* no room within 20 ms"):
        trail.emit("a:b", org_id="acme")
    kafka.sent.clear()
    trail._sender._recover(DeliveryFailed("as the driver would find out"))
    assert trail.close() == Flushed(sent=5, spooled=0, failed=0)
    assert [orjson.loads(value)["event_id"] for value in kafka.sent] == accepted


def test_a_blocked_caller_goes_on_when_kafka_answers() -> None:
    """Slower than the events come, Kafka slows the callers down; nothing is refused."""
    memory = MemoryTransport()
    with AuditProducer(transport=memory, buffer=BufferSettings(events=2, max_block_ms=60_000)) as trail:
        for _ in range(500):
            trail.emit("a:b", org_id="acme")
    assert len(memory.values) == 500


def test_many_threads_may_emit() -> None:
    """Each event once, whoever emits it."""
    memory = MemoryTransport()
    with AuditProducer(transport=memory, buffer=BufferSettings(events=50, max_block_ms=60_000)) as trail:
        names: list[str] = []
        threads = [
            threading.Thread(
                target=lambda: names.extend(trail.emit("a:b", org_id="acme") for _ in range(300))
            )
            for _ in range(4)
        ]
        for each in threads:
            each.start()
        for each in threads:
            each.join()
    assert sorted(event["event_id"] for event in memory.events) == sorted(names)
    assert len(set(names)) == 1200


def test_the_callback_may_emit_and_count_but_not_wait_for_itself() -> None:
    """It runs on the sender's thread: a full buffer refuses it at once, `flush` only counts."""
    seen: list[object] = []

    def on_delivery(event_id: str, error: DeliveryFailed | None) -> None:
        seen.append(trail.flush())
        try:
            trail.emit("again", org_id="acme")
        except AuditBufferFull as full:
            seen.append(type(full))

    trail = AuditProducer(
        transport=MemoryTransport(),
        on_delivery=on_delivery,
        buffer=BufferSettings(events=1, max_block_ms=86_400_000),
    )
    trail.emit("a:b", org_id="acme")
    trail.flush(30)
    trail.close()
    assert seen == [Flushed(sent=0, spooled=1, failed=0), AuditBufferFull]


def test_no_thread_lives_while_there_is_nothing_to_send() -> None:
    """An idle producer costs nothing, and a dropped one is collected."""
    trail = AuditProducer(transport=MemoryTransport())
    assert trail._thread is None
    trail.emit("a:b", org_id="acme")
    assert trail._thread is not None
    trail._thread.join(30)
    assert not trail._thread.is_alive()
    trail.emit("a:b", org_id="acme")
    assert trail.flush(30).sent == 2
    thread, reference = trail._thread, weakref.ref(trail)
    thread.join(30)
    del trail
    gc.collect()
    assert reference() is None


def test_a_thread_that_cannot_be_started_is_tried_again(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Out of threads: the events stay, the next emit (even into a full buffer), or `flush`, starts it."""
    memory = MemoryTransport()
    trail = AuditProducer(transport=memory, buffer=BufferSettings(events=2, max_block_ms=0))

    def start(thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", start)
        trail.emit("a:b", org_id="acme")
        trail.emit("a:b", org_id="acme")
        with pytest.raises(AuditBufferFull):
            trail.emit("a:b", org_id="acme")
        assert trail.flush(0).spooled == 2
    assert "no thread to send audit events could be started" in caplog.text
    with pytest.raises(AuditBufferFull):
        trail.emit("a:b", org_id="acme")
    assert trail.close(30) == Flushed(sent=2, spooled=0, failed=0)


def test_where_to_send_is_said_once() -> None:
    """Brokers or a transport, not both."""
    with pytest.raises(TypeError, match="one of kafka, bootstrap and transport"):
        AuditProducer(KafkaSettings(), bootstrap="h:1")
    with pytest.raises(TypeError, match="one of kafka, bootstrap and transport"):
        AuditProducer(bootstrap="h:1", transport=MemoryTransport())


def test_making_a_producer_connects_to_nothing() -> None:
    """A service starts while Kafka is away."""
    before = threading.enumerate()
    trail = AuditProducer(bootstrap="127.0.0.1:1")
    assert threading.enumerate() == before
    assert trail.close() == Flushed(sent=0, spooled=0, failed=0)


def test_a_refusal_is_an_error_of_its_own() -> None:
    """`on_delivery` tells "never" from "not yet"."""
    told: list[DeliveryFailed | None] = []
    trail = AuditProducer(
        transport=ScriptedTransport(DeliveryRefused("no")), on_delivery=lambda _, error: told.append(error)
    )
    trail.emit("a:b", org_id="acme")
    trail.flush(30)
    assert [type(error) for error in told] == [DeliveryRefused]
    with pytest.raises(DeliveryFailed):
        trail.close()


@pytest.mark.parametrize(
    "end",
    [
        "pass",
        "sys.exit(3)",
        "raise ValueError('mine')",
        "import signal; signal.raise_signal(signal.SIGINT)",
        "import signal; signal.signal(signal.SIGTERM, lambda *_: sys.exit(143)); os.kill(os.getpid(), signal.SIGTERM)",
    ],
)
def test_the_end_of_a_program_delivers_everything(end: str, tmp_path: Path) -> None:
    """Without `close`: falling off the end, `sys.exit`, an exception, Ctrl-C, SIGTERM with a handler."""
    out = tmp_path / "sent"
    run(
        FILE_TRANSPORT
        + f"trail = AuditProducer(transport=FileTransport())\nfor _ in range(300): trail.emit('a:b', org_id='acme')\n{end}",
        str(out),
    )
    assert len({event["event_id"] for event in delivered(out)}) == 300


def test_events_emitted_while_the_program_ends_are_delivered_too(tmp_path: Path) -> None:
    """From another thread that outlives the main one, and from exit hooks registered before and after."""
    out = tmp_path / "sent"
    script = FILE_TRANSPORT + textwrap.dedent("""
        import atexit, threading
        atexit.register(lambda: trail.emit("hook:before", org_id="acme"))
        trail = AuditProducer(transport=FileTransport())
        atexit.register(lambda: trail.emit("hook:after", org_id="acme"))
        def late():
            threading.main_thread().join()
            trail.emit("thread:late", org_id="acme")
        threading.Thread(target=late).start()
        trail.emit("main", org_id="acme")
    """)
    run(script, str(out))
    assert sorted(event["action"] for event in delivered(out)) == [
        "hook:after",
        "hook:before",
        "main",
        "thread:late",
    ]


def test_a_program_that_ends_while_kafka_is_away_says_what_it_lost(tmp_path: Path) -> None:
    """It ends in `close_timeout_ms`, with a line on stderr even where logging is not set up."""
    script = FILE_TRANSPORT + textwrap.dedent("""
        class Away(FileTransport):
            def send(self, value): raise DeliveryFailed("connection refused")
        trail = AuditProducer(transport=Away(), buffer=BufferSettings(close_timeout_ms=200))
        for _ in range(7): trail.emit("a:b", org_id="acme")
    """)
    done = run(script, str(tmp_path / "sent"))
    assert "7 audit events were NOT delivered" in done.stderr
    assert "connection refused" in done.stderr


FORKS = {
    "os.fork, sys.exit": "child = os.fork()\nif child == 0:\n    work()\n    sys.exit(0)\nos.waitpid(child, 0)",
    "os.fork, flush, os._exit": "child = os.fork()\nif child == 0:\n    work()\n    trail.flush()\n    os._exit(0)\nos.waitpid(child, 0)",
    "multiprocessing": "import multiprocessing\nchild = multiprocessing.get_context('fork').Process(target=work)\nchild.start()\nchild.join()",
    "os.fork in a thread": (
        "import threading\ndef fork():\n    child = os.fork()\n    if child == 0:\n        work()\n        sys.exit(0)\n"
        "    os.waitpid(child, 0)\nthread = threading.Thread(target=fork)\nthread.start()\nthread.join()"
    ),
}


@pytest.mark.parametrize("fork", FORKS.values(), ids=FORKS.keys())
def test_a_forked_child_delivers_its_own_events_and_only_those(fork: str, tmp_path: Path) -> None:
    """Forked with a full buffer: each event once, parent's by the parent, child's by the child."""
    out = tmp_path / "sent"
    script = (
        FILE_TRANSPORT
        + "trail = AuditProducer(transport=FileTransport())\n"
        + "def work():\n    for _ in range(200): trail.emit('child', org_id='acme')\n"
        + "for _ in range(200): trail.emit('parent', org_id='acme')\n"
        + fork
        + "\nfor _ in range(50): trail.emit('parent', org_id='acme')\n"
    )
    done = run(script, str(out))
    assert done.stderr == ""
    events = delivered(out)
    assert len({event["event_id"] for event in events}) == len(events) == 450
    assert sum(event["action"] == "child" for event in events) == 200


@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")
def test_a_child_of_a_closed_producer_is_closed() -> None:
    """Closing holds for processes forked afterwards."""
    trail = AuditProducer(transport=MemoryTransport())
    trail.close()
    child = os.fork()
    if child == 0:
        try:
            trail.emit("a:b", org_id="acme")
        except ProducerClosed:
            os._exit(7)
        os._exit(0)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7


def test_a_producer_stays_in_its_process() -> None:
    """Handing one to a spawned process fails at once, instead of losing events there."""
    with pytest.raises(TypeError, match="pickle"):
        ForkingPickler.dumps(AuditProducer(transport=MemoryTransport()))


class KafkaLike(MemoryTransport):
    """Has a destination, as the transport for Kafka has."""

    destination = "audit.events-0123"


def test_events_for_kafka_are_spooled_by_default(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """In the user's state folder, or where the environment or the argument says; not with a transport of one's own."""
    monkeypatch.delenv("TRAILHOUSE_SPOOL_DIR")
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    assert AuditProducer(transport=KafkaLike())._folder == tmp_path / "trailhouse/spool/audit.events-0123"
    assert AuditProducer(transport=KafkaLike(), spool="off")._folder is None
    assert AuditProducer(transport=KafkaLike(), spool=tmp_path / "mine")._folder == (
        tmp_path / "mine/audit.events-0123"
    )
    assert AuditProducer(transport=MemoryTransport())._folder is None
    assert AuditProducer(transport=MemoryTransport(), spool=tmp_path)._folder == tmp_path / "events"
    monkeypatch.setenv("TRAILHOUSE_SPOOL_DIR", str(tmp_path / "env"))
    assert AuditProducer(transport=KafkaLike())._folder == tmp_path / "env/audit.events-0123"
    monkeypatch.setenv("TRAILHOUSE_SPOOL_DIR", "off")
    assert AuditProducer(transport=KafkaLike())._folder is None


def test_without_a_usable_default_folder_memory_has_to_do_unless_strict(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """A service without a home still audits, and says what it cannot promise; `strict` and a named folder refuse."""
    (tmp_path / "file").write_text("")
    monkeypatch.delenv("TRAILHOUSE_SPOOL_DIR")
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "file"))
    memory = KafkaLike()
    with AuditProducer(transport=memory) as trail:
        trail.emit("a:b", org_id="acme")
    assert len(memory.values) == 1
    assert "kept in memory only" in caplog.text
    with pytest.raises(SpoolFailed, match="cannot be made"):
        AuditProducer(transport=KafkaLike(), strict=True)
    with pytest.raises(SpoolFailed, match="cannot be made"):
        AuditProducer(transport=KafkaLike(), spool=tmp_path / "file")
    with pytest.raises(SpoolFailed, match="there is no spool"):
        AuditProducer(transport=MemoryTransport(), strict=True)


def test_a_spooled_producer_delivers_leaves_nothing_and_tells_its_own(tmp_path: Path) -> None:
    """As without a spool: counts, callbacks, order, and an empty folder at the end."""
    told: list[tuple[str, DeliveryFailed | None]] = []
    memory = MemoryTransport()
    with AuditProducer(
        transport=memory, spool=tmp_path, strict=True, on_delivery=lambda *each: told.append(each)
    ) as trail:
        names = [trail.emit("a:b", org_id="acme") for _ in range(3000)]
        assert trail.flush(30) == Flushed(sent=3000, spooled=0, failed=0)
    assert [event["event_id"] for event in memory.events] == names
    assert told == [(name, None) for name in names]
    assert list(tmp_path.rglob("*.seg")) == []


def test_what_kafka_never_takes_is_told_and_put_aside(tmp_path: Path) -> None:
    """The others arrive; the refused one is in the folder, for people."""
    told: list[DeliveryFailed | None] = []
    trail = AuditProducer(
        transport=ScriptedTransport("ok", DeliveryRefused("no"), "ok"),
        spool=tmp_path,
        on_delivery=lambda _, error: told.append(error),
    )
    names = [trail.emit("a:b", org_id="acme") for _ in range(3)]
    with pytest.raises(DeliveryFailed, match="1 of 3"):
        trail.close()
    assert [type(error) for error in told] == [type(None), DeliveryRefused, type(None)]
    assert orjson.loads((tmp_path / "events/refused.ndjson").read_bytes())["event_id"] == names[1]


def test_what_one_producer_leaves_the_next_delivers_without_an_event_of_its_own(tmp_path: Path) -> None:
    """`close` does not wait for an absent Kafka, and raises nothing: the events are safe. The heir tells nobody."""
    away = ScriptedTransport(*[DeliveryFailed("away")] * 100_000)
    trail = AuditProducer(transport=away, spool=tmp_path)
    names = [trail.emit("a:b", org_id="acme") for _ in range(2500)]
    assert trail.close() == Flushed(sent=0, spooled=2500, failed=0)
    memory = MemoryTransport()
    told: list[str] = []
    heir = AuditProducer(transport=memory, spool=tmp_path, on_delivery=lambda name, _: told.append(name))
    assert heir.close() == Flushed(sent=0, spooled=0, failed=0)
    assert [event["event_id"] for event in memory.events] == names
    assert told == []


def test_a_full_spool_blocks_then_raises_and_keeps_what_it_has(tmp_path: Path) -> None:
    """Fault 4: bounded on disk, the caller kept no longer than asked, `AuditSpoolFull`, and nothing accepted is gone."""
    away = ScriptedTransport(*[DeliveryFailed("away")] * 100_000)
    trail = AuditProducer(
        transport=away,
        spool=SpoolSettings(dir=str(tmp_path), bytes=4 * 1024 * 1024),
        buffer=BufferSettings(max_block_ms=200),
    )
    names: list[str] = []
    begun = 0.0
    with pytest.raises(AuditSpoolFull, match=r"no room within 200 ms .*: away"):
        for _ in range(1000):
            begun = time.monotonic()
            names.append(trail.emit("a:b", org_id="acme", changes={"text": {"after": "x" * 50_000}}))
    assert 0.2 <= time.monotonic() - begun < 5
    assert sum(path.stat().st_size for path in tmp_path.rglob("*.seg")) <= 4 * 1024 * 1024
    away.outcomes.clear()
    assert trail.flush(60) == Flushed(sent=len(names), spooled=0, failed=0)
    trail.emit("a:b", org_id="acme")
    assert trail.close() == Flushed(sent=len(names) + 1, spooled=0, failed=0)
    assert [orjson.loads(value)["event_id"] for value in away.sent][: len(names)] == names
