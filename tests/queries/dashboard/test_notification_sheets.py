"""What the files of the page Notifications hold."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest
from tests.house import ORG, OTHER, House, house, token_of

from trailhouse.producers.settings import Secret
from trailhouse.queries.alerts.settings import NotificationSettings

if TYPE_CHECKING:
    from tests.databases import Databases


@pytest.fixture
def office(databases: Databases) -> Iterator[House]:
    """A small company whose API can keep addresses."""
    own = NotificationSettings(key=Secret("k" * 40))
    with house(databases, people=2, days=1, notifications=own) as made:
        yield made


def test_channels_and_alerts_leave_without_their_secrets(office: House) -> None:
    """What the page shows of them, those of the organisation alone."""
    with office.visitor(orgs=(ORG, OTHER)) as client:
        token = token_of(client.get("notifications", params={"org": ORG}).text)
        form = {"token": token, "org": ORG}
        made = {"do": "channel", "kind": "webhook", "name": "Bot", "url": "https://hooks.example.org/t0ken"}
        assert client.post("notifications", data=form | made).status_code == 200
        (channel,) = client.get(f"sheet/channels.json?org={ORG}").json()["rows"]
        told = {"do": "alert", "name": "Sign-ins", "kind": "event", "action": "user:login"}
        chosen = {f"channel:{channel['channel']}": "on", "quiet": "10m", "rate": "30"}
        answer = client.post("notifications", data=form | told | chosen)
        assert answer.status_code == 303, answer.text
        (alert,) = client.get(f"sheet/alerts.json?org={ORG}").json()["rows"]
        texts = [client.get(f"sheet/{name}.csv?org={ORG}").text for name in ("channels", "alerts", "sent")]
        others = [
            client.get(f"sheet/{name}.json?org={OTHER}").json()["rows"] for name in ("channels", "alerts")
        ]
    assert (channel["name"], channel["kind"]) == ("Bot", "webhook")
    assert (alert["name"], alert["goes_to"], alert["state"]) == ("Sign-ins", "Bot", "active")
    assert not any("t0ken" in text or "whsec_" in text for text in texts)
    assert others == [[], []]
