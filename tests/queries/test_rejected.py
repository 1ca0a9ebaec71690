"""`rejected`: rejected records of one organisation, filtered and paged, with what became of their replay."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from tests.sinks.lines import enriched, event

from trailhouse.queries.errors import BadParameter
from trailhouse.queries.rejected import Filter, Scope, find_one, find_rejected, scope_of
from trailhouse.sinks.clickhouse import insert_lines
from trailhouse.stream.letter import Place

if TYPE_CHECKING:
    from trailhouse.sinks.clickhouse import Client

RECEIVED = datetime(2026, 3, 2, 9, tzinfo=UTC)


@pytest.fixture
def stored(database: Client) -> Client:
    """Thirty records a day apart: of each three one is an event, one acme's reject, one nobody's; and one of beta's."""
    records: list[Any] = []
    for number in range(10):
        records += [event(number), event(number, action=5), b"not JSON"]
    records.append(event(99, org_id="beta", schema_version=9))
    insert_lines(database, "landing", enriched(records, received=RECEIVED, step=timedelta(hours=8)))
    return database


def offsets(client: Client, scope: Scope, limit: int = 100, **wanted: Any) -> list[int]:
    return [each.place.offset for each in find_rejected(client, scope, Filter(**wanted), limit)]


def test_a_scope_bounds_what_is_seen(stored: Client) -> None:
    """One organisation sees its own; all of them show also what names none."""
    assert offsets(stored, Scope("acme")) == list(range(28, 0, -3))
    assert offsets(stored, Scope("beta")) == [30]
    assert offsets(stored, Scope("x' OR 1=1 --")) == []
    assert offsets(stored, Scope("")) == list(range(29, 1, -3))
    assert len(offsets(stored, Scope(None))) == 21


def test_a_row_says_all_but_the_content(stored: Client) -> None:
    """Where, when, whose, why and how large."""
    (row,) = find_rejected(stored, Scope("beta"), Filter(), 10)
    assert (row.place, row.org, row.reason) == (Place("epoch-a", 0, 30), "beta", "unsupported_version")
    assert (row.received_at, row.became, row.replayed_at) == (RECEIVED + 30 * timedelta(hours=8), "", None)
    assert row.size > 100
    assert len(row.digest) == 64
    assert "schema_version" in row.detail


def test_filters_by_reason_and_time(stored: Client) -> None:
    """Dates are UTC and `until` counts whole; instants are exact and `until` is excluded."""
    assert offsets(stored, Scope(None), reason="malformed") == list(range(29, 1, -3))
    assert offsets(stored, Scope(None), reason="internal") == []
    assert offsets(stored, Scope(None), since="2026-03-02", until="2026-03-02") == [1]
    assert offsets(stored, Scope(None), since="2026-03-02T17:00:00Z", until="2026-03-03T01:00:00Z") == [1]
    assert offsets(stored, Scope(None), since="2026-03-02T18:00:00+01:00", until="2026-03-03T01:00:01Z") == [
        2,
        1,
    ]
    assert offsets(stored, Scope(None), since="2026-03-12") == [30, 29]


def test_pages_join_without_gap_or_repeat(stored: Client) -> None:
    """Each goes on behind the last row of the one before."""
    seen: list[int] = []
    after = ""
    while page := find_rejected(stored, Scope(None), Filter(after=after), 4):
        seen += [each.place.offset for each in page]
        after = str(page[-1].place)
    assert seen == offsets(stored, Scope(None))


def test_what_became_of_a_replay(stored: Client) -> None:
    """On its way, stored, or rejected again; replayed twice is one row, the last one's."""
    moment = datetime(2026, 3, 20, tzinfo=UTC)
    columns = [
        "epoch",
        "partition",
        "offset",
        "replayed_at",
        "to_epoch",
        "to_partition",
        "to_offset",
        "is_edited",
    ]
    rows = [
        ["epoch-a", 0, 1, moment, "epoch-a", 0, 3, True],
        ["epoch-a", 0, 2, moment, "epoch-a", 0, 5, False],
        ["epoch-a", 0, 4, moment, "epoch-a", 0, 777, False],
        ["epoch-a", 0, 1, moment - timedelta(days=1), "epoch-a", 0, 999, False],
    ]
    stored.insert("replays", rows, column_names=columns)
    found = {each.place.offset: each for each in find_rejected(stored, Scope(None), Filter(), 100)}
    assert len(found) == 21
    assert [(found[each].became, found[each].is_edited) for each in (1, 2, 4, 7)] == [
        ("stored", True),
        ("rejected: malformed", False),
        ("sent", False),
        ("", False),
    ]
    assert found[1].replayed_at == moment
    assert offsets(stored, Scope(None), only_new=True) == [each for each in found if each not in {1, 2, 4}]


def test_one_is_found_by_its_place(stored: Client) -> None:
    """In its scope only; another's is not there, as is one that was never rejected."""
    assert find_one(stored, Scope("acme"), "epoch-a/0/1").place.offset == 1
    for place in ("epoch-a/0/2", "epoch-a/0/0", "epoch-b/0/1"):
        with pytest.raises(BadParameter, match="epoch-"):
            find_one(stored, Scope("acme"), place)


def test_a_scope_is_asked_for_where_there_are_several(stored: Client) -> None:
    """Nobody reads another's records by leaving out a word."""
    with pytest.raises(BadParameter) as refused:
        scope_of(stored, None, every_org=False)
    assert str(refused.value) == "--org is needed: there are several: acme, beta"
    assert "--all-orgs" in refused.value.hint
    assert scope_of(stored, "acme", every_org=False) == Scope("acme")
    assert scope_of(stored, None, every_org=True) == Scope(None)
    with pytest.raises(BadParameter):
        scope_of(stored, "acme", every_org=True)


def test_the_only_organisation_need_not_be_named(database: Client) -> None:
    """Nor where there is none yet."""
    assert scope_of(database, None, every_org=False) == Scope(None)
    insert_lines(database, "landing", enriched([event(1), b"x"]))
    assert scope_of(database, None, every_org=False) == Scope(None)


@pytest.mark.parametrize(
    "wanted",
    [
        Filter(reason="bad"),
        Filter(since="yesterday"),
        Filter(until="2026-13-01"),
        Filter(places=("x",)),
        Filter(after="e/0/x"),
    ],
)
def test_what_cannot_be_used_is_refused(wanted: Filter, stored: Client) -> None:
    """By name, before anything is asked."""
    with pytest.raises(BadParameter):
        find_rejected(stored, Scope(None), wanted, 10)
