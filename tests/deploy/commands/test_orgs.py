"""`trailhouse orgs` against the real engine."""

from __future__ import annotations

import json

import pytest
from tests.deploy.commands.test_report import call, own_stack
from tests.queries.recording import Recorded

from trailhouse.sinks.clickhouse import Client

__all__ = ["own_stack"]


@pytest.mark.usefixtures("own_stack")
def test_what_is_said_of_an_organisation_decides_its_reports(
    recorded: Recorded, capsysbinary: pytest.CaptureFixture[bytes]
) -> None:
    """Time zone, week and company; what is not named stays; empty takes it back; each change is recorded."""
    listed = call(capsysbinary, "orgs", "list", "--format", "json")
    assert json.loads(listed[1]) == [{"org": "acme", "company": "", "timezone": "", "week_start": ""}]
    said = ("--timezone", "Asia/Kathmandu", "--week-start", "sunday", "--company", "Acme Inc")
    assert call(capsysbinary, "orgs", "set", "--org", "acme", *said)[0] == 0
    assert call(capsysbinary, "orgs", "set", "--org", "acme", "--timezone", "Asia/Tokyo")[0] == 0
    out = call(capsysbinary, "orgs", "list")[1]
    assert out.splitlines()[-1].split() == ["acme", "Acme", "Inc", "Asia/Tokyo", "sunday"]
    january = ("--since", "2026-01-01", "--until", "2026-01-31")
    out = call(capsysbinary, "report", "weekly_active_users", "--company", "Acme Inc", *january)[1]
    assert "2025-12-28" in out
    assert "Asia/Tokyo · stored through" in out
    assert "the time zone of acme · weeks from Sunday, the setting of acme" in out
    cleared = ("--timezone", "", "--week-start", "", "--company", "")
    assert call(capsysbinary, "orgs", "set", "--org", "acme", *cleared)[0] == 0
    assert json.loads(call(capsysbinary, "orgs", "list", "--format", "json")[1])[0]["timezone"] == ""
    changes = [each for each in recorded.take() if each["action"] == "org:update"]
    assert [each["org_id"] for each in changes] == ["acme"] * 3
    assert changes[1]["attributes"]["timezone"] == "Asia/Tokyo"


@pytest.mark.parametrize(
    ("words", "error"),
    [
        (("--timezone", "Berlin"), "--timezone is 'Berlin'"),
        (("--week-start", "funday"), "--week-start is 'funday'"),
        (("--company", " x"), "--company is ' x'"),
        ((), "name --timezone, --week-start or --company"),
    ],
)
def test_what_cannot_be_said_is_refused(
    capsysbinary: pytest.CaptureFixture[bytes], words: tuple[str, ...], error: str
) -> None:
    """Before anything is changed."""
    code, out, err = call(capsysbinary, "orgs", "set", "--org", "acme", *words)
    assert (code, out) == (2, "")
    assert error in err


def test_where_nothing_is_known_it_says_so(
    own_stack: Client, capsysbinary: pytest.CaptureFixture[bytes]
) -> None:
    """An empty list is told in words."""
    own_stack.command("TRUNCATE TABLE action_slots")
    assert call(capsysbinary, "orgs", "list")[2].startswith("no organisation has a stored event")
