"""The ledger: what a batch's rows say of it, and that the sink writes them before it commits."""

from __future__ import annotations

import hashlib
from itertools import pairwise
from random import Random

import msgspec
import pytest
from tests.sinks.lines import enriched, event, imagine
from tests.sinks.rig import Rig, drive, sinking

from trailhouse.producers.settings import KafkaSettings
from trailhouse.sinks.batch import Batch, Run
from trailhouse.sinks.clickhouse import Client
from trailhouse.sinks.head import Head
from trailhouse.sinks.ledger import Entry, entries, name_of_this_sink
from trailhouse.sinks.settings import ClickHouseSettings
from trailhouse.sinks.writer import Writer


def batch_of(*runs: tuple[list[bytes], int, int]) -> Batch:
    """A batch of runs: lines, first and last enriched offset."""
    batch = Batch(3, 0.0)
    for lines, first, last in runs:
        start = len(batch.lines)
        for line in lines:
            batch.add(line, msgspec.json.decode(line, type=Head))
        batch.runs.append(Run(start, len(batch.lines), first, last))
    return batch


def digest(*lines: bytes) -> str:
    return hashlib.sha256(b"".join(line + b"\n" for line in lines)).hexdigest()


def test_a_row_for_each_partition_and_topic_id() -> None:
    """Ranges, counts and the hash over the lines in their order; repeats go with their partition, once."""
    first = enriched([event(1), b"broken", event(2)], start=4)
    other = enriched([event(3)], partition=1, start=9)
    more = enriched([event(4)], start=7)
    newer = enriched([event(5), event(6)], epoch="epoch-b")
    batch = batch_of((first, 10, 14), (other, 0, 0), ([*more, *newer], 15, 19), ([], 20, 22))
    batch.repeats[0] = 5
    found = entries(batch, "me")
    received = [msgspec.json.decode(line, type=Head).received_at for line in (more[0], other[0], newer[1])]
    size = [sum(len(line) + 1 for line in lines) for lines in ([*first, *more], other, newer)]
    assert found == [
        Entry("epoch-a", 0, 4, 7, 10, 19, 3, 1, 5, size[0], digest(*first, *more), received[0], "me", 3),
        Entry("epoch-a", 1, 9, 9, 0, 0, 1, 0, 0, size[1], digest(*other), received[1], "me", 3),
        Entry("epoch-b", 0, 0, 1, 15, 19, 2, 0, 0, size[2], digest(*newer), received[2], "me", 3),
    ]
    assert entries(batch, "me") == found


def test_repeats_alone_make_no_row() -> None:
    """Nothing was stored."""
    assert entries(batch_of(([], 0, 5)), "me") == []


def test_who_stored_it() -> None:
    """The static member id where there is one, else this process."""
    assert name_of_this_sink("sink-2") == "sink-2"
    assert "/" in name_of_this_sink("")


@pytest.fixture
def rig(kafka_settings: KafkaSettings, clickhouse_settings: ClickHouseSettings, database: Client) -> Rig:
    return Rig(kafka_settings, clickhouse_settings, database)


def ledger(rig: Rig) -> list[tuple[int, int, int, int, int, str]]:
    rows = rig.client.query(
        "SELECT first, last, events, rejected, repeats, digest FROM batches FINAL ORDER BY first"
    ).result_rows
    return [tuple(row) for row in rows]


def test_what_is_committed_is_in_the_ledger(rig: Rig) -> None:
    """Every stored raw offset lies in exactly one batch, whose hash is that of its lines; reading again adds none twice."""
    lines = enriched([*imagine(Random(7), 900, days=5), b"broken"], epoch=rig.epoch)
    rig.produce([*lines[:500], *lines[400:]])
    with sinking(rig, batch_rows=200) as (sink, _):
        drive(sink, lambda: rig.committed()[0] == len(rig.written), "committed")
    found = ledger(rig)
    assert (found[0][0], found[-1][1]) == (0, len(lines) - 1)
    assert all(later[0] == earlier[1] + 1 for earlier, later in pairwise(found))
    assert [row[5] for row in found] == [digest(*lines[row[0] : row[1] + 1]) for row in found]
    assert (sum(row[2] for row in found), sum(row[3] for row in found)) == (len(lines) - 1, 1)
    assert sum(row[4] for row in found) == 100
    (newest,) = rig.client.query("SELECT max(inserted_at) FROM batches").result_rows[0]
    rig.client.command("INSERT INTO batches SELECT * REPLACE (now64(3) AS inserted_at) FROM batches")
    assert ledger(rig) == found
    assert rig.client.query("SELECT max(inserted_at) FROM batches FINAL").result_rows == [(newest,)]


def test_nothing_is_committed_before_the_ledger_has_it(rig: Rig) -> None:
    """The rows are there, the ledger refuses: tried again, and committed when it took them."""
    lines = enriched([event(n) for n in range(50)], epoch=rig.epoch)
    rig.produce(lines)
    rig.client.command("RENAME TABLE batches TO away")
    with sinking(rig) as (sink, metrics):
        drive(sink, lambda: metrics.retries._value.get() >= 2, "refused")
        assert rig.landed() == 50
        assert rig.committed() == (-1, None)
        rig.client.command("RENAME TABLE away TO batches")
        drive(sink, lambda: rig.committed()[0] == 50, "committed")
    assert len(ledger(rig)) == 1


def test_the_writer_of_the_product_writes_any_table(rig: Rig) -> None:
    """One connection for rows and ledger."""
    from trailhouse.sinks.writer import ClickHouseWriter

    writer: Writer = ClickHouseWriter(rig.clickhouse)
    (row,) = entries(batch_of((enriched([event(1)]), 0, 0)), "me")
    writer.write([row.encode()], "batches")
    assert len(ledger(rig)) == 1
