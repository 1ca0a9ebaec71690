"""The relay: what is committed arrives, whoever is killed; what is not, never."""

from __future__ import annotations

import collections
import random
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import orjson
import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Engine
from sqlalchemy.exc import OperationalError
from tests.producers.doubles import ScriptedTransport
from tests.producers.test_transport import create_raw_topic, read_all

from trailhouse.producers import (
    AuditProducer,
    DeliveryFailed,
    DeliveryRefused,
    KafkaSettings,
    MemoryTransport,
)
from trailhouse.producers.outbox import Outbox
from trailhouse.producers.relay import LEASE_MS, OutboxRelay


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    engine = sa.create_engine(f"sqlite:///{tmp_path}/app.db")
    Outbox().create(engine)
    yield engine
    engine.dispose()


def write(engine: Engine, events: int) -> list[str]:
    with engine.begin() as connection:
        return [Outbox().emit(connection, "a:b", org_id="acme") for _ in range(events)]


def waiting(engine: Engine) -> int:
    with engine.connect() as connection:
        return connection.execute(sa.select(sa.func.count()).select_from(Outbox().table)).scalar_one()


def ids(values: list[bytes]) -> list[str]:
    return [orjson.loads(value)["event_id"] for value in values]


def test_rows_are_published_in_order_and_deleted(engine: Engine) -> None:
    """In batches; an empty outbox is no work."""
    memory = MemoryTransport()
    relay = OutboxRelay(engine, transport=memory, batch=100)
    names = write(engine, 250)
    assert [relay.relay_once() for _ in range(4)] == [100, 100, 50, 0]
    assert ids(memory.values) == names
    assert waiting(engine) == 0
    relay.close()


def test_with_kafka_away_rows_stay_and_go_later(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is deleted before it is confirmed."""
    monkeypatch.setattr("trailhouse.producers.relay.DELIVER_S", 0.2)
    away = ScriptedTransport(*[DeliveryFailed("away")] * 1000)
    names = write(engine, 3)
    relay = OutboxRelay(engine, transport=away)
    with pytest.raises(DeliveryFailed, match="none of 3"):
        relay.relay_once()
    assert waiting(engine) == 3
    away.outcomes.clear()
    assert relay.relay_once() == 3
    assert ids(away.sent) == names
    relay.close()


def test_a_row_kafka_never_takes_is_marked_and_holds_up_nobody(engine: Engine) -> None:
    """It stays, with the reason, for people."""
    transport = ScriptedTransport("ok", DeliveryRefused("too large"), "ok")
    write(engine, 3)
    relay = OutboxRelay(engine, transport=transport)
    assert relay.relay_once() == 3
    relay.close()
    table = Outbox().table
    with engine.connect() as connection:
        assert connection.execute(sa.select(table.c.refused)).scalars().all() == ["too large"]
    assert OutboxRelay(engine, transport=MemoryTransport()).relay_once() == 0


def test_where_rows_cannot_be_locked_relays_take_turns(engine: Engine) -> None:
    """One at a time; the turn of a relay that is gone ends after a minute, that of one that closes at once."""
    now_s = 1000.0
    memory = MemoryTransport()
    first, second, third = (OutboxRelay(engine, transport=memory, clock=lambda: now_s) for _ in range(3))
    write(engine, 1)
    assert first.relay_once() == 1
    write(engine, 1)
    assert second.relay_once() == 0
    now_s += LEASE_MS / 1000 + 1
    assert second.relay_once() == 1
    write(engine, 1)
    assert first.relay_once() == 0
    second.close()
    assert third.relay_once() == 1
    third.close()


def test_where_rows_can_be_locked_locked_ones_are_skipped() -> None:
    """The statement PostgreSQL gets."""
    engine = sa.create_mock_engine("postgresql+asyncpg://", lambda *_: None)
    relay = OutboxRelay(engine, transport=MemoryTransport())  # type: ignore[arg-type] # only its dialect is asked
    asked: list[str] = []

    class Recorder:
        def execute(self, statement: sa.Select[tuple[object, ...]]) -> Recorder:
            asked.append(str(statement.compile(dialect=engine.dialect)))
            return self

        def all(self) -> list[object]:
            return []

    relay._read(Recorder(), 10)  # type: ignore[arg-type] # stands for a connection
    assert "FOR UPDATE SKIP LOCKED" in asked[0]
    assert "ORDER BY audit_outbox.id" in asked[0]


def test_it_runs_until_it_is_stopped_and_survives_the_database(
    engine: Engine, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """An error of the database is logged, and tried again."""
    memory = MemoryTransport()
    relay = OutboxRelay(engine, transport=memory, poll_s=0.01)
    original, failures = relay._read, iter([True])

    def read(*arguments: object) -> object:
        if next(failures, False):
            raise OperationalError("select", {}, Exception("database is locked"))
        return original(*arguments)  # type: ignore[arg-type] # passed on

    monkeypatch.setattr(relay, "_read", read)
    names = write(engine, 5)
    stop = threading.Event()
    thread = threading.Thread(target=relay.run, args=(stop,))
    thread.start()
    until = time.monotonic() + 60
    while waiting(engine) and time.monotonic() < until:
        time.sleep(0.01)
    stop.set()
    thread.join(30)
    assert ids(memory.values) == names
    assert "database is locked" in caplog.text


APPLICATION = """
import random, sys
import sqlalchemy as sa
from sqlalchemy.orm import Session
from trailhouse.producers.outbox import Outbox
engine = sa.create_engine(sys.argv[1])
orders = sa.Table("orders", sa.MetaData(), sa.Column("name", sa.String(40), primary_key=True))
orders.create(engine, checkfirst=True)
outbox = Outbox()
outbox.create(engine)
print("ready", flush=True)
chance = random.Random(int(sys.argv[2]))
number = 0
while True:
    number += 1
    name = f"{sys.argv[2]}-{number}"
    try:
        with Session(engine) as session, session.begin():
            session.execute(sa.insert(orders).values(name=name))
            outbox.emit(session, "order:create", org_id="acme", entity_name=name)
            if chance.random() < 0.3:
                raise KeyError
    except KeyError:
        pass
"""
RELAY = """
import sys, threading
import sqlalchemy as sa
from trailhouse.producers import KafkaSettings
from trailhouse.producers.relay import OutboxRelay
kafka = KafkaSettings(bootstrap=sys.argv[2], raw_topic=sys.argv[3])
relay = OutboxRelay(sa.create_engine(sys.argv[1]), kafka, batch=50, poll_s=0.01, clock=lambda: CLOCK)
print("ready", flush=True)
relay.run(threading.Event())
"""


def program(script: str, *arguments: str) -> subprocess.Popen[str]:
    started = subprocess.Popen([sys.executable, "-c", script, *arguments], stdout=subprocess.PIPE, text=True)
    assert started.stdout is not None
    assert started.stdout.readline() == "ready\n"
    return started


def test_business_rows_and_audit_events_agree_whoever_is_killed(
    kafka_settings: KafkaSettings, tmp_path: Path
) -> None:
    """Application and relay killed at random, again and again: every committed row has its event, no other exists."""
    kill_everybody(kafka_settings, tmp_path, rounds=2)


@pytest.mark.faults
def test_business_rows_and_audit_events_agree_after_many_kills(
    kafka_settings: KafkaSettings, tmp_path: Path
) -> None:
    """As above, thirty times."""
    kill_everybody(kafka_settings, tmp_path, rounds=30)


def kill_everybody(kafka: KafkaSettings, folder: Path, rounds: int) -> None:
    create_raw_topic(kafka)
    url = f"sqlite:///{folder}/app.db"
    seed = random.randrange(10**6)
    print("seed", seed)
    chance = random.Random(seed)
    for turn in range(rounds):
        application = program(APPLICATION, url, str(seed + turn))
        # A relay's clock jumps ahead each time, so that the next one need not wait for the turn of the killed one.
        relay = program(
            RELAY.replace("CLOCK", str(10**9 + turn * 1000)), url, kafka.bootstrap, kafka.raw_topic
        )
        try:
            time.sleep(0.5 + chance.random())
        finally:
            for each in chance.sample([application, relay], 2):
                each.kill()
                each.wait()
                time.sleep(chance.random() * 0.2)
                assert each.stdout is not None
                each.stdout.close()
    engine = sa.create_engine(url)
    with engine.connect() as connection:
        committed = set(connection.execute(sa.text("SELECT name FROM orders")).scalars())
    relay_now = OutboxRelay(engine, kafka, clock=lambda: 2e9)
    while relay_now.relay_once():
        pass
    relay_now.close()
    engine.dispose()
    events = [orjson.loads(value) for value in read_all(kafka)]
    told = collections.defaultdict(set)
    for event in events:
        told[event["entity_name"]].add(event["event_id"])
    assert len(committed) > 10 * rounds
    assert set(told) == committed
    assert {len(each) for each in told.values()} == {1}


def test_encoded_events_are_sent_as_they_are() -> None:
    """The id and bytes of the outbox, not made anew."""
    memory = MemoryTransport()
    with AuditProducer(transport=memory) as trail:
        assert trail.emit_bytes("an id", b'{"exactly":"these"}') == "an id"
    assert memory.values == [b'{"exactly":"these"}']
