"""How every role logs."""

from __future__ import annotations

import logging

from trailhouse.stream.logs import REMEMBERED, Repeats, log_to_stderr


def test_the_drivers_speak_up_from_warnings_on() -> None:
    """One line an event is ours; theirs would be thousands."""
    log_to_stderr()
    for driver in ("kafka", "aiokafka", "faust", "mode"):
        assert logging.getLogger(driver).getEffectiveLevel() >= logging.WARNING
    assert logging.getLogger("trailhouse.stream").getEffectiveLevel() <= logging.WARNING


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def warn(name: str, text: str, *values: object, level: int = logging.ERROR) -> logging.LogRecord:
    return logging.LogRecord(name, level, __file__, 1, text, values, None)


def test_a_driver_that_lost_its_broker_does_not_fill_the_log() -> None:
    """Once at once, then a line with the count, twice as seldom each time; after a pause it is news again."""
    clock = Clock()
    repeats = Repeats(clock)
    printed: list[tuple[float, str]] = []
    for second in range(500):
        clock.now = second / 2
        record = warn("aiokafka", "Unable connect to node with id %s: %s", second, "refused")
        if repeats.filter(record):
            printed.append((clock.now, record.getMessage()))
    assert printed == [
        (0.0, "Unable connect to node with id 0: refused"),
        (30.0, "Unable connect to node with id 60: refused (and 59 more in 30 s)"),
        (90.0, "Unable connect to node with id 180: refused (and 119 more in 60 s)"),
        (210.0, "Unable connect to node with id 420: refused (and 239 more in 120 s)"),
    ]
    clock.now = 5000.0
    assert repeats.filter(warn("aiokafka", "Unable connect to node with id %s: %s", 1, "x"))
    assert not repeats.filter(warn("aiokafka", "Unable connect to node with id %s: %s", 2, "x"))
    clock.now = 5031.0
    assert repeats.filter(warn("aiokafka", "Unable connect to node with id %s: %s", 3, "x"))


def test_what_we_say_ourselves_is_held_back_only_word_for_word() -> None:
    """Two gaps are two facts; and what is no warning is never held back."""
    repeats = Repeats(Clock())
    assert repeats.filter(warn("trailhouse.sinks", "GAP %d", 1))
    assert repeats.filter(warn("trailhouse.sinks", "GAP %d", 2))
    assert not repeats.filter(warn("trailhouse.sinks", "GAP %d", 2))
    assert all(repeats.filter(warn("trailhouse.sinks", "fine", level=logging.INFO)) for _ in range(3))


def test_what_is_remembered_is_bounded() -> None:
    """Texts that never repeat do not pile up."""
    repeats = Repeats(Clock())
    assert all(repeats.filter(warn("trailhouse", f"{number}")) for number in range(3 * REMEMBERED))
    assert len(repeats._said) <= REMEMBERED
