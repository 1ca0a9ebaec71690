"""Rights: what a caller may read is given, never assumed."""

from __future__ import annotations

import pytest

from trailhouse.queries.caller import Caller
from trailhouse.queries.errors import NotAllowed


def test_nobody_may_read_anything_by_default() -> None:
    """No organisation, no personal data, no installation."""
    assert Caller() == Caller(orgs=frozenset(), read_pii=False, is_instance=False)
    with pytest.raises(NotAllowed, match="'acme'"):
        Caller().check("acme")


def test_a_caller_may_read_its_organisations_and_no_other() -> None:
    """An exact match: neither prefix nor another case."""
    caller = Caller(orgs=frozenset({"acme"}))
    caller.check("acme")
    for org in ("Acme", "acme2", "acm", "*", ""):
        with pytest.raises(NotAllowed):
            caller.check(org)


def test_an_operator_may_read_all() -> None:
    """Every organisation, with personal data."""
    Caller.operator().check("anything")
    assert Caller.operator().read_pii
    assert Caller.operator().is_instance
