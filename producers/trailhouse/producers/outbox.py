"""The transactional outbox: an audit event in the application's own database transaction.

The event is a row that commits or rolls back with the change it tells of; a relay (`relay.py`, `trailhouse outbox relay`)
publishes committed rows and deletes them. So: business change if and only if audit event.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, Unpack

import sqlalchemy as sa
from sqlalchemy.dialects import mysql
from sqlalchemy.engine import Connection, Engine
from sqlalchemy.orm import Session

from trailhouse.producers.context import bound_fields
from trailhouse.producers.event import EventFields, encode, new_fields

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncConnection, AsyncSession

TABLE: Final = "audit_outbox"


class Outbox:
    """The table of events that wait for the relay, and the one by which relays take turns.

    Give your application's `metadata` to have migrations make them (`table`, `turns`), or call `create`.
    """

    def __init__(
        self, metadata: sa.MetaData | None = None, *, name: str = TABLE, schema: str | None = None
    ) -> None:
        metadata = sa.MetaData() if metadata is None else metadata
        self.table = sa.Table(
            name,
            metadata,
            # Only INTEGER counts by itself in SQLite.
            sa.Column("id", sa.BigInteger().with_variant(sa.Integer, "sqlite"), primary_key=True),
            sa.Column("event_id", sa.String(36), nullable=False),
            # MySQL's BLOB ends at 64 KiB.
            sa.Column(
                "event",
                sa.LargeBinary().with_variant(mysql.MEDIUMBLOB(), "mysql", "mariadb"),
                nullable=False,
            ),
            sa.Column("refused", sa.String(1000), comment="why Kafka will never take it; NULL = to be sent"),
            schema=schema,
            # An id is never used twice, also when the table was empty in between.
            sqlite_autoincrement=True,
        )
        self.turns = sa.Table(
            f"{name}_turns",
            metadata,
            sa.Column("name", sa.String(40), primary_key=True),
            sa.Column("holder", sa.String(100), nullable=False),
            sa.Column("until_ms", sa.BigInteger, nullable=False),
            schema=schema,
        )

    def create(self, bind: Engine | Connection) -> None:
        """Make the tables that are not there yet."""
        self.table.metadata.create_all(bind, tables=[self.table, self.turns])

    def emit(
        self,
        transaction: Session | Connection,
        action: str,
        *,
        org_id: str | None = None,
        **fields: Unpack[EventFields],
    ) -> str:
        """Write one event in `transaction` and return its id; it exists when, and only when, that commits.

        Bound fields are added as `AuditProducer.emit` does. Raises `InvalidEvent`, and what the database raises.
        """
        event_id, statement = self._insert(action, org_id, dict(fields))
        transaction.execute(statement)
        return event_id

    async def emit_async(
        self,
        transaction: AsyncSession | AsyncConnection,
        action: str,
        *,
        org_id: str | None = None,
        **fields: Unpack[EventFields],
    ) -> str:
        """As `emit`, in SQLAlchemy's asyncio."""
        event_id, statement = self._insert(action, org_id, dict(fields))
        await transaction.execute(statement)
        return event_id

    def _insert(self, action: str, org_id: str | None, fields: dict[str, Any]) -> tuple[str, sa.Insert]:
        given = {**(bound_fields() or {}), **fields}
        bound_org = given.pop("org_id", None)
        event = new_fields(action, bound_org if org_id is None else org_id, given)
        event_id: str = event["event_id"]
        return event_id, sa.insert(self.table).values(event_id=event_id, event=encode(event))
