"""Batches: when one is due, and the inserts it is cut into."""

from __future__ import annotations

from datetime import timedelta
from random import Random

import msgspec
import pytest
from tests.sinks.lines import enriched, event, imagine

from trailhouse.sinks.batch import (
    AGES_BEHIND,
    DAYS_MAX,
    MONTHS_MAX,
    WORTH_ROWS,
    WORTH_SHARE,
    Batch,
    Limits,
    Run,
)
from trailhouse.sinks.head import Head
from trailhouse.sinks.marks import NOTHING_STORED

LIMITS = Limits(rows=3, bytes=1000, age_s=2.0)
HEADS = msgspec.json.Decoder(Head)


def filled(lines: list[bytes]) -> Batch:
    batch = Batch(1, 0.0)
    for line in lines:
        batch.add(line, HEADS.decode(line))
    return batch


def head(size: int = 0) -> Head:
    return Head("a", 0, 0, 0, "2026-03-02T09:00:00Z", "2026-03-01T09:00:00Z")


@pytest.mark.parametrize(
    ("sizes", "full"), [([], False), ([1, 1], False), ([1, 1, 1], True), ([999], False), ([1000], True)]
)
def test_full_by_rows_or_bytes(sizes: list[int], full: bool) -> None:
    """A batch is full at its first limit."""
    batch = Batch(1, 0.0)
    for size in sizes:
        batch.add(b"x" * size, head())
    assert batch.is_full(LIMITS) is full


def test_due_by_age_only_with_something_to_commit() -> None:
    """Age makes a batch due once there is a position to commit, even when every record was a repeat."""
    batch = Batch(1, 10.0)
    assert not batch.is_due(LIMITS, 99.0)
    batch.marks["tp"] = (5, NOTHING_STORED)
    assert not batch.is_due(LIMITS, 11.9)
    assert batch.is_due(LIMITS, 12.0)


def test_a_batch_grows_older_while_more_waits_in_the_log() -> None:
    """Small inserts cost ClickHouse twice the work: a sink that is late must not stay late by cutting them."""
    batch = Batch(0, born=10.0)
    batch.marks["a partition"] = (1, NOTHING_STORED)
    due_when_behind = 10.0 + AGES_BEHIND * LIMITS.age_s
    assert batch.is_due(LIMITS, due_when_behind - 0.1)
    assert not batch.is_due(LIMITS, due_when_behind - 0.1, is_behind=True)
    assert batch.is_due(LIMITS, due_when_behind, is_behind=True)


def test_rows_that_are_worth_an_insert_wait_a_fifth_of_the_age() -> None:
    """A thousand rows need not wait for more; fewer do, and so does a sink that could fill its batch from the log."""
    limits = Limits(rows=50_000, bytes=10**9, age_s=2.0)
    line = b'{"epoch":"a","partition":0,"from":0,"offset":0,"received_at":"2026-03-02T09:00:00Z"}'
    for count, age_s in ((WORTH_ROWS - 1, 2.0), (WORTH_ROWS, 2.0 * WORTH_SHARE)):
        batch = filled([line] * count)
        batch.marks["tp"] = (5, NOTHING_STORED)
        assert not batch.is_due(limits, batch.born + age_s - 0.01)
        assert batch.is_due(limits, batch.born + age_s + 0.01)
        assert not batch.is_due(limits, batch.born + age_s + 0.01, is_behind=True)


def test_a_full_batch_is_due_at_once() -> None:
    """Rows do not wait for the batch's age."""
    batch = filled(
        [b'{"epoch":"a","partition":0,"from":0,"offset":0,"received_at":"2026-03-02T09:00:00Z"}'] * 3
    )
    assert batch.is_due(LIMITS, 0.0)


def test_few_months_are_one_insert() -> None:
    """A batch that touches at most 24 months goes in as it came."""
    lines = enriched(
        event(n, occurred_at=f"{2020 + n // 12}-{n % 12 + 1:02}-15T00:00:00.000Z") for n in range(MONTHS_MAX)
    )
    assert list(filled(lines).inserts()) == [lines]


def check_pieces(lines: list[bytes]) -> list[list[bytes]]:
    pieces = list(filled(lines).inserts())
    assert sorted(line for piece in pieces for line in piece) == sorted(lines)
    for piece in pieces:
        heads = [HEADS.decode(line) for line in piece]
        assert len({each.month for each in heads}) <= MONTHS_MAX
        assert len({each.received_at[:10] for each in heads}) <= DAYS_MAX
    return pieces


def test_fifteen_years_are_cut_by_month() -> None:
    """No insert touches more than 24 months; every row is in exactly one."""
    lines = enriched(imagine(Random(5), 1500, days=15 * 365))
    assert len(check_pieces(lines)) == 8


def test_a_long_backlog_is_cut_by_day_of_receipt() -> None:
    """`landed` is partitioned by day received: a quiet month read again in one batch must not ask for 30 parts."""
    lines = enriched([event(n) for n in range(60)], step=timedelta(hours=12))
    assert len(check_pieces(lines)) == 2


def test_both_limits_at_once() -> None:
    """Years of history received over months are cut by both."""
    check_pieces(enriched(imagine(Random(6), 900, days=9 * 365), step=timedelta(hours=3)))


def test_rejected_rows_are_counted() -> None:
    """The batch counts envelopes by their reason, not by a field of an event that is called so."""
    lines = enriched([event(1, attributes={"reason": "because"}), b"{}", event(2)])
    assert filled(lines).rejected == 1


def test_a_batch_has_a_name() -> None:
    """What the raw log has of it: each partition's first and last offset, in whatever order it was fetched."""
    assert Batch(1, 0.0).name == ""
    batch = Batch(1, 0.0)
    for partition, start, count in ((2, 7, 3), (0, 5, 1), (2, 10, 2)):
        first = len(batch.lines)
        for line in enriched([event(n) for n in range(count)], epoch="t", partition=partition, start=start):
            batch.add(line, HEADS.decode(line))
        batch.runs.append(Run(first, len(batch.lines), 0, 0))
    batch.runs.append(Run(len(batch.lines), len(batch.lines), 9, 9))
    assert batch.name == "t/0/5-5 t/2/7-11"
