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

#: An epoch lasts so many times as long as its questions took, all of them: asking takes at most a third of one core.
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
    opener: int
    is_open: threading.Event = field(default_factory=threading.Event)
    asked: dict[str, Future[Answer]] = field(default_factory=dict)
    took_s: float = 0.0
    cells: int = 0


class SharedAnswers:
    """Lends clients as a `Pool` does; equal SQL with equal bound values is asked once an epoch. For any thread.

    An answer depends on nothing but the statement and what is bound to it, so nobody gets one that the server would not
    have given them: rights are bound values. All answers of an epoch are younger than its first, that of `first`:
    who asks until when everything is stored is told what is true of all the others.

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
        """Lend a client that answers `query` and nothing else; raises `StorageUnavailable` as `Pool.client` does."""
        if self._limit_s:
            yield cast("Client", _Asker(self))
            return
        with self._pool.client() as client:
            yield client

    def forget(self) -> None:
        """Ask everything anew from now on: something was changed, and who did it wants to see it."""
        with self._lock:
            self._epoch = None

    def answer(self, sql: str, parameters: Mapping[str, Any]) -> Answer:
        """What the server answers, or answered in this epoch; raises what the driver and the pool raise."""
        key = f"{sql}\0{sorted(parameters.items())!r}"
        with self._lock:
            epoch, is_new = self._now()
        if is_new:
            self._open(epoch)
        elif epoch.opener != threading.get_ident():
            epoch.is_open.wait()
        mine: Future[Answer] | None = None
        with self._lock:
            if (there := epoch.asked.get(key)) is None:
                there = mine = epoch.asked[key] = Future()
        if mine is not None:
            self._ask(epoch, key, mine, sql, parameters)
        return there.result()

    def _now(self) -> tuple[_Epoch, bool]:
        """The epoch it is, and whether it begins now."""
        epoch, now = self._epoch, self._clock()
        if epoch is not None:
            length = min(self._limit_s, max(SHORTEST_S, TIMES * epoch.took_s))
            if now - epoch.began < length:
                return epoch, False
        self._epoch = _Epoch(now, threading.get_ident())
        return self._epoch, True

    def _open(self, epoch: _Epoch) -> None:
        try:
            self._first(cast("Client", _Asker(self)))
        except (QueryError, ClickHouseError):
            pass  # whoever wants to know asks it themselves, and is told
        finally:
            epoch.opener = 0
            epoch.is_open.set()

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
    """The part of the driver's client that asks."""

    shared: SharedAnswers

    def query(self, query: str, parameters: Mapping[str, Any] | None = None) -> Answer:
        return self.shared.answer(query, parameters or {})
