"""Clocks compared."""

from __future__ import annotations

import pytest

from trailhouse.deploy.doctor.clocks import compare


@pytest.mark.parametrize(
    ("there", "level", "found"),
    [
        (100.5, "ok", "as this host"),
        (102.5, "ok", "1.5 s ahead of this host"),
        (95.0, "warn", "5.0 s behind this host"),
        (105.0, "warn", "4.0 s ahead of this host"),
        (3700.0, "fail", "3599.0 s ahead of this host"),
    ],
)
def test_a_difference_is_measured_beyond_the_time_the_question_took(
    there: float, level: str, found: str
) -> None:
    """Asked at 100, answered at 101: between these nothing can be told."""
    said = compare("Kafka", there, 100.0, 101.0)
    assert (said.level, said.found) == (level, found)
    assert bool(said.advice) == (level != "ok")
