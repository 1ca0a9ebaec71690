"""What a channel may be, and what of it is shown."""

from __future__ import annotations

from typing import Any

import pytest

from trailhouse.queries.alerts.channel import read_channel
from trailhouse.queries.errors import BadParameter


def test_addresses_are_sealed_and_shown_in_part() -> None:
    """A path of a URL may be a token, an address is a person's."""
    name, kind, shown, kept = read_channel(
        {"name": " Bot ", "url": "https://hooks.example.org/T0/secret?k=1"}
    )
    assert (name, kind, shown) == ("Bot", "webhook", "https://hooks.example.org/…")
    assert kept["url"].endswith("k=1")
    assert kept["secret"] != read_channel({"name": "b", "url": "https://a.example"})[3]["secret"]
    name, kind, shown, kept = read_channel(
        {"name": "Sec", "to": "mia@example.org, leo@example.org,mia@example.org"}
    )
    assert (kind, shown) == ("email", "m…@example.org, l…@example.org")
    assert kept == {"to": ["mia@example.org", "leo@example.org"]}


@pytest.mark.parametrize(
    "given",
    [
        {"name": "", "url": "https://a.example"},
        {"name": "x", "url": "ftp://a.example"},
        {"name": "x", "url": "https://"},
        {"name": "x", "url": "https://user:pw@a.example/"},
        {"name": "x", "url": "https://a.example/\r\nHost: b"},
        {"name": "x", "url": "https://[::1"},
        {"name": "x", "to": "not an address"},
        {"name": "x", "to": "a@b.example\nBcc: c@d.example"},
        {"name": "x", "to": ""},
        {"name": "x", "kind": "slack", "url": "https://a.example"},
        {"name": "x", "url": 3},
        {"name": "x", "url": "https://a.example", "secret": "mine"},
    ],
)
def test_what_no_channel_can_be_is_refused(given: dict[str, Any]) -> None:
    """Headers are not smuggled in, and nobody chooses a secret."""
    with pytest.raises(BadParameter):
        read_channel(given)
