"""`letter`: a rejected record comes back from the rejected topic as it went there, whatever its headers say."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

import pytest

from trailhouse.stream.letter import KEY_BYTES_MAX, Letter, Place
from trailhouse.stream.topics import RAW_BYTES_MAX, REJECTED_BYTES_MAX

PLACE: Final = Place("a-topic-id", 3, 17)
LETTER: Final = Letter(PLACE, "malformed", "not UTF-8", b"key", b"\xff\x00", rules="1")


def there_and_back(letter: Letter) -> Letter | None:
    _, value, headers = letter.to_record()
    return Letter.from_record(value, headers)


@pytest.mark.parametrize(
    "letter",
    [
        LETTER,
        replace(LETTER, key=None, value=None),
        replace(LETTER, key=b"", value=b""),
        replace(
            LETTER, headers=(("trace", b"1"), ("trace", b"2"), ("empty", b""), ("null", None), ("", b"x"))
        ),
        replace(LETTER, stage="sink", rules="", detail="é" * 200),
        replace(
            LETTER,
            key=None,
            headers=(
                ("audit.err.place", b"other/0/0"),
                ("audit.err.headers", b"0"),
                ("audit.err.size", b"5"),
                ("audit.key", b"forged"),
            ),
        ),
    ],
)
def test_a_letter_comes_back_as_it_was(letter: Letter) -> None:
    """Key, bytes and headers: none, empty, twice, and such as pretend to be ours."""
    assert there_and_back(letter) == letter


def test_a_letter_of_a_letter_keeps_both() -> None:
    """A replayed record that is rejected again may carry our own headers."""
    _, _, headers = LETTER.to_record()
    again = replace(LETTER, place=Place("a-topic-id", 0, 99), headers=tuple(headers))
    assert there_and_back(again) == again


def test_its_key_is_the_place() -> None:
    """So that one written twice is recognised."""
    key, _, headers = LETTER.to_record()
    assert key == b"a-topic-id/3/17"
    assert headers[0] == ("audit.err.reason", b"malformed")


@pytest.mark.parametrize("size", [0, 70_000, RAW_BYTES_MAX, RAW_BYTES_MAX + 1])
def test_what_does_not_fit_is_cut_and_said_to_be(size: int) -> None:
    """Value, key and headers; the rest fits the topic."""
    headers = tuple((f"h{n}", b"x" * 999) for n in range(1200))
    letter = replace(LETTER, value=b"v" * size, key=b"k" * (KEY_BYTES_MAX + 1), headers=headers)
    key, value, sent = letter.to_record()
    total = len(key) + len(value or b"") + sum(len(name) + len(each or b"") + 8 for name, each in sent)
    assert total + 1000 < REJECTED_BYTES_MAX
    found = there_and_back(letter)
    assert found is not None
    assert not found.is_whole
    assert (found.size, found.key_size) == (size if size > RAW_BYTES_MAX else None, KEY_BYTES_MAX + 1)
    assert 0 < len(found.headers) < 1200
    assert found.headers == headers[: len(found.headers)]
    assert found.headers_cut == 1200 - len(found.headers)
    assert there_and_back(replace(letter, key=b"k", headers=headers[:3], value=b"")) is not None


def test_only_a_whole_letter_is_whole() -> None:
    """What the sink wrote is the enriched line, not the record."""
    assert LETTER.is_whole
    assert not replace(LETTER, stage="sink").is_whole


@pytest.mark.parametrize(
    "headers",
    [
        (),
        (("audit.err.place", b"x"), ("audit.err.reason", b"empty")),
        (("audit.err.place", b"e/0/1"),),
        (("audit.err.place", b"e/0/\xff"), ("audit.err.reason", b"empty")),
        (("audit.err.place", b"e/0/1"), ("audit.err.reason", b"empty"), ("audit.err.headers", b"9")),
        (("audit.err.place", b"e/0/1"), ("audit.err.reason", b"empty"), ("audit.err.headers", b"-1")),
        (("audit.err.place", b"e/0/1"), ("audit.err.reason", b"empty"), ("audit.err.size", b"x")),
    ],
)
def test_what_is_no_letter_of_ours_is_none(headers: tuple[tuple[str, bytes | None], ...]) -> None:
    """Something else may write to the topic."""
    assert Letter.from_record(b"x", headers) is None


def test_a_letter_of_an_earlier_version_is_read() -> None:
    """Those have no headers of the record's own and do not say so."""
    headers = (
        ("audit.err.reason", b"empty"),
        ("audit.err.detail", b"no value"),
        ("audit.err.place", b"e/0/1"),
        ("audit.err.rules", b"1"),
        ("audit.key", b"k"),
    )
    assert Letter.from_record(b"", headers) == Letter(
        Place("e", 0, 1), "empty", "no value", b"k", b"", rules="1"
    )


@pytest.mark.parametrize("text", ["", "e", "e/1", "e/x/1", "e/1/-1", "/1/1", "e/1/²"])
def test_a_place_is_checked(text: str) -> None:
    """Three parts, two of them numbers."""
    with pytest.raises(ValueError, match=r".*"):
        Place.parse(text)


def test_a_place_may_hold_slashes_in_its_epoch() -> None:
    """The last two parts are the numbers."""
    assert Place.parse(str(Place("a/b", 1, 2))) == Place("a/b", 1, 2)
