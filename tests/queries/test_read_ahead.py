"""Reading ahead: order, bounds, errors, and that nothing stays behind."""

from __future__ import annotations

import threading
from collections.abc import Generator

import pytest

from trailhouse.queries.read_ahead import ReadAhead


class Source:
    """Chunks of 1000 bytes; counts those taken from it and knows whether it was closed."""

    def __init__(self, count: int, error: Exception | None = None) -> None:
        self.taken, self.error = 0, error
        self.is_closed = threading.Event()
        self.chunks = self._make(count)

    def _make(self, count: int) -> Generator[bytes]:
        try:
            for number in range(count):
                self.taken += 1
                yield f"{number:04}".encode() * 250
            if self.error is not None:
                raise self.error
        finally:
            self.is_closed.set()


def test_chunks_come_in_order_and_whole() -> None:
    """Packed while they wait or not."""
    for limit in (1, 3000, 10**6):
        source = Source(200)
        assert [chunk[:4] for chunk in ReadAhead(source.chunks, limit)] == [b"%04d" % n for n in range(200)]
        assert source.is_closed.wait(5)


def test_it_reads_ahead_no_further_than_its_limit() -> None:
    """What waits is packed, so more chunks wait than bytes would say; but not all of them."""
    source = Source(10_000)
    ahead = ReadAhead(source.chunks, 8000)
    ahead.wait()
    wait_for_rest(source)
    assert 8 <= source.taken < 2000
    assert len(b"".join(ahead)) == 10_000_000


def wait_for_rest(source: Source) -> None:
    """Until the source is asked for nothing more."""
    seen, pause = -1, threading.Event()
    while source.taken != seen:
        seen = source.taken
        pause.wait(0.2)


def test_an_error_comes_after_what_came_before_it() -> None:
    """And again for whoever asks again."""
    ahead = ReadAhead(Source(3, KeyError("gone")).chunks, 10**6)
    assert [ahead.take() is None for _ in range(3)] == [False] * 3
    for _ in range(2):
        with pytest.raises(KeyError):
            ahead.take()


def test_an_error_at_the_beginning_shows_at_once() -> None:
    """So that it can still be an answer of its own; an end without chunks is none."""
    with pytest.raises(KeyError):
        ReadAhead(Source(0, KeyError("gone")).chunks, 10**6).wait()
    empty = ReadAhead(Source(0).chunks, 10**6)
    empty.wait()
    assert empty.take() is None


def test_closing_ends_the_thread_and_the_source() -> None:
    """Though it waits for room."""
    source = Source(10_000)
    ahead = ReadAhead(source.chunks, 2000)
    ahead.wait()
    ahead.close()
    ahead.close()
    assert source.is_closed.is_set()
    assert source.taken < 10_000


def test_nobody_who_takes_anything_is_somebody_who_has_gone() -> None:
    """The thread ends by itself and the store's connection is free again."""
    source = Source(10_000)
    ahead = ReadAhead(source.chunks, 2000, idle_s=0.05)
    assert source.is_closed.wait(10)
    with pytest.raises(TimeoutError):
        list(ahead)
