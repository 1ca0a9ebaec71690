"""Threads that organisations share fairly: whoever has the fewest at work is next, and nobody has more than a share.

One organisation's slow receivers, or heavy reports, thus keep threads of its own busy; another's work begins at once, or
as soon as the first thread is free.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any, TypeVar

T = TypeVar("T")


class FairPool:
    """`threads` threads, of which work of one organisation has at most `share`. `submit` may be called from any thread."""

    def __init__(self, threads: int, share: int, name: str) -> None:
        self._share, self._is_closed = share, False
        self._ready = threading.Condition()
        #: By organisation; the one served longest ago is first, among those with as few at work.
        self._queues: dict[str, deque[tuple[Future[Any], Callable[[], Any]]]] = {}
        self._working: dict[str, int] = {}
        for number in range(threads):
            threading.Thread(target=self._work, name=f"{name}-{number}", daemon=True).start()

    def submit(self, org: str, work: Callable[[], T]) -> Future[T]:
        """Have work of an organisation done when it is its turn."""
        future: Future[T] = Future()
        with self._ready:
            self._queues.setdefault(org, deque()).append((future, work))
            self._ready.notify()
        return future

    def close(self) -> None:
        """Begin nothing more, and cancel what waits; what is under way ends by itself or with the process."""
        with self._ready:
            self._is_closed = True
            for queue in self._queues.values():
                for future, _ in queue:
                    future.cancel()
            self._queues.clear()
            self._ready.notify_all()

    def _work(self) -> None:
        while True:
            with self._ready:
                while (org := self._turn()) is None:
                    if self._is_closed:
                        return
                    self._ready.wait()
                future, work = self._take(org)
            try:
                if future.set_running_or_notify_cancel():
                    try:
                        made = work()
                    except BaseException as error:  # whoever asks for the result is told
                        future.set_exception(error)
                    else:
                        future.set_result(made)
            finally:
                with self._ready:
                    self._working[org] -= 1
                    if not self._working[org]:
                        del self._working[org]
                    self._ready.notify_all()

    def _turn(self) -> str | None:
        """Whose turn it is; None = nobody's now."""
        free = [org for org in self._queues if self._working.get(org, 0) < self._share]
        return min(free, key=lambda org: self._working.get(org, 0), default=None)

    def _take(self, org: str) -> tuple[Future[Any], Callable[[], Any]]:
        queue = self._queues.pop(org)
        taken = queue.popleft()
        if queue:
            self._queues[org] = queue
        self._working[org] = self._working.get(org, 0) + 1
        return taken
