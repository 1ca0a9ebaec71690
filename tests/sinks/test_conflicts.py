"""Conflicts: listed copy by copy, settled with a reason, and in the way of closed books until then."""

from __future__ import annotations

from datetime import timedelta

import pytest
from tests.sinks.lines import RECEIVED, enriched, event
from tests.sinks.rig import Rig, drive, sinking

from trailhouse.producers.settings import KafkaSettings
from trailhouse.sinks.clickhouse import Client, insert_lines
from trailhouse.sinks.conflicts import copies, open_conflicts, settle
from trailhouse.sinks.errors import ConflictRefused
from trailhouse.sinks.settings import ClickHouseSettings

ONE, TWO = (str(event(number)["event_id"]) for number in (1, 2))


def test_every_copy_is_listed_the_first_received_is_kept(database: Client) -> None:
    """Also where another arrived first; of the two, `events` shows the one received first."""
    later = RECEIVED + timedelta(hours=1)
    insert_lines(database, "landing", enriched([event(1, action="page:open")], start=7, received=later))
    insert_lines(database, "landing", enriched([event(1), event(2), event(2)]))
    found = copies(database)
    assert [(each.event_id, each.place, each.kept) for each in found] == [
        (ONE, "epoch-a/0/0", True),
        (ONE, "epoch-a/0/7", False),
    ]
    assert found[0].content != found[1].content
    assert database.query(f"SELECT action FROM events FINAL WHERE event_id = '{ONE}'").result_rows == [
        ("page:view",)
    ]


def test_settling(database: Client) -> None:
    """Not listed any more unless asked for, with the reason; only what is in conflict can be settled, once."""
    insert_lines(database, "landing", enriched([event(1), event(1, action="page:open"), event(2)]))
    conflicts = {("acme", ONE)}
    assert open_conflicts(database, conflicts) == conflicts
    for wrong in (TWO, "no id"):
        with pytest.raises(ConflictRefused):
            settle(database, "acme", wrong, reason="x", settled_by="me")
    with pytest.raises(ConflictRefused, match="of other"):
        settle(database, "other", ONE, reason="x", settled_by="me")
    settle(database, "acme", ONE.upper(), reason="a clock", settled_by="me")
    assert open_conflicts(database, conflicts) == set()
    assert copies(database) == []
    assert [each.settled for each in copies(database, with_settled=True)] == ["a clock"] * 2
    with pytest.raises(ConflictRefused):
        settle(database, "acme", ONE, reason="x", settled_by="me")
    assert open_conflicts(database, set()) == set()


def test_an_open_conflict_keeps_the_books_open(
    kafka_settings: KafkaSettings, clickhouse_settings: ClickHouseSettings, database: Client
) -> None:
    """Nothing is unaccounted for, and yet they do not close before somebody settled it."""
    rig = Rig(kafka_settings, clickhouse_settings, database)
    rig.produce(enriched([event(1), event(2), event(1, action="page:open")], epoch=rig.epoch))
    with sinking(rig) as (sink, _):
        drive(sink, lambda: rig.committed()[0] == 3, "stored")
    found = rig.balance()
    assert (found.unaccounted, found.repeats, found.conflicts, found.is_closed) == (0, 1, 1, False)
    settle(database, "acme", ONE, reason="x", settled_by="me")
    assert rig.balance().is_closed
