"""`rejected`: a closed list of reasons, explained."""

from __future__ import annotations

import pytest

from trailhouse.stream.rejected import DETAIL_LENGTH_MAX, EXPLANATIONS, Reason, Rejection


def test_the_reasons_are_these() -> None:
    """They are stored and shown on dashboards for ever: adding one is a decision, renaming one is not possible."""
    assert [reason.value for reason in Reason] == [
        "empty",
        "malformed",
        "too_large",
        "invalid_field",
        "unsupported_version",
        "clock_skew",
        "org_denied",
        "unstorable",
        "conflict",
        "internal",
    ]


@pytest.mark.parametrize("reason", Reason)
def test_a_reason_is_explained(reason: Reason) -> None:
    """Each has sentences that say what it means and what to do."""
    assert EXPLANATIONS[reason].endswith(".")
    assert EXPLANATIONS[reason].count(". ") >= 1


def test_a_detail_is_bounded() -> None:
    """It travels in a header and lies in a table for every rejected record."""
    assert len(Rejection(Reason.INTERNAL, "x" * 10_000).detail) == DETAIL_LENGTH_MAX
