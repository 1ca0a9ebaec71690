"""Settings of the archive: what cannot be used is refused by name, and keys do not show."""

from __future__ import annotations

import pytest

from trailhouse.producers import SettingsError
from trailhouse.queries.archive.settings import ArchiveSettings

KEYS = '{"key": "AKIA", "secret": "swordfish"}'


def test_options_are_json_and_secret() -> None:
    settings = ArchiveSettings.from_env({"TRAILHOUSE_ARCHIVE_OPTIONS": KEYS})
    assert settings.target.storage_options == {"key": "AKIA", "secret": "swordfish"}
    assert "swordfish" not in repr(settings)
    assert ArchiveSettings().target.storage_options == {}
    assert (ArchiveSettings().every_s, ArchiveSettings().target.lock_mode) == (600, "COMPLIANCE")


@pytest.mark.parametrize(
    ("name", "value"),
    [("OPTIONS", "[1]"), ("OPTIONS", "{"), ("LOCK_DAYS", "-1"), ("LOCK_MODE", "LEGAL"), ("EVERY_S", "0")],
)
def test_what_cannot_be_used_is_named(name: str, value: str) -> None:
    with pytest.raises(SettingsError, match=f"TRAILHOUSE_ARCHIVE_{name}"):
        ArchiveSettings.from_env({f"TRAILHOUSE_ARCHIVE_{name}": value})
