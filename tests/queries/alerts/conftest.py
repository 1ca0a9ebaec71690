"""One database for all tests of alerts; each takes an organisation of its own and finds no alerts."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.databases import Databases
    from tests.queries.alerts.yard import Yard

    from trailhouse.sinks.settings import ClickHouseSettings


@pytest.fixture(scope="session")
def yard_settings(databases: Databases) -> Iterator[ClickHouseSettings]:
    """Migrated once; dropped when the session ends."""
    with databases.lend() as (settings, _):
        yield settings


@pytest.fixture
def yard(yard_settings: ClickHouseSettings) -> Iterator[Yard]:
    """An empty desk, a watcher and a dispatcher over it."""
    from tests.queries.alerts.yard import Yard

    made = Yard(yard_settings, f"org-{uuid.uuid4().hex[:8]}")
    made.clear()
    yield made
    made.close()
