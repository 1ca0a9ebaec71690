"""How every role logs."""

from __future__ import annotations

import logging

from trailhouse.stream.logs import log_to_stderr


def test_the_drivers_speak_up_from_warnings_on() -> None:
    """One line an event is ours; theirs would be thousands."""
    log_to_stderr()
    for driver in ("kafka", "aiokafka", "faust", "mode"):
        assert logging.getLogger(driver).getEffectiveLevel() >= logging.WARNING
    assert logging.getLogger("trailhouse.stream").getEffectiveLevel() <= logging.WARNING
