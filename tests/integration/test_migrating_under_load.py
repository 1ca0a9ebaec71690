"""Upgrading as the docs say: the newest migrations apply while a sink stores, and nothing is lost, doubled or counted otherwise."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

from tests.roles import SINK, Role, running, wait_for
from tests.sinks.lines import Raw, enriched, event
from tests.sinks.rig import Rig

from trailhouse.producers.settings import KafkaSettings
from trailhouse.sinks.clickhouse import Client, connect
from trailhouse.sinks.migrate import load, migrate
from trailhouse.sinks.settings import ClickHouseSettings

# From the first of them on every kind of change is among them: a view of landing is changed, a column goes, views and
# tables come, indexes are made.
NEWEST = "0043"
CHUNK = 40


def chunks(epoch: str) -> Iterator[list[bytes]]:
    """Enriched lines without end, a rejected record in each."""
    start = 0
    while True:
        raw: list[Raw] = [*(event(number) for number in range(start, start + CHUNK - 1)), b"no json"]
        yield enriched(raw, epoch=epoch, start=start)
        start += CHUNK


def test_a_sink_stores_while_the_newest_migrations_apply(
    kafka_settings: KafkaSettings, clickhouse_settings: ClickHouseSettings, tmp_path: Path
) -> None:
    """After each of them batches have come; the tables are what was sent, and the books balance."""
    older = [each for each in load() if each.name < NEWEST]
    newest = load()[len(older) :]
    with closing(connect(clickhouse_settings)) as client:
        migrate(client, older)
        rig = Rig(kafka_settings, clickhouse_settings, client)
        lines = chunks(rig.epoch)
        sink = Role(SINK, rig.environ(batch_rows=20, batch_age_ms=20), tmp_path / "sink.log")

        def upgrade() -> list[str]:
            done = []
            with closing(connect(clickhouse_settings)) as admin:
                for number, each in enumerate(newest, len(older) + 1):
                    before = stored(admin)
                    done += migrate(admin, load()[:number])
                    wait_for(lambda: stored(admin) > before, 30, f"stored after {each.name}", sink)  # noqa: B023 - asked at once
            return done

        with running(sink):
            rig.produce(next(lines))
            wait_for(lambda: rig.landed() > 0, 60, "stored", sink)
            with ThreadPoolExecutor(1) as pool:
                upgraded = pool.submit(upgrade)
                while not upgraded.done():
                    rig.produce(next(lines))
            assert upgraded.result() == [each.name for each in newest]
            rig.produce(next(lines))
            wait_for(lambda: rig.committed()[0] == len(rig.written), 60, "all stored", sink)
            assert (sink.metric("trailhouse_sink_poison_total") or 0) == 0
            assert rig.differing() == {}
            books = rig.balance()
            assert (books.unaccounted, books.in_flight, books.rejected) == (0, 0, len(rig.written) // CHUNK)
            assert sink.terminate(30) == 0


def stored(client: Client) -> int:
    """Batches in the ledger."""
    return int(client.query("SELECT count() FROM batches FINAL").result_rows[0][0])
