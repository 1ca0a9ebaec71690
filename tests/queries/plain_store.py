"""A store that looks nothing up: for questions that say all themselves."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from trailhouse.sinks.org_settings import OrgSettings


class PlainStore:
    """Nothing is said of any organisation, and none is asked for."""

    def orgs(self) -> list[str]:
        raise AssertionError

    def settings(self, orgs: Sequence[str]) -> list[OrgSettings]:
        assert orgs
        return []

    def company(self, name: str) -> list[str]:
        raise AssertionError(name)

    def first_event(self, org: str) -> datetime | None:
        raise AssertionError(org)

    def knows(self, org: str) -> bool:
        raise AssertionError(org)

    def first_reject(self, org: str) -> datetime | None:
        raise AssertionError(org)
