"""What the end-to-end tests share. Modules that import Kafka are imported inside, once warnings are configured."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from trailhouse.producers.settings import KafkaSettings

if TYPE_CHECKING:
    from tests.e2e.pipeline import Pipeline

    from trailhouse.sinks.clickhouse import Client
    from trailhouse.sinks.settings import ClickHouseSettings


@pytest.fixture
def pipeline(
    kafka_settings: KafkaSettings, clickhouse_settings: ClickHouseSettings, database: Client, tmp_path: Path
) -> Pipeline:
    """Four partitions, roles not yet started."""
    from tests.e2e.pipeline import Pipeline
    from tests.sinks.rig import Rig

    return Pipeline(Rig(kafka_settings, clickhouse_settings, database, partitions=4), tmp_path)
