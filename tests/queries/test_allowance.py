"""How much may be under way at once."""

from __future__ import annotations

import pytest

from trailhouse.queries.allowance import Allowance
from trailhouse.queries.errors import CollectorBusy


def test_what_is_held_is_given_back() -> None:
    """However the request ends."""
    allowance = Allowance(100)
    with allowance.hold("a") as holding:
        holding.resize(30)
        holding.resize(10)
        assert allowance.held == 10
    assert allowance.held == 0
    with pytest.raises(RuntimeError), allowance.hold("a") as holding:
        holding.resize(30)
        raise RuntimeError
    assert allowance.held == 0
    assert allowance._by_key == {}


def test_one_key_has_half_of_it() -> None:
    """A flood with one key leaves room for the others."""
    allowance = Allowance(100)
    with allowance.hold("a") as first, allowance.hold("a") as second, allowance.hold("b") as other:
        first.resize(40)
        with pytest.raises(CollectorBusy, match="with this key"):
            second.resize(11)
        second.resize(10)
        other.resize(50)
        assert allowance.held == 100


def test_all_of_it_is_a_limit_too() -> None:
    """Many keys together cannot take more; a refusal changes nothing, and shrinking is never refused."""
    allowance = Allowance(100)
    with allowance.hold("a") as a, allowance.hold("b") as b, allowance.hold("c") as c:
        a.resize(50)
        b.resize(45)
        with pytest.raises(CollectorBusy) as caught:
            c.resize(6)
        assert caught.value.headers == {"Retry-After": "1"}
        assert (allowance.held, c.size) == (95, 0)
        a.resize(1)
        c.resize(6)
        assert allowance.held == 52
