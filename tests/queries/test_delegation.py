"""What an administrator may hand on."""

from __future__ import annotations

from collections.abc import Collection
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trailhouse.queries.delegation import check_admin, check_given, is_within
from trailhouse.queries.errors import BadParameter, MissingScope, NotAllowed, QueryError
from trailhouse.queries.key import Key, Scope, new_key

NOW = datetime(2026, 3, 11, tzinfo=UTC)
ORGS = st.one_of(st.just({"*"}), st.sets(st.sampled_from(["acme", "beta", "zeta"]), min_size=1))
LIVES = st.one_of(st.none(), st.integers(1, 9).map(lambda days: timedelta(days=days)))
SCOPES = st.sets(st.sampled_from(list(Scope)), min_size=1)


def key(orgs: Collection[str], scopes: Collection[Scope], life: timedelta | None = None) -> Key:
    return new_key("ann", orgs, scopes, now=NOW, life=life)[0]


RIGHTS = st.tuples(ORGS, SCOPES, LIVES)


@given(RIGHTS, RIGHTS)
def test_never_more_than_its_maker_has(
    has: tuple[set[str], set[Scope], timedelta | None], gives: tuple[set[str], set[Scope], timedelta | None]
) -> None:
    """Organisations, scopes, time; and what is within them is given."""
    own, made = key(*has), key(*gives)
    is_less = (
        (own.orgs is None or (made.orgs is not None and made.orgs <= own.orgs))
        and all(own.allows(each) for each in made.scopes)
        and (has[2] is None or (gives[2] is not None and gives[2] <= has[2]))
    )
    if is_less:
        check_given(made, own)
    else:
        with pytest.raises(QueryError):
            check_given(made, own)


def test_who_signed_in_for_a_while_may_make_keys_for_longer() -> None:
    """Their rights end at the provider; a key's holder hands on no longer life."""
    own = key(["acme"], [Scope.ADMIN], timedelta(hours=12))
    with pytest.raises(BadParameter, match="expires"):
        check_given(key(["acme"], [Scope.ADMIN]), own)
    check_given(key(["acme"], [Scope.ADMIN]), own, may_outlive=True)
    with pytest.raises(NotAllowed):
        check_given(key(["beta"], [Scope.ADMIN]), own, may_outlive=True)


def test_administrators_are_those_of_the_organisation() -> None:
    """Nobody, a reader, another organisation's."""
    own = key(["acme"], [Scope.ADMIN])
    assert check_admin(own, "acme") is own
    for nobody in (None, key(["acme"], [Scope.AUDIT_READ, Scope.AUDIT_READ_PII])):
        with pytest.raises(MissingScope):
            check_admin(nobody, "acme")
    with pytest.raises(NotAllowed):
        check_admin(own, "beta")
    assert not is_within(key(["acme", "beta"], [Scope.ADMIN]), own)
    assert not is_within(key(["*"], [Scope.REPORTS_READ]), own)
