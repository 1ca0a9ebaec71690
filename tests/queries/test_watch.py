"""The watch: books and freshness as metrics, and probes that never hang their caller."""

from __future__ import annotations

import math
import threading
import time
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from tests.queries.conftest import World

from trailhouse.producers.settings import KafkaSettings
from trailhouse.queries import metrics as names
from trailhouse.queries.metrics import ApiMetrics
from trailhouse.queries.settings import ApiSettings
from trailhouse.queries.store import Pool
from trailhouse.queries.watch import Bookkeeper, Probe, Watch, check_clickhouse, check_kafka, observe
from trailhouse.sinks.balance import Balance
from trailhouse.stream.topics import create_topics

CLOSED = Balance(
    stored=7,
    rejected=2,
    repeats=1,
    unaccounted=0,
    in_flight=3,
    not_in_events=0,
    partitions=(),
    lost=4,
    expired=5,
    conflicts=5,
)


def value(metrics: ApiMetrics, name: str, **labels: str) -> float:
    found = metrics.registry.get_sample_value(name, labels)
    assert found is not None
    return found


def test_what_is_not_known_yet_is_not_zero() -> None:
    """A gauge that must be 0 is NaN until the books were closed once, so an alert cannot be lulled."""
    metrics = ApiMetrics()
    for name in (names.UNACCOUNTED, names.CONFLICTS, names.FRESHNESS, names.NEWEST, names.BALANCE_TIMESTAMP):
        assert math.isnan(value(metrics, name))


def test_closed_books_are_published() -> None:
    """Every part of the balance, and when it was taken."""
    metrics = ApiMetrics()
    metrics.show_balance(CLOSED, 1000.0)
    assert value(metrics, names.UNACCOUNTED) == 0
    assert value(metrics, names.BALANCE_TIMESTAMP) == 1000
    parts = {each: value(metrics, names.BALANCE_RECORDS, became=each) for each in names.BALANCE_FIELDS}
    assert parts == {"stored": 7, "rejected": 2, "repeats": 1, "lost": 4, "expired": 5, "in_flight": 3}
    assert value(metrics, names.CONFLICTS) == 5


def test_freshness_grows_between_two_looks() -> None:
    """It is counted at every scrape from the newest record's broker time."""
    metrics = ApiMetrics()
    metrics.show_newest(datetime.now(UTC) - timedelta(seconds=90))
    first = value(metrics, names.FRESHNESS)
    assert 90 <= first <= value(metrics, names.FRESHNESS) < 150
    metrics.show_newest(None)
    assert value(metrics, names.FRESHNESS) >= first


def test_a_look_closes_the_books_of_a_real_cluster(
    world: World, kafka_settings: KafkaSettings, caplog: pytest.LogCaptureFixture
) -> None:
    """Kafka's marks and ClickHouse's rows are read; rows of topics that are gone need no mark."""
    create_topics(kafka_settings, 2)
    settings = ApiSettings(clickhouse=world.settings, kafka=kafka_settings)
    metrics, pool = ApiMetrics(), Pool(world.settings, size=1)
    keeper = Bookkeeper(settings)
    deadline = time.monotonic() + 60
    while math.isnan(value(metrics, names.UNACCOUNTED)) and time.monotonic() < deadline:
        observe(pool, metrics, keeper)  # a young broker first has to make its coordinator
    check_clickhouse(pool)
    check_kafka(settings)
    pool.close()
    assert value(metrics, names.UNACCOUNTED) == 0, caplog.text
    assert value(metrics, names.NEWEST) == datetime(2026, 6, 1, 12, tzinfo=UTC).timestamp()


def test_a_look_that_fails_is_counted_and_keeps_the_last_figures(
    world: World, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Freshness is still seen when Kafka is away; the books keep their old figures with their old time."""

    def fail(*_: object) -> Balance:
        raise ConnectionError("no broker\nsecond line")

    monkeypatch.setattr("trailhouse.queries.watch.close_books", fail)
    metrics, pool = ApiMetrics(), Pool(world.settings, size=1)
    metrics.show_balance(CLOSED, 1000.0)
    observe(pool, metrics, Bookkeeper(ApiSettings(clickhouse=world.settings)))
    pool.close()
    assert value(metrics, f"{names.BALANCE_FAILURES}_total") == 1
    assert value(metrics, names.BALANCE_TIMESTAMP) == 1000
    assert not math.isnan(value(metrics, names.FRESHNESS))
    assert caplog.messages == ["cannot close the books: ConnectionError: no broker"]


def test_books_that_do_not_balance_are_an_error_in_the_log(
    world: World, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """The log says how many and which command lists them."""
    lost = Balance(
        stored=0, rejected=0, repeats=0, unaccounted=5, in_flight=0, not_in_events=5, partitions=()
    )
    monkeypatch.setattr("trailhouse.queries.watch.close_books", lambda *_: (lost, None))
    metrics, pool = ApiMetrics(), Pool(world.settings, size=1)
    observe(pool, metrics, Bookkeeper(ApiSettings(clickhouse=world.settings)))
    pool.close()
    assert value(metrics, names.UNACCOUNTED) == 5
    assert "5 records unaccounted for, 0 conflicts; run `trailhouse balance`" in caplog.text


def test_the_books_are_closed_whole_once_an_hour(monkeypatch: pytest.MonkeyPatch) -> None:
    """Between that each closing goes on from the last clean one; from none when they did not close clean."""
    calls: list[object] = []
    answers = iter(["first", "second", None, "third", "fourth", "fifth"])

    def close(*arguments: Any) -> tuple[Balance, Any]:
        calls.append(arguments[-1])
        return CLOSED, next(answers)

    monkeypatch.setattr("trailhouse.queries.watch.close_books", close)
    now = 10_000.0
    keeper = Bookkeeper(ApiSettings(), clock=lambda: now)
    for seconds in (0, 30, 30, 30, 3600, 3599):
        now += seconds
        assert keeper.close(None) is CLOSED  # type: ignore[arg-type]  # nobody looks at the client
    assert calls == [None, "first", "second", None, None, "fourth"]


def test_the_watch_looks_again_until_it_is_stopped() -> None:
    """A stop is heeded at once, not after the interval."""
    looks = threading.Semaphore(0)
    watch = Watch(looks.release, interval_s=0.001)
    watch.start()
    for _ in range(3):
        assert looks.acquire(timeout=20)
    watch.stop()
    watch._thread.join(20)
    assert not watch._thread.is_alive()


def test_a_probe_answers_in_time_and_runs_once() -> None:
    """A check that hangs costs its caller the deadline only, and no second one is started beside it."""
    go, runs = threading.Event(), threading.Semaphore(0)

    def hang() -> None:
        runs.release()
        assert go.wait(20)

    probe = Probe(hang)
    assert probe.ask(0.01) == "no answer within 0.01 s"
    assert probe.ask(0.01) == "no answer within 0.01 s"
    go.set()
    assert probe.ask(20) == ""
    assert runs.acquire(blocking=False)
    assert probe.ask(20) == ""


def test_a_probe_tells_why_in_one_line() -> None:
    """The first line of the error, or its name."""

    def fail() -> None:
        raise ValueError("refused\nat line 2")

    def fail_silently() -> None:
        raise ConnectionError

    assert Probe(fail).ask(20) == "refused"
    assert Probe(fail_silently).ask(20) == "ConnectionError"
