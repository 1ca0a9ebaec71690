"""The tables of alerts: what is written last counts, of each organisation apart."""

from __future__ import annotations

from dataclasses import replace

from tests.queries.alerts.yard import KEY, Yard

from trailhouse.producers.settings import Secret
from trailhouse.queries.alerts.evaluation import Notice
from trailhouse.queries.alerts.seal import Seal
from trailhouse.queries.alerts.slack import SlackApp
from trailhouse.queries.alerts.table import (
    PENDING_EACH_MAX,
    Sending,
    load_app,
    load_channels,
    pending,
    recent,
    save_app,
    save_channel,
    save_sendings,
)


def test_an_older_attempt_never_undoes_a_newer_one(yard: Yard) -> None:
    """Copies of a step's notices come again after a crash."""
    at = int(yard.now * 1000)
    first = Sending(
        yard.org, "ch", "al", Notice("0190c0de-0000-7000-8000-000000000001", "event", at), at, next_at=at
    )
    save_sendings(yard.client, [first])
    assert pending(yard.client) == [first]
    assert pending(yard.client, at + 1) == []
    save_sendings(yard.client, [replace(first, attempts=1, status="delivered")])
    save_sendings(yard.client, [first])
    assert pending(yard.client) == []
    assert [each.status for each in recent(yard.client, yard.org)] == ["delivered"]
    assert recent(yard.client, "another") == []


def test_a_receiver_that_takes_nothing_hides_no_other_ones(yard: Yard) -> None:
    """However many older notices wait for it, in the same organisation or in another one."""
    at = int(yard.now * 1000)

    def sending(org: str, channel: str, number: int) -> Sending:
        notice = Notice(f"0190c0de-0000-7000-8000-{number:012}", "event", at + number)
        return Sending(org, channel, "al", notice, at + number, next_at=at)

    save_sendings(yard.client, [sending("other", "dead", n) for n in range(PENDING_EACH_MAX + 5)])
    save_sendings(yard.client, [sending(yard.org, "ch", 999)])
    found = pending(yard.client)
    assert [each.notice.at - at for each in found] == [*range(PENDING_EACH_MAX), 999]


def test_what_is_secret_is_sealed_and_what_is_gone_is_empty(yard: Yard) -> None:
    """The tables as somebody sees them who reads the disk."""
    yard.webhook("https://hooks.example.org/token-of-mine")
    yard.desk.add_channel(yard.org, yard.by, {"name": "m", "to": "mia@example.org"})
    seal = Seal(KEY)
    save_app(yard.client, SlackApp(yard.org, "1.2", Secret("s3cretsecret"), ("https://x.example",)), seal)
    kept = str(
        [
            yard.client.query(f"SELECT * FROM {table}").result_rows
            for table in ("alert_channels", "slack_apps")
        ]
    )
    for secret in ("token-of-mine", "mia@example.org", "s3cretsecret", "whsec_"):
        assert secret not in kept
    app = load_app(yard.client, yard.org)
    assert app is not None
    assert not app.client_secret
    opened = load_app(yard.client, yard.org, seal)
    assert opened is not None
    assert opened.client_secret.reveal() == "s3cretsecret"
    assert load_app(yard.client, "another") is None
    for each in load_channels(yard.client, yard.org):
        save_channel(yard.client, replace(each, is_deleted=True))
    assert load_channels(yard.client, yard.org) == []
    sealed = yard.client.query("SELECT sealed FROM alert_channels FINAL").result_rows
    assert {row[0] for row in sealed} == {""}
