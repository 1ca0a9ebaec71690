"""What is sealed opens with its key, and with no other."""

from __future__ import annotations

import pytest

from trailhouse.producers.settings import Secret
from trailhouse.queries.alerts.seal import Seal, SealBroken


def test_only_its_key_opens_a_sealed_text() -> None:
    """The text is nowhere in it, and a changed one does not open."""
    seal = Seal(Secret("a" * 32))
    closed = seal.close("https://hooks.example.org/token")
    assert "token" not in closed
    assert closed != seal.close("https://hooks.example.org/token")
    assert seal.open(closed).reveal() == "https://hooks.example.org/token"
    assert "token" not in repr(seal.open(closed))
    for other in (Seal(Secret("b" * 32)), Seal(Secret())):
        with pytest.raises(SealBroken, match=r"key|KEY"):
            other.open(closed)
    with pytest.raises(SealBroken):
        seal.open(closed[:-2] + "AA")
