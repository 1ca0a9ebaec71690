from __future__ import annotations

from trailhouse.producers.simulation.luck import Luck


def test_luck_depends_on_its_seed_alone() -> None:
    """These numbers are the same with every Python and on every machine: equal plans rest on them."""
    luck = Luck("a seed")
    assert [luck.within(0, 99) for _ in range(8)] == [39, 3, 76, 40, 87, 90, 67, 1]
    assert luck.getrandbits(32) == 967071253


def test_bounds_are_included_and_nothing_lies_beyond() -> None:
    """Both ends come up."""
    luck = Luck("x")
    assert {luck.within(3, 5) for _ in range(100)} == {3, 4, 5}
    assert {luck.pick("ab") for _ in range(50)} == {"a", "b"}


def test_some_are_different_ones_in_their_order() -> None:
    """As many as were asked for, or all."""
    luck = Luck("x")
    for count in range(7):
        taken = luck.some(range(5), count)
        assert len(taken) == min(count, 5)
        assert taken == sorted(set(taken))
    assert len({tuple(luck.some(range(5), 2)) for _ in range(200)}) == 10
