"""Answers shared by those who ask the same at the same time: one question, one flight, kept for some seconds."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Final, cast

from trailhouse.queries.errors import QueryError
from trailhouse.queries.store import Pool
from trailhouse.sinks.clickhouse import ClickHouseError, Client

#: An epoch lasts so many times as long as its questions took, all of them: until `limit_s` cuts it short, asking takes
#: about a third of one core.
TIMES: Final = 3.0
SHORTEST_S: Final = 1.0
#: Cells one epoch keeps; an answer beyond is shared by those who wait for it, and not kept.
CELLS_MAX: Final = 2_000_000


@dataclass(frozen=True, slots=True)
class Answer:
    """What the server answered, as the driver's result tells it; many read it, so nobody may change it."""

    column_names: tuple[str, ...]
    result_rows: Sequence[Sequence[Any]]

    def named_results(self) -> Iterator[dict[str, Any]]:
        """Each row by its columns' names."""
        return (dict(zip(self.column_names, row, strict=True)) for row in self.result_rows)


@dataclass(slots=True)
class _Epoch:
    began: float
    is_open: threading.Event = field(default_factory=threading.Event)
    asked: dict[str, Future[Answer]] = field(default_factory=dict)
    took_s: float = 0.0
    cells: int = 0


class SharedAnswers:
    """Lends clients as a `Pool` does; equal SQL with equal bound values is asked once an epoch. For any thread.

    An answer depends on nothing but the statement and what is bound to it, so nobody gets one that the server would not
    have given them: rights are bound values. All answers of an epoch are younger than its first, that of `first`, and
    a client stays in the epoch it was lent in: who asks it until when everything is stored is told what is true of all
    its other answers, and of those of every client lent later.

    An epoch is as long as its questions were costly, `SHORTEST_S` to `limit_s`: a page that one person reloads is
    fresh, and fifty people at a time cost as much as a few. A `limit_s` of 0 shares nothing.
    """

    def __init__(
        self,
        pool: Pool,
        *,
        limit_s: float,
        first: Callable[[Client], object] = lambda _: None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._pool, self._limit_s, self._first, self._clock = pool, limit_s, first, clock
        self._lock = threading.Lock()
        self._epoch: _Epoch | None = None

    @contextmanager
    def client(self) -> Iterator[Client]:
        """Lend a client that answers `query` and nothing else; raises `StorageUnavailable` as `Pool.client` does.

        Who is lent the first of an epoch asks `first` before; others wait for that.
        """
        if self._limit_s:
            yield cast("Client", _Asker(self, self._enter()))
            return
        with self._pool.client() as client:
            yield client

    def forget(self) -> None:
        """Ask everything anew from now on: something was changed, and who did it wants to see it."""
        with self._lock:
            self._epoch = None

    def answer(self, epoch: _Epoch, sql: str, parameters: Mapping[str, Any]) -> Answer:
        """What the server answers, or answered in this epoch; raises what the driver and the pool raise."""
        key = f"{sql}\0{sorted(parameters.items())!r}"
        mine: Future[Answer] | None = None
        with self._lock:
            if (there := epoch.asked.get(key)) is None:
                there = mine = epoch.asked[key] = Future()
        if mine is not None:
            self._ask(epoch, key, mine, sql, parameters)
        return there.result()

    def _enter(self) -> _Epoch:
        """The epoch it is, and its first question is answered."""
        with self._lock:
            epoch, now = self._epoch, self._clock()
            if epoch is not None and now - epoch.began < self._length_of(epoch):
                is_new = False
            else:
                epoch, is_new = _Epoch(now), True
                self._epoch = epoch
        if is_new:
            try:
                self._first(cast("Client", _Asker(self, epoch)))
            except (QueryError, ClickHouseError):
                pass  # whoever wants to know asks it themselves, and is told
            finally:
                epoch.is_open.set()
        else:
            epoch.is_open.wait()
        return epoch

    def _length_of(self, epoch: _Epoch) -> float:
        return min(self._limit_s, max(SHORTEST_S, TIMES * epoch.took_s))

    def _ask(
        self, epoch: _Epoch, key: str, mine: Future[Answer], sql: str, parameters: Mapping[str, Any]
    ) -> None:
        started = self._clock()
        try:
            with self._pool.client() as client:
                found = client.query(sql, parameters=dict(parameters))
                answer = Answer(tuple(found.column_names), found.result_rows)
        except BaseException as error:
            # Who asks next shall not be told of a failure that may be over.
            with self._lock:
                epoch.asked.pop(key, None)
            mine.set_exception(error)
            return
        with self._lock:
            epoch.took_s += self._clock() - started
            epoch.cells += len(answer.column_names) * len(answer.result_rows)
            if epoch.cells > CELLS_MAX:
                epoch.asked.pop(key, None)
        mine.set_result(answer)


@dataclass(frozen=True, slots=True)
class _Asker:
    """The part of the driver's client that asks, in one epoch."""

    shared: SharedAnswers
    epoch: _Epoch

    def query(self, query: str, parameters: Mapping[str, Any] | None = None) -> Answer:
        return self.shared.answer(self.epoch, query, parameters or {})
