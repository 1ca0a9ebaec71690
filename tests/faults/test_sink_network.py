"""Inserts that break on the way: whatever the sink cannot know, it does again, and nothing is counted twice."""

from __future__ import annotations

from random import Random

from tests.faults.proxy import FAULTS, Proxy
from tests.sinks.lines import enriched, event, imagine
from tests.sinks.rig import Rig, drive, sinking, value


def test_inserts_through_a_broken_network_are_exact(rig: Rig) -> None:
    """Half of all inserts meet a fault, each kind several times: every table is exact, no row is blamed."""
    random = Random(21)
    lines = enriched(imagine(random, 900, days=15), epoch=rig.epoch)
    kinds = list(FAULTS) * 3

    def fault() -> str:
        return kinds.pop(random.randrange(len(kinds))) if kinds and random.random() < 0.6 else ""

    with (
        Proxy(rig.clickhouse, fault).serving() as proxy,
        sinking(rig, batch_age_ms=1, clickhouse=proxy.settings) as (sink, metrics),
    ):
        for start in range(0, len(lines), 30):
            rig.produce(lines[start : start + 30])
            stored = len(rig.written)
            drive(sink, lambda n=stored: value(metrics, "trailhouse_sink_rows_total") == n, "stored")  # type: ignore[misc]
        assert not kinds
        assert set(proxy.happened) == set(FAULTS)
        assert value(metrics, "trailhouse_sink_insert_retries_total") >= 3
        assert value(metrics, "trailhouse_sink_poison_total") == 0
    assert rig.differing(lines) == {}
    found = rig.balance()
    assert (found.stored, found.unaccounted) == (len(lines), 0)


def test_an_answer_of_200_with_an_exception_is_no_answer(rig: Rig) -> None:
    """ClickHouse may say 200 and add an exception code: nothing is committed on its word."""
    faults = [FAULTS[3]] * 4
    lines = enriched([event(n) for n in range(40)], epoch=rig.epoch)
    rig.produce(lines)
    with (
        Proxy(rig.clickhouse, lambda: faults[-1] if faults else "").serving() as proxy,
        sinking(rig, clickhouse=proxy.settings) as (sink, metrics),
    ):
        drive(sink, lambda: value(metrics, "trailhouse_sink_insert_retries_total") >= 3, "retries")
        assert rig.committed() == (-1, None)
        assert rig.landed() == 0
        faults.clear()
        drive(sink, lambda: rig.committed()[0] == 40, "committed once it is true")
    assert rig.differing(lines) == {}
