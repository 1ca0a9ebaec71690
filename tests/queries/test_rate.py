"""How often a key may ask."""

from __future__ import annotations

from trailhouse.queries.rate import Rates


def test_a_key_has_a_burst_and_then_its_rate() -> None:
    """Ten seconds' worth at once, then so many a second; waiting as told is enough, and others are not kept waiting."""
    now = 0.0
    rates = Rates(2, lambda: now)
    assert [rates.take("a") for _ in range(20)] == [0.0] * 20
    assert rates.take("a") == 0.5
    assert rates.take("b") == 0.0
    now = 0.5
    assert rates.take("a") == 0.0
    assert rates.take("a") == 0.5
    now = 3600.0
    assert [rates.take("a") for _ in range(21)] == [0.0] * 20 + [0.5]


def test_less_than_one_a_second_still_lets_one_through() -> None:
    """A bucket holds at least one request."""
    now = 0.0
    rates = Rates(0.01, lambda: now)
    assert (rates.take("a"), rates.take("a")) == (0.0, 100.0)


def test_zero_is_no_limit() -> None:
    """And keeps no bucket."""
    rates = Rates(0)
    assert not any(rates.take("a") for _ in range(1000))
