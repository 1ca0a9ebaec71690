"""The company with its dashboard, one for all tests here."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.databases import Databases
    from tests.house import House


@pytest.fixture(scope="session")
def company(databases: Databases) -> Iterator[House]:
    """Kept until the session ends."""
    from tests.house import house

    with house(databases) as made:
        yield made
