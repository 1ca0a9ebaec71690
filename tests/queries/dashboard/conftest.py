"""The company with its dashboard, one for all tests here."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.house import House

    from trailhouse.deploy.clickhouse import LocalClickHouse


@pytest.fixture(scope="session")
def company(clickhouse_server: LocalClickHouse) -> Iterator[House]:
    """Kept until the session ends."""
    from tests.house import house

    with house(clickhouse_server) as made:
        yield made
