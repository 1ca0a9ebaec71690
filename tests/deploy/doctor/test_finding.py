"""What the doctor says."""

from __future__ import annotations

from collections.abc import Iterator

from trailhouse.deploy.doctor.finding import Finding, Level, examined, fail, ok, warn


class NotAnswered(Exception):
    """An error of ours, which knows what to do."""

    hint = "start it"


def test_each_level_says_what_to_do_unless_all_is_well() -> None:
    """`ok` needs no advice."""
    assert ok("a", "b", "c") == Finding("a", "b", Level.OK, "c", "")
    assert warn("a", "b", "c", "d").level is Level.WARN
    assert fail("a", "b", "c", "d") == Finding("a", "b", Level.FAIL, "c", "d")


def test_what_a_look_raises_is_a_finding() -> None:
    """After those it had; one line, cut, with the error's own advice where it has one."""

    def look(error: Exception) -> Iterator[Finding]:
        yield ok("Kafka", "version", "4.1")
        raise error

    assert [each.level for each in examined("Kafka", lambda: look(OSError("no\nmore")), "look there")] == [
        "ok",
        "fail",
    ]
    (found,) = list(examined("Kafka", lambda: look(OSError("x" * 900)), "look there"))[1:]
    assert (len(found.found), found.advice) == (len("OSError: ") + 200, "look there")
    assert list(examined("Kafka", lambda: look(NotAnswered()), ""))[1].found == "NotAnswered"
    assert list(examined("Kafka", lambda: look(NotAnswered()), "x"))[1].advice == "start it"
