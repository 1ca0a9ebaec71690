"""Luck from a seed, the same with every Python and on every machine."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random
from typing import TypeVar

T = TypeVar("T")


class Luck(Random):
    """A generator seeded by text.

    Only `random` and `getrandbits` are drawn from: they alone are promised to give the same numbers with every
    version of Python. Nothing here uses logarithms and the like either, whose last digit depends on the machine.
    """

    def __init__(self, seed: str) -> None:
        super().__init__(seed)

    def pick(self, several: Sequence[T]) -> T:
        """One of them, each as likely."""
        return several[int(self.random() * len(several))]

    def within(self, low: int, high: int) -> int:
        """A whole number, both ends included."""
        return low + int(self.random() * (high - low + 1))

    def some(self, several: Sequence[T], count: int) -> list[T]:
        """`count` different ones (all of them when there are no more), in their order."""
        left = min(count, len(several))
        taken = []
        for number, each in enumerate(several):
            if self.random() * (len(several) - number) < left:
                taken.append(each)
                left -= 1
        return taken
