"""The outbox: an event exists if and only if the transaction it was written in committed."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Engine
from sqlalchemy.orm import Session
from sqlalchemy.schema import CreateTable

from trailhouse.producers import AuditEvent, InvalidEvent
from trailhouse.producers.context import Scope
from trailhouse.producers.outbox import Outbox


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    engine = sa.create_engine(f"sqlite:///{tmp_path}/app.db")
    yield engine
    engine.dispose()


def stored(engine: Engine, outbox: Outbox) -> list[AuditEvent]:
    with engine.connect() as connection:
        rows = connection.execute(sa.select(outbox.table).order_by(outbox.table.c.id)).all()
    events = [AuditEvent.from_bytes(row.event) for row in rows]
    assert [event.event_id for event in events] == [row.event_id for row in rows]
    return events


def test_a_committed_event_is_there_and_a_rolled_back_one_is_not(engine: Engine) -> None:
    """In a session and on a connection; the id comes back at once, bound fields are added."""
    outbox = Outbox()
    outbox.create(engine)
    outbox.create(engine)
    with Scope({"actor_user_id": "u1", "org_id": "acme"}), Session(engine) as session, session.begin():
        kept = outbox.emit(session, "project:delete", project_name="p1")
    with Session(engine) as session:
        outbox.emit(session, "project:delete", org_id="acme")
        session.rollback()
    with engine.begin() as connection:
        second = outbox.emit(connection, "project:create", org_id="other")
    with pytest.raises(KeyError), engine.begin() as connection:
        outbox.emit(connection, "project:create", org_id="acme")
        raise KeyError
    events = stored(engine, outbox)
    assert [event.event_id for event in events] == [kept, second]
    assert (events[0].org_id, events[0].actor_user_id, events[0].project_name) == ("acme", "u1", "p1")
    assert events[1].org_id == "other"


def test_what_breaks_the_contract_is_refused_before_the_database_is_asked(engine: Engine) -> None:
    """In the caller's own line; the transaction goes on."""
    outbox = Outbox()
    outbox.create(engine)
    with engine.begin() as connection:
        with pytest.raises(InvalidEvent):
            outbox.emit(connection, "a:b", org_id="-")
        outbox.emit(connection, "a:b", org_id="acme")
    assert len(stored(engine, outbox)) == 1


def test_an_asyncio_transaction_is_awaited() -> None:
    """The same row, through SQLAlchemy's other face."""
    written: list[sa.Insert] = []

    class Transaction:
        async def execute(self, statement: sa.Insert) -> None:
            written.append(statement)

    event_id = asyncio.run(Outbox().emit_async(Transaction(), "a:b", org_id="acme"))  # type: ignore[arg-type] # stands for one
    assert written[0].compile().params["event_id"] == event_id


def test_the_tables_join_an_applications_metadata() -> None:
    """So that its own migrations make them, in its schema, under its name."""
    metadata = sa.MetaData()
    outbox = Outbox(metadata, name="audit_outbox", schema="app")
    assert set(metadata.tables) == {"app.audit_outbox", "app.audit_outbox_turns"}
    assert outbox.table.fullname == "app.audit_outbox"


def test_the_largest_event_fits_in_every_database() -> None:
    """MySQL's BLOB ends at 64 KiB."""
    table = Outbox().table
    made = {
        name: str(CreateTable(table).compile(dialect=sa.engine.make_url(f"{name}://").get_dialect()()))
        for name in ("mysql+mysqlconnector", "postgresql+asyncpg")
    }
    assert "MEDIUMBLOB" in made["mysql+mysqlconnector"]
    assert "BYTEA" in made["postgresql+asyncpg"]
    assert "BIGSERIAL" in made["postgresql+asyncpg"]


def test_ids_are_never_used_twice(engine: Engine) -> None:
    """A relay that deletes by id must not meet another row under it."""
    outbox = Outbox()
    outbox.create(engine)
    ids: list[int] = []
    for _ in range(3):
        with engine.begin() as connection:
            outbox.emit(connection, "a:b", org_id="acme")
            ids += connection.execute(sa.select(outbox.table.c.id)).scalars().all()
            connection.execute(sa.delete(outbox.table))
    assert ids == [1, 2, 3]
