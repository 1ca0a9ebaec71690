"""What the fault tests share. Modules that import Kafka are imported inside, once warnings are configured."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from trailhouse.producers.settings import KafkaSettings

if TYPE_CHECKING:
    from tests.sinks.rig import Rig

    from trailhouse.sinks.clickhouse import Client
    from trailhouse.sinks.settings import ClickHouseSettings


@pytest.fixture
def rig(kafka_settings: KafkaSettings, clickhouse_settings: ClickHouseSettings, database: Client) -> Rig:
    """Topics of two partitions, a database and a group."""
    from tests.sinks.rig import Rig

    return Rig(kafka_settings, clickhouse_settings, database, partitions=2)
