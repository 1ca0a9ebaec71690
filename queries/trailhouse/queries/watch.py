"""The watch the API keeps: every half minute it closes the books and looks how fresh the store is."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from typing import Final

from trailhouse.queries.metrics import ApiMetrics
from trailhouse.queries.settings import ApiSettings
from trailhouse.queries.store import ClickHouseStore, Pool
from trailhouse.sinks.balance import balance
from trailhouse.stream.topics import check_topics

# Closing the books reads what the raw log still holds, so it may take at most a twentieth of the time.
REST: Final = 20
log = logging.getLogger(__name__)


def observe(settings: ApiSettings, pool: Pool, metrics: ApiMetrics) -> None:
    """Look once: freshness, then the books. What fails is logged and counted, the last figures stay with their time."""
    try:
        with pool.client() as client:
            metrics.show_newest(ClickHouseStore(client).landed_until())
            books = balance(settings.kafka, client, settings.sink_group)
        metrics.show_balance(books, time.time())
        if not books.is_closed:
            log.error(
                "the books do not balance: %d records unaccounted for; run `trailhouse balance`",
                books.unaccounted,
            )
    except Exception as error:  # whatever Kafka or ClickHouse raise; the next look may succeed
        metrics.balance_failures.inc()
        log.warning("cannot close the books: %s: %s", type(error).__name__, str(error).partition("\n")[0])


async def watch(look: Callable[[], None], interval_s: float) -> None:
    """Call `look` in a thread, again and again, `interval_s` apart (longer when looking takes long)."""
    while True:
        started = time.monotonic()
        await asyncio.to_thread(look)
        await asyncio.sleep(max(interval_s, REST * (time.monotonic() - started)))


def check_clickhouse(pool: Pool) -> None:
    """Raise when ClickHouse does not answer or lacks the tables."""
    with pool.client() as client:
        ClickHouseStore(client).first_event("")


def check_kafka(settings: ApiSettings) -> None:
    """Raise when Kafka does not answer or its topics are not as they must be."""
    check_topics(settings.kafka)
