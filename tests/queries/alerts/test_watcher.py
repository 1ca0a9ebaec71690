"""Alerts over a real store: every stored event judged once, whatever dies in between."""

from __future__ import annotations

import random
from typing import Any

import pytest
from tests.queries.alerts.test_figures import ENDLESS
from tests.queries.alerts.yard import Yard
from tests.stream.otlp_collector import collecting, traced

from trailhouse.queries.alerts import watcher as module
from trailhouse.queries.alerts.table import load_steps, save_sendings, save_step
from trailhouse.queries.alerts.watcher import LostLead
from trailhouse.queries.audit_page import read_page
from trailhouse.queries.errors import StorageUnavailable
from trailhouse.queries.store import our_errors


def test_an_event_is_told_of_once_and_only_what_is_stored_for_good(yard: Yard) -> None:
    """From when the alert was made; another organisation's events are none of its business; late ones are."""
    yard.land({"action": "project:delete"})
    yard.webhook("https://hooks.example.org/x")
    yard.alert(action="project:delete", quiet="0")
    yard.watcher.look()
    assert yard.notices() == []
    late = {"action": "project:delete", "occurred_at": "2020-01-01T00:00:00.000Z"}
    yard.land(late, {"action": "page:view"}, late | {"org_id": "somebody-else"}, is_settled=False)
    yard.watcher.look()
    assert yard.notices() == []
    yard.settle()
    yard.watcher.look()
    (notice,) = yard.notices()
    assert (notice["kind"], notice["count"], notice["status"]) == ("event", 1, "pending")
    yard.watcher.look()
    assert yard.new_watcher().look() is False
    assert len(yard.notices()) == 1


def test_a_look_that_found_something_is_a_span(yard: Yard, monkeypatch: pytest.MonkeyPatch) -> None:
    """What it judged, how many matched, what it says; one that fails is, too, and idle ones, one a second, are not."""
    yard.webhook("https://hooks.example.org/x")
    yard.alert(quiet="0")
    with collecting() as collector:
        with traced(collector.url, "alerts"):
            yard.watcher.look()
            yard.land({"actor_email": "canary@leak.example"}, {}, {"actor_user_id": "canary"})
            yard.watcher.look()
            yard.watcher.look()
            with monkeypatch.context() as patch, pytest.raises(StorageUnavailable):
                patch.setattr(module, "load_alerts", _away)
                yard.watcher.look()
        *found, failed = collector.named("alerts look")
        assert b"canary" not in b"".join(collector.bodies)
    assert [
        each.attributes["trailhouse.events"] for each in found if each.attributes["trailhouse.notices"]
    ] == [3]
    assert all(each.attributes["trailhouse.alerts"] == 1 for each in found)
    assert failed.attributes == {"error.type": "StorageUnavailable"}


def _away(*_: object) -> None:
    raise StorageUnavailable("ClickHouse is away: canary")


@pytest.mark.parametrize("dies_at", ["before the step", "after the step"])
def test_who_dies_around_a_step_says_it_once(
    yard: Yard, monkeypatch: pytest.MonkeyPatch, dies_at: str
) -> None:
    """Before it nothing was said; after it the same notice is copied again under the same id."""
    yard.webhook("https://hooks.example.org/x")
    yard.alert(quiet="1h", group_by="action")
    yard.land({}, {})

    def die(*_: object) -> None:
        raise StorageUnavailable("killed here")

    with monkeypatch.context() as patch:
        patch.setattr(module, "save_step" if dies_at.startswith("before") else "save_sendings", die)
        with pytest.raises(StorageUnavailable):
            yard.watcher.look()
    assert yard.notices() == []
    decided = [each for step in load_steps(yard.client).values() for each in step.notices]
    assert len(decided) == (dies_at == "after the step")
    yard.now += 5
    yard.land({"action": "user:login"})
    yard.new_watcher().look()
    (notice,) = yard.notices()
    assert notice["count"] == (3 if dies_at.startswith("before") else 2)
    if decided:
        assert notice["id"] == decided[0].notice_id


def test_deaths_anywhere_lose_and_double_nothing(yard: Yard, monkeypatch: pytest.MonkeyPatch) -> None:
    """Events of three partitions in any order, a death at every third writing: each is counted once."""
    chance = random.Random(3)
    yard.webhook("https://hooks.example.org/x")
    yard.alert(quiet="0", rate=1000)
    sent, deaths = 0, 0
    saves = save_step, save_sendings
    for number in range(10):
        partition = chance.randrange(3)
        count = chance.randrange(1, 4)
        yard.land(*[{} for _ in range(count)], partition=partition, is_settled=chance.random() < 0.7)
        sent += count
        which = chance.randrange(3)
        try:
            with monkeypatch.context() as patch:
                if which < 2:
                    name = ("save_step", "save_sendings")[which]

                    def die(
                        *given: object, save: object = saves[which], after: bool = chance.random() < 0.5
                    ) -> None:
                        if after:
                            save(*given)  # type: ignore[operator] # it is one of the two
                        raise StorageUnavailable("killed here")

                    patch.setattr(module, name, die)
                yard.watcher.look()
        except StorageUnavailable:
            deaths += 1
            yard.watcher = yard.new_watcher()
        yard.now += number
    for partition in yard.landed:
        yard.settle(partition)
    yard.new_watcher().look()
    assert deaths > 2
    assert sum(each["count"] for each in yard.notices()) == sent


def test_thresholds_silence_and_figures_from_a_real_store(yard: Yard) -> None:
    """One of each, told apart by their alerts."""
    yard.webhook("https://hooks.example.org/x")
    many = yard.alert(
        kind="threshold", action="user:login", outcome="failure", window="5m", above=3, group_by="actor"
    )
    gone = yard.alert(kind="absence", action="backup:create", window="1h", quiet="1d")
    figure = yard.alert(kind="threshold", report="events_by_action", figure="events", last="7d", above=4)
    yard.land(*[{"outcome": "failure"} for _ in range(4)], {"outcome": "failure", "actor_user_id": "leo"})
    yard.watcher.look()
    found = {each["alert_id"]: each for each in yard.notices()}
    assert set(found) == {many, figure}
    assert found[many]["count"] == 4
    assert found[many]["group"].startswith("u_")
    assert "mia" not in str(yard.client.query("SELECT * FROM alert_notices").result_rows)
    yard.now += 3601
    yard.watcher.look()
    assert {each["alert_id"] for each in yard.notices()} == {many, figure, gone}


def test_a_report_that_is_no_more_stops_nothing(yard: Yard) -> None:
    """Other alerts go on."""
    yard.webhook("https://hooks.example.org/x")
    yard.alert(kind="threshold", report="active_users", figure="active_users", above=0)
    yard.alert(quiet="0")
    yard.reports.pop("active_users")
    yard.land({})
    yard.watcher.look()
    assert [each["kind"] for each in yard.notices()] == ["event"]


def test_an_alert_that_asks_too_much_rests_and_the_others_go_on(
    yard: Yard, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The engine gives its question up; what came meanwhile is told when it has rested, and once."""
    heavy = True

    def reading(client: Any, cursor: Any, wanted: Any, **more: Any) -> Any:
        if heavy and not wanted.is_open:
            with our_errors():
                client.query(ENDLESS, settings={"max_execution_time": 1})
        return read_page(client, cursor, wanted, **more)

    monkeypatch.setattr(module, "read_page", reading)
    yard.webhook("https://hooks.example.org/x")
    first = yard.alert(outcome="success", quiet="0")
    second = yard.alert(quiet="0")
    yard.land({"outcome": "success"})
    yard.watcher.look()
    assert [each["alert_id"] for each in yard.notices()] == [second]
    heavy = False
    yard.now += 1
    yard.land({"outcome": "success"})
    yard.watcher.look()
    assert [each["alert_id"] for each in yard.notices()] == [second] * 2
    yard.now += module.REST_S
    yard.watcher.look()
    told = [(each["alert_id"], each["count"]) for each in yard.notices()]
    assert sorted(told) == sorted([(first, 2), (second, 1), (second, 1)])


def test_who_leads_no_more_keeps_nothing_of_what_it_read(yard: Yard) -> None:
    """Another process reads the same, and says it once."""
    yard.webhook("https://hooks.example.org/x")
    yard.alert(quiet="0")
    yard.land({})
    late = yard.new_watcher(may=lambda: False)
    with pytest.raises(LostLead):
        late.look()
    assert load_steps(yard.client) == {}
    assert yard.notices() == []
    yard.watcher.look()
    assert [each["count"] for each in yard.notices()] == [1]
