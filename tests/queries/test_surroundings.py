"""What the API sees around it: room on ClickHouse's disk, and until when ClickHouse's and Kafka's certificates hold."""

from __future__ import annotations

import math
import shutil
import time
from pathlib import Path

import pytest
from tests.queries.conftest import World
from tests.queries.serving import NO_CLICKHOUSE, NO_KAFKA

from trailhouse.producers.settings import KafkaSecurity, KafkaSettings, Secret
from trailhouse.queries import metrics as names
from trailhouse.queries.metrics import ApiMetrics
from trailhouse.queries.store import Pool
from trailhouse.queries.surroundings import CERTIFICATE_EVERY_S, Surroundings
from trailhouse.sinks.certificate import CertificateExpired
from trailhouse.sinks.settings import ClickHouseSettings


def value(metrics: ApiMetrics, name: str, **labels: str) -> float | None:
    return metrics.registry.get_sample_value(name, labels)


def test_the_disk_is_looked_at(world: World, tmp_path: Path) -> None:
    """As the engine sees it, which runs on this machine."""
    metrics, pool = ApiMetrics(), Pool(world.settings, size=1)
    assert math.isnan(value(metrics, names.DISK_FREE) or 0)
    Surroundings(world.settings, NO_KAFKA, metrics).look(pool)
    pool.close()
    assert value(metrics, names.DISK_SIZE) == shutil.disk_usage(tmp_path).total
    assert 0 < (value(metrics, names.DISK_FREE) or 0) < (value(metrics, names.DISK_SIZE) or 0)
    assert [value(metrics, names.CERTIFICATE, peer=each) for each in ("clickhouse", "kafka")] == [None, None]


def test_the_certificate_is_looked_at_less_often(world: World) -> None:
    """Where ClickHouse is asked over https alone; one that has expired holds until now."""
    metrics, pool = ApiMetrics(), Pool(world.settings, size=1)
    secure = ClickHouseSettings(dsn=Secret("https://api@ch.example.org/trailhouse"))
    answers, asked, now = [5e9, 6e9], [], 1000.0

    def expiry(host: str, port: int, _: object) -> float:
        asked.append((host, port))
        if not answers:
            raise CertificateExpired
        return answers.pop(0)

    around = Surroundings(secure, NO_KAFKA, metrics, expiry=expiry, clock=lambda: now)
    around.look(pool)
    around.look(pool)
    assert (asked, value(metrics, names.CERTIFICATE, peer="clickhouse")) == (
        [("ch.example.org", 8443)],
        5e9,
    )
    now += CERTIFICATE_EVERY_S
    around.look(pool)
    assert value(metrics, names.CERTIFICATE, peer="clickhouse") == 6e9
    now += CERTIFICATE_EVERY_S
    around.look(pool)
    pool.close()
    assert value(metrics, names.CERTIFICATE, peer="clickhouse") == pytest.approx(time.time(), abs=60)


def test_what_cannot_be_looked_at_is_counted(caplog: pytest.LogCaptureFixture) -> None:
    """And never raised: the books are closed all the same."""
    metrics, pool = ApiMetrics(), Pool(NO_CLICKHOUSE, size=1)
    Surroundings(NO_CLICKHOUSE, NO_KAFKA, metrics).look(pool)
    pool.close()
    assert value(metrics, f"{names.LOOK_FAILURES}_total") == 1
    assert "cannot look around" in caplog.text


def test_kafkas_certificate_is_looked_at(world: World, caplog: pytest.LogCaptureFixture) -> None:
    """The broker's that ends first, also where ClickHouse's cannot be seen; each failure is counted."""
    metrics, pool = ApiMetrics(), Pool(world.settings, size=1)
    store = ClickHouseSettings(dsn=Secret("https://api@ch.example.org/trailhouse"))
    brokers = KafkaSettings(bootstrap="late:9093,soon:9093", security=KafkaSecurity(protocol="SSL"))

    def expiry(host: str, _port: int, _context: object) -> float:
        if host == "ch.example.org":
            raise ConnectionRefusedError
        return {"late": 9e9, "soon": 5e9}[host]

    Surroundings(store, brokers, metrics, expiry=expiry).look(pool)
    pool.close()
    assert value(metrics, names.CERTIFICATE, peer="kafka") == 5e9
    assert value(metrics, names.CERTIFICATE, peer="clickhouse") is None
    assert value(metrics, f"{names.LOOK_FAILURES}_total") == 1
    assert "ConnectionRefusedError" in caplog.text
