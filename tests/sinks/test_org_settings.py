"""What is said of organisations."""

from __future__ import annotations

from trailhouse.sinks.clickhouse import Client
from trailhouse.sinks.org_settings import OrgSettings, org_settings, set_org_settings


def test_the_latest_word_counts(database: Client) -> None:
    """By organisation and by company; of whom nothing is said, nothing is told."""
    first = OrgSettings("acme", "UTC", 0, "Acme Inc")
    later = OrgSettings("acme", "Asia/Kathmandu", 7, "Acme Inc")
    other = OrgSettings("beta", company="O'Neill \\ Sons")
    for each in (first, later, other):
        set_org_settings(database, each)
    assert org_settings(database) == [later, other]
    assert org_settings(database, ["beta", "gamma"]) == [other]
    assert org_settings(database, []) == []
    assert org_settings(database, company="Acme Inc") == [later]
    assert org_settings(database, company=other.company) == [other]
    assert org_settings(database, company="Nobody") == []
