"""What is said about an answer that counts nothing."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from tests.queries.plain_store import PlainStore

from trailhouse.queries.caller import Caller
from trailhouse.queries.note import counts_nothing, note_on
from trailhouse.queries.question import ask
from trailhouse.queries.report import load

NOW = datetime(2026, 1, 31, 20, tzinfo=UTC)
FIRST = datetime(2026, 1, 5, 10, tzinfo=UTC)


class Kept(PlainStore):
    """A store with these organisations, and maybe a reject."""

    def __init__(self, *orgs: str, reject: datetime | None = None) -> None:
        self._orgs, self._reject = list(orgs), reject

    def orgs(self) -> list[str]:
        return self._orgs

    def first_event(self, org: str) -> datetime | None:
        return FIRST if org in self._orgs else None

    def first_reject(self, org: str) -> datetime | None:
        return self._reject


def note(report: str, store: Kept, caller: Caller, **params: str) -> str:
    return note_on(ask(load()[report], caller, params, store=store, now=NOW), store)


def test_zero_and_never_any_data_are_told_apart() -> None:
    """A period without events, and an organisation without any."""
    store = Kept("acme", "beta")
    operator = Caller.operator()
    assert note("active_users", store, operator, org="acme") == (
        "nothing in this period; the first was at 2026-01-05T10:00:00Z"
    )
    assert note("active_users", store, operator, org="acmee") == (
        "no event of organisation 'acmee' is stored; organisations with events: acme, beta"
    )


def test_no_organisation_of_others_is_named() -> None:
    """Who may read two of them, one without events, does not learn of a third."""
    caller = Caller(orgs=frozenset({"acme", "gamma"}), is_known=True)
    assert note("active_users", Kept("acme", "beta"), caller, org="gamma").endswith("with events: acme")
    stranger = Caller(orgs=None)
    assert (
        note("active_users", Kept("acme"), stranger, org="gamma")
        == "no event of organisation 'gamma' is stored"
    )


def test_no_reject_is_good_news() -> None:
    """Of one organisation, or of all."""
    operator = Caller.operator()
    assert note("rejected_by_reason", Kept("acme"), operator) == "nothing was rejected"
    assert note("rejected_by_reason", Kept("acme"), operator, org="acme") == (
        "nothing of organisation 'acme' was rejected"
    )
    assert "in this period; the first was at" in note("rejected_by_reason", Kept(reject=FIRST), operator)


@pytest.mark.parametrize(
    ("rows", "is_nothing"), [([], True), ([(0,)], True), ([("a", 0), ("b", 2)], False), ([("a", None)], True)]
)
def test_what_counts_nothing(rows: list[tuple[object, ...]], is_nothing: bool) -> None:
    """No row, or only zeros."""
    assert counts_nothing(rows) is is_nothing
