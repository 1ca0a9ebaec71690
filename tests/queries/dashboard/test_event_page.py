"""The page of one event: what it shows to whom, and where the event went."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

import pytest
from tests.house import MASKED, ORG, House

from trailhouse.queries.dashboard import event_page
from trailhouse.queries.key import EVERY_ORG
from trailhouse.sinks.trace import Step, Way


def test_one_event_with_its_tags_and_where_it_went(company: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is known of it, which personal data it held; that Kafka is away keeps nothing else back."""
    monkeypatch.setattr(event_page, "PATIENCE_S", 0.2)
    with company.visitor() as client:
        page = client.get(f"log?org={ORG}&action=user%3Alogin").text
        (event_id, *_) = re.findall(r"/org/dashboard/log/([0-9a-f-]{36})", page)
        company.recorded.take()
        event = client.get(f"log/{event_id}?org={ORG}")
        assert event.status_code == 200
        assert event_id in event.text
        assert 'class="badge pii"' in event.text
        assert "It cannot be told now" in event.text
        (told,) = company.recorded.take()
        assert (told["action"], told["attributes"]["event"]) == ("event:trace", event_id)
        assert client.get(f"log/00000000-0000-7000-8000-000000000000?org={ORG}").status_code == 404
        assert client.get(f"log/odd?org={ORG}").status_code == 400
    with company.visitor(MASKED) as client:
        masked = client.get(f"log/{event_id}?org={ORG}")
        assert "<dt>actor_email</dt>" in event.text
        assert "<dt>actor_email</dt>" not in masked.text
        assert "@example.com" not in masked.text


def test_an_event_before_somebody_who_may_see_several_organizations(
    company: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The choice of organizations stands above it."""
    monkeypatch.setattr(event_page, "PATIENCE_S", 0.2)
    with company.visitor(orgs=(EVERY_ORG,)) as client:
        (event_id, *_) = re.findall(r"/org/dashboard/log/([0-9a-f-]{36})", client.get(f"log?org={ORG}").text)
        event = client.get(f"log/{event_id}?org={ORG}")
    assert event.status_code == 200
    assert "All organizations" in event.text


def test_the_way_of_an_event_step_by_step(company: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """In the page's time zone, to the millisecond, each step with what it took; a clock that is behind is said to be."""
    at = datetime(2026, 3, 11, 23, 30, tzinfo=UTC)
    moments = (
        at - timedelta(days=93),
        at,
        at - timedelta(milliseconds=5),
        at.replace(tzinfo=None) + timedelta(seconds=1),
    )
    names = ("occurred", "received", "enriched", "stored")
    steps = tuple(Step(name, each, f"place of {name}") for name, each in zip(names, moments, strict=True))
    ways = [
        Way(ORG, "stored", (*steps, Step("became", None, "stored"))),
        Way(ORG, "repeat", (Step("received", at), Step("became", None, "repeat", "came first at 0/1"))),
    ]
    monkeypatch.setattr(event_page, "trace", lambda *_: ways)
    with company.visitor() as client:
        (event_id, *_) = re.findall(r"/org/dashboard/log/([0-9a-f-]{36})", client.get(f"log?org={ORG}").text)
        page = client.get(f"log/{event_id}?org={ORG}&timezone=Asia/Tehran").text
        told = " ".join(re.sub(r"<[^>]*>", " ", page).split())
    assert "Copy 1 of 2: stored" in told
    assert "received 2026-03-12 03:00:00.000 after 93.0 d place of received" in told
    assert "enriched 2026-03-12 02:59:59.995 0.005 s earlier, by its own clock place of enriched" in told
    assert "stored 2026-03-12 03:00:01.000 after 1.005 s place of stored" in told
    assert "Copy 2 of 2: repeat received 2026-03-12 03:00:00.000 became repeat came first at 0/1" in told
    assert "Asia/Tehran" in told
    assert f'href="/org/dashboard/log?org={ORG}&amp;timezone=Asia%2FTehran"' in page
