"""The watch the API keeps: every half minute it closes the books and looks how fresh the store is."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from typing import Final

from trailhouse.queries.metrics import ApiMetrics
from trailhouse.queries.settings import ApiSettings
from trailhouse.queries.store import ClickHouseStore, Pool
from trailhouse.sinks.balance import Balance, close_books
from trailhouse.sinks.books import Sealed
from trailhouse.sinks.clickhouse import Client
from trailhouse.stream.topics import check_topics

# Closing the books whole reads what the raw log still holds, so it may take at most a twentieth of the time.
REST: Final = 20
WHOLE_EVERY_S: Final = 3600.0
log = logging.getLogger(__name__)


class Bookkeeper:
    """Closes the books whole once an hour, and between that only what landed since they last closed clean."""

    def __init__(self, settings: ApiSettings, clock: Callable[[], float] = time.monotonic) -> None:
        self._settings, self._clock = settings, clock
        self._sealed: Sealed | None = None
        self._whole_at = 0.0

    def close(self, client: Client) -> Balance:
        """The balance now; raises what Kafka or ClickHouse raise when away."""
        now = self._clock()
        if now - self._whole_at >= WHOLE_EVERY_S:
            self._sealed = None
        is_whole = self._sealed is None
        books, self._sealed = close_books(
            self._settings.kafka,
            client,
            self._settings.sink_group,
            self._settings.stream_group,
            self._sealed,
        )
        if is_whole:
            self._whole_at = now
        return books


def observe(pool: Pool, metrics: ApiMetrics, keeper: Bookkeeper) -> None:
    """Look once: freshness, then the books. What fails is logged and counted, the last figures stay with their time."""
    try:
        with pool.client() as client:
            metrics.show_newest(ClickHouseStore(client).landed_until())
            books = keeper.close(client)
        metrics.show_balance(books, time.time())
        if not books.is_closed:
            log.error(
                "the books do not balance: %d records unaccounted for, %d conflicts; run `trailhouse balance`",
                books.unaccounted,
                books.conflicts,
            )
    except Exception as error:  # whatever Kafka or ClickHouse raise; the next look may succeed
        metrics.balance_failures.inc()
        log.warning("cannot close the books: %s: %s", type(error).__name__, str(error).partition("\n")[0])


class Watch:
    """Calls `look` in a thread of its own, again and again, `interval_s` apart (longer when looking takes long).

    The thread is a daemon: a look that waits for Kafka does not hold up the end of the process.
    """

    def __init__(self, look: Callable[[], None], interval_s: float) -> None:
        self._look, self._interval_s = look, interval_s
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name="watch", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Ask it to end; a look under way ends by itself or with the process."""
        self._stopped.set()

    def _run(self) -> None:
        while not self._stopped.is_set():
            started = time.monotonic()
            self._look()
            self._stopped.wait(max(self._interval_s, REST * (time.monotonic() - started)))


class Probe:
    """A check that may hang: asked with a deadline, run once at a time, never waited for when the process ends."""

    def __init__(self, check: Callable[[], None]) -> None:
        self._check = check
        self._lock = threading.Lock()
        self._answer: Future[None] | None = None

    def ask(self, timeout_s: float) -> str:
        """Why the check failed, in one line; empty when it passed. A check still under way is waited for again."""
        with self._lock:
            if self._answer is None or self._answer.done():
                self._answer = Future()
                threading.Thread(target=self._run, args=(self._answer,), name="probe", daemon=True).start()
            answer = self._answer
        try:
            answer.result(timeout_s)
        except TimeoutError:
            return f"no answer within {timeout_s:g} s"
        except Exception as error:  # whatever the drivers raise is the answer
            return str(error).partition("\n")[0] or type(error).__name__
        return ""

    def _run(self, answer: Future[None]) -> None:
        try:
            self._check()
        except Exception as error:
            answer.set_exception(error)
        else:
            answer.set_result(None)


def check_clickhouse(pool: Pool) -> None:
    """Raise when ClickHouse does not answer or lacks the tables."""
    with pool.client() as client:
        ClickHouseStore(client).first_event("")


def check_kafka(settings: ApiSettings) -> None:
    """Raise when Kafka does not answer or its topics are not as they must be."""
    check_topics(settings.kafka)
