"""A request's text taken apart: what is read, what is refused, and in how much memory."""

from __future__ import annotations

import gzip
import json
import tracemalloc
from contextlib import suppress
from typing import Any

import pytest

from trailhouse.queries.batch_text import ITEM_LENGTH_MAX, MEMBERS_MAX, Unreadable, gunzip, items
from trailhouse.queries.errors import BadBody, BodyTooLarge

BIG = 8 << 20


def read(body: bytes, *, is_lines: bool = False, limit: int = 1000) -> list[Any]:
    return list(items(body, is_lines=is_lines, limit=limit))


@pytest.mark.parametrize(
    ("body", "wanted"),
    [
        (b'{"a": 1}', [{"a": 1}]),
        (b' \r\n\t{"a": [1, {"b": "]},["}]} \n', [{"a": [1, {"b": "]},["}]}]),
        (b"[]", []),
        (b"[ ]", []),
        (b'[{"a":1},{"b":2}]', [{"a": 1}, {"b": 2}]),
        (b' [ {"a":1} , 7 , "x" , null , [1] ] ', [{"a": 1}, 7, "x", None, [1]]),
        ('[{"é":"日本\\u00e9\U0001f600"}]'.encode(), [{"é": "日本é\U0001f600"}]),
        (b"12", [12]),
        (b'["%s", 1]' % (b"x" * 20_000), ["x" * 20_000, 1]),
        (b"[%s, 1]" % (b"1" * 4000), [int("1" * 4000), 1]),
        (b"[" + b" " * 40_000 + b"1]", [1]),
    ],
)
def test_json_bodies(body: bytes, wanted: list[Any]) -> None:
    """One value, or the elements of an array, wherever the windows end."""
    assert read(body) == wanted


@pytest.mark.parametrize("padding", range(16 * 1024 - 12, 16 * 1024 + 4))
def test_an_item_at_the_edge_of_a_window(padding: int) -> None:
    """What the window cuts is read in a larger one; a number that is cut is not taken for a shorter one."""
    item = " " * padding
    assert read(b"[1." + b"0" * padding + b"e+1,7]") == [10.0, 7]
    assert read(f'["{item}",123456,{{"a":1}}]'.encode()) == [item, 123456, {"a": 1}]
    assert read(f'[{{"a":"{item}","b":123456}},1]'.encode()) == [{"a": item, "b": 123456}, 1]


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b" ",
        b"[",
        b"[1",
        b"[1,",
        b"[1,]",
        b"[,1]",
        b"[1 2]",
        b"[1]]",
        b"[1] x",
        b"{} {}",
        b'{"a":1}\n{"b":2}',
        b"{",
        b'{"a":}',
        b"{'a':1}",
        b"NaN",
        b"[Infinity]",
        b'{"a":-Infinity}',
        b'"\xff"',
        b"\xef\xbb\xbf{}",
        b'{"a":"\n"}',
        b"[" * 100_000,
        b'{"a":' * 100_000,
        b"1" * 5000,
        b"[" + b"1" * 5000 + b"]",
    ],
)
def test_what_is_no_json_is_refused_whole(body: bytes) -> None:
    """By its place, never by what stands there."""
    with pytest.raises((BadBody, BodyTooLarge)) as caught:
        read(body)
    assert caught.value.status in {400, 413}


def test_a_bad_body_is_never_quoted() -> None:
    """Whatever breaks, its text is not in the error."""
    for secret in (
        b'{"a": canary}',
        b'["canary" "canary"]',
        b"canary",
        b'[1,"\xffcanary"]',
        b'{"canary":1} canary',
    ):
        with pytest.raises(BadBody) as caught:
            read(secret)
        assert "canary" not in str(caught.value) + caught.value.hint


def test_lines() -> None:
    """Bad lines are items, too, in their place; empty ones are none."""
    body = b'{"a":1}\r\n\n  \n{"b":\n{"c":3} x\nNaN\n\xff\n%s\n[1]\n%s\n"last"' % (b"[" * 5000, b"1" * 5000)
    found = read(body, is_lines=True)
    assert [found[0], found[6], found[8]] == [{"a": 1}, [1], "last"]
    assert all(isinstance(found[place], Unreadable) for place in (1, 2, 3, 4, 5, 7))
    assert len(found) == 9
    assert read(b"\n\n", is_lines=True) == []


def test_too_many_items_are_refused_where_the_limit_is_passed() -> None:
    """The rest is not even read; blank lines are bounded too."""
    for body, is_lines in ((b"[1,1,1,1 !!!", False), (b"1\n1\n1\n1\n!!!", True), (b"\n" * 9 + b"1", True)):
        with pytest.raises(BodyTooLarge):
            read(body, is_lines=is_lines, limit=3)
    assert read(b"[1,1,1]", limit=3) == [1, 1, 1]


def test_items_beyond_any_event_are_refused() -> None:
    """An item is read within a window; a line that is too long is refused by itself."""
    long = b'"' + b"x" * ITEM_LENGTH_MAX + b'"'
    with pytest.raises(BodyTooLarge):
        read(b"[1," + long + b",2]")
    found = read(b"1\n" + long + b"\n2", is_lines=True)
    assert (found[0], found[2]) == (1, 2)
    assert isinstance(found[1], Unreadable)


@pytest.mark.parametrize(
    "body",
    [
        b"[" + b"{}," * (BIG // 3) + b"{}]",
        b"[" + b"1," * (BIG // 2) + b"1]",
        b'{"a":[' + b"[]," * (BIG // 3) + b"[]]}",
        b'[{"a":[' + b"{}," * (BIG // 3) + b"{}]}]",
        b"[" + b" " * BIG + b"]",
        b'{"' + b'a":1,"' * (BIG // 6) + b'a":1}',
    ],
    ids=["objects", "numbers", "one with lists", "one with objects", "spaces", "keys"],
)
def test_no_body_needs_many_times_its_size(body: bytes) -> None:
    """Eight megabytes of the smallest things there are: as Python objects they would be hundreds."""
    tracemalloc.start()
    with suppress(BadBody):
        read(body, limit=20_000)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 3 * BIG


def test_gzip_is_unpacked_with_several_members() -> None:
    """As shippers write it that append to a file."""
    assert gunzip(gzip.compress(b"one ") + gzip.compress(b"two"), 7) == b"one two"


def test_a_bomb_is_noticed_before_it_goes_off() -> None:
    """A gigabyte of zeros in a megabyte: no more than the limit is ever unpacked."""
    bomb = gzip.compress(bytes(64 << 20)) * 3
    tracemalloc.start()
    with pytest.raises(BodyTooLarge):
        gunzip(bomb, BIG)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 3 * BIG


@pytest.mark.parametrize(
    "body",
    [
        b"not gzip",
        gzip.compress(b"x" * 1000)[:-4],
        gzip.compress(b"x") + b"rest",
        gzip.compress(b"x")[:5],
        gzip.compress(b"") * (MEMBERS_MAX + 1),
    ],
    ids=["plain", "cut", "rest", "head", "members"],
)
def test_broken_gzip_is_refused(body: bytes) -> None:
    """Not taken as far as it goes."""
    with pytest.raises(BadBody) as caught:
        gunzip(body, BIG)
    assert caught.value.status == 400


def test_numbers_stay_exact() -> None:
    """No integer becomes a float on the way."""
    assert read(b"[18446744073709551616, 9007199254740993]") == [2**64, 9007199254740993]
    assert read(json.dumps({"a": 2**70}).encode()) == [{"a": 2**70}]
