"""`breaker`: it opens on more than the share among any so many consecutive records, and on nothing less."""

from __future__ import annotations

from random import Random

import pytest

from trailhouse.stream.breaker import Breaker, Note, Window

BAD, GOOD = True, False


def cut(random: Random, records: list[bool]) -> list[list[bool]]:
    """The records in bundles of any size."""
    bundles = []
    while records:
        size = random.randint(1, 40)
        bundles.append(records[:size])
        records = records[size:]
    return bundles


def take(window: Window, bundle: list[bool]) -> bool:
    return window.take(len(bundle), [index for index, is_bad in enumerate(bundle) if is_bad])


def brute_force(records: list[bool], width: int, limit: int) -> bool:
    """Whether any `width` consecutive records hold more than `limit` bad ones."""
    return any(sum(records[start : start + width]) > limit for start in range(len(records)))


def test_it_opens_exactly_when_a_window_holds_too_many() -> None:
    """Against brute force over every window, however the records are cut into bundles."""
    random = Random(1)
    opened = 0
    for _ in range(3000):
        records = [random.random() < random.choice((0.1, 0.45, 0.6)) for _ in range(random.randint(1, 120))]
        window, seen = Window(20, 10), list[bool]()
        for bundle in cut(random, records):
            is_tripped = take(window, bundle)
            assert is_tripped == brute_force(seen + bundle, 20, 10)
            if is_tripped:
                opened += 1
                assert take(window, bundle), "what tripped it was not counted, and trips it again"
                break
            seen += bundle
    assert 100 < opened < 2900


def test_half_is_not_more_than_half() -> None:
    """At the share itself nothing happens; one more opens it, also before as many records were seen."""
    window = Window(1000, 500)
    assert not take(window, [BAD] * 500)
    assert not take(window, [GOOD] * 499)
    assert not take(window, [GOOD] + [BAD, GOOD] * 2000)
    assert not take(window, [GOOD] * 1000 + [BAD] * 500)
    assert take(window, [BAD])
    assert take(Window(1000, 500), [BAD] * 501)


def test_a_muted_stretch_passes_until_it_is_better() -> None:
    """Not for the first good record: for as many as are counted; then it opens again."""
    window = Window(20, 10)
    assert take(window, [BAD] * 11)
    window.mute()
    assert not any(take(window, [BAD] * 7) for _ in range(50))
    assert not take(window, [GOOD] * 5)
    assert not take(window, [BAD] * 50)
    assert window.muted
    assert not take(window, [GOOD] * 25)
    assert not window.muted
    assert take(window, [BAD] * 11)


def test_muting_holds_though_little_was_counted_before() -> None:
    """A worker that begins in the middle of a stretch somebody let pass."""
    window = Window(20, 10)
    window.mute()
    assert not any(take(window, [BAD] * 3) for _ in range(30))


def test_partitions_are_counted_apart() -> None:
    """And anew under a new assignment, in which what somebody let pass still passes."""
    breaker, first, second = Breaker(20, 0.5), object(), object()
    bad = list(range(8))
    assert not breaker.take(0, first, 8, bad)
    assert not breaker.take(1, first, 8, bad)
    assert breaker.take(0, first, 8, bad)
    assert not breaker.take(0, second, 8, bad)
    assert breaker.take(0, second, 8, bad)
    breaker.mute(0)
    assert not breaker.take(0, first, 8, bad)
    assert not breaker.take(0, first, 8, bad)
    assert breaker.take(1, first, 8, bad)


def test_it_can_be_switched_off() -> None:
    """Then nothing opens it."""
    breaker = Breaker(0, 0.5)
    assert not any(breaker.take(0, None, 5000, range(5000)) for _ in range(3))


@pytest.mark.parametrize(
    "note",
    [Note("e", 7), Note("e", 0, "2026-03-02T10:00:00Z", 900, 1000, {"malformed": 800, "empty": 100})],
)
def test_a_note_comes_back_as_it_was(note: Note) -> None:
    """Through the metadata of an offset."""
    assert Note.from_metadata(note.offset, note.to_metadata()) == note


@pytest.mark.parametrize("text", [None, "", "x", "{}", "[]", '{"epoch":1,"rejected":"x"}', "[" * 5000])
def test_what_is_no_note_is_none(text: str | None) -> None:
    """Somebody else may commit for the group."""
    assert Note.from_metadata(1, text) is None


def test_a_closed_note_lets_its_records_pass() -> None:
    """Those before its offset, of its topic; an open one lets nothing pass."""
    assert Note("e", 10).lets_pass("e", 9)
    assert not Note("e", 10).lets_pass("e", 10)
    assert not Note("e", 10).lets_pass("another", 9)
    assert not Note("e", 10, "2026-03-02T10:00:00Z").lets_pass("e", 9)
