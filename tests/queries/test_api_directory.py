"""The directory over HTTP: who may see it, what of it, and in which form."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import httpx
import pytest
from tests.queries.conftest import Town
from tests.queries.directory_events import Org, days_ago, invite, view
from tests.queries.keyring import bearer, give
from tests.queries.recording import Recorded
from tests.queries.serving import NO_KAFKA, problem, serving

from trailhouse.queries.directory_export import COLUMNS
from trailhouse.queries.key import Scope
from trailhouse.queries.settings import ApiSettings
from trailhouse.sinks.clickhouse import Client

PATH = "/api/v1/users"
MASKED = (Scope.AUDIT_READ,)
OPEN = (Scope.AUDIT_READ, Scope.AUDIT_READ_PII)


@dataclass
class Api:
    """An API over two organisations, and keys for the first of them."""

    client: httpx.Client
    database: Client
    recorded: Recorded
    org: str
    other: str

    def get(
        self, scopes: tuple[Scope, ...] = OPEN, orgs: tuple[str, ...] = (), **params: str
    ) -> httpx.Response:
        return self.ask(params, scopes, orgs)

    def ask(
        self, params: Mapping[str, str], scopes: tuple[Scope, ...] = OPEN, orgs: tuple[str, ...] = ()
    ) -> httpx.Response:
        _, text = give(self.database, orgs or (self.org,), scopes)
        return self.client.get(PATH, params=params, headers=bearer(text))


@pytest.fixture(scope="module")
def api(town: Town) -> Iterator[Api]:
    one, two = Org.new(town.client), Org.new(town.client)
    one.tell(
        view(days_ago(4), "ann", actor_name="Ann Abel", actor_email="ann@example.org"),
        view(days_ago(3), "boss", actor_name="Bo Ssman", entity_name="Board"),
        view(days_ago(3), "bot", actor_type="service_account"),
        invite(days_ago(2), user_email="mia@example.org"),
    )
    two.tell(view(days_ago(4), "ann", actor_name="Another Ann"))
    recorded = Recorded()
    settings = ApiSettings(clickhouse=town.settings, kafka=NO_KAFKA, keys_ttl_s=0)
    with serving(settings, recorded=recorded) as client:
        yield Api(client, town.client, recorded, one.name, two.name)


def test_who_may_see_what(api: Api) -> None:
    """No key, no directory, also on this machine; names for who may read them, hashes for others, one organisation each."""
    problem(api.client.get(PATH, params={"org": api.org}), 401)
    assert "audit:read" in str(problem(api.get((Scope.REPORTS_READ,)), 403))
    assert [each["user"] for each in api.get().json()["users"]] == ["ann", "boss", "mia@example.org"]
    masked = api.get(MASKED)
    assert all(each["user"].startswith("u_") and each["name"] is None for each in masked.json()["users"])
    assert not any(word in masked.text.lower() for word in ("ann", "mia", "ssman", '"vision"'))
    assert "audit:read_pii" in str(problem(api.get(MASKED, search="ann"), 403))
    foreign, nowhere = api.get(org=api.other), api.get(org="nowhere")
    problem(foreign, 403)
    own_ids = [answer.json()["correlation_id"] for answer in (foreign, nowhere)]
    bare = [answer.text.replace(name, "") for answer, name in zip((foreign, nowhere), own_ids, strict=True)]
    assert bare[0].replace(api.other, "nowhere") == bare[1]
    assert [each["name"] for each in api.get(orgs=(api.org, api.other), org=api.other).json()["users"]] == [
        "Another Ann"
    ]
    problem(api.get(orgs=(api.org, api.other)), 400)


def test_forms_and_pages(api: Api) -> None:
    """JSON pages count all who were found; CSV is W&B's export; JSON lines are the same people."""
    page = api.get(limit="1", offset="1", sort="last_active").json()
    assert (page["total"], page["found"], [each["user"] for each in page["users"]]) == (3, 3, ["ann"])
    assert page["statuses"] == {
        "active": 2,
        "dormant": 0,
        "never_active": 0,
        "invite_pending": 1,
        "deactivated": 0,
    }
    found = api.get(format="csv")
    assert found.headers["content-type"] == "text/csv; charset=utf-8; header=present"
    assert found.headers["content-disposition"].startswith('attachment; filename="users_')
    header, *rows = csv.reader(io.StringIO(found.text, newline=""))
    assert header == list(COLUMNS)
    assert [row[:2] for row in rows] == [["Ann Abel", "ann"], ["Bo Ssman", "boss"], ["", "mia@example.org"]]
    assert [json.loads(line) for line in api.get(format="ndjson").text.splitlines()] == api.get().json()[
        "users"
    ]
    bots = api.get(kind="service_accounts", status="active").json()
    assert [each["user"] for each in bots["users"]] == ["bot"]
    assert [each["user"] for each in api.get(search="MIA").json()["users"]] == ["mia@example.org"]


BAD = (
    {"limit": "0"},
    {"limit": "10001"},
    {"offset": "-1"},
    {"kind": "x"},
    {"status": "-"},
    {"sort": "x"},
    {"timezone": "Mars/Base"},
    {"format": "xml"},
    {"org": "no such/org"},
    {"colour": "red"},
)


def test_what_cannot_be_used_is_400(api: Api) -> None:
    """With the parameter's name; never a guess."""
    named = [problem(api.ask(params), 400)["parameter"] for params in BAD]
    assert named == [name for params in BAD for name in params]


def test_reading_is_recorded(api: Api) -> None:
    """In the log of the organisation, by whom, how many; never what was searched for."""
    api.recorded.take()
    api.get(search="ann")
    api.get(MASKED, format="csv")
    read, exported = api.recorded.take()
    assert (read["action"], read["org_id"], read["actor_user_id"]) == ("directory:read", api.org, "demo")
    assert (read["attributes"]["rows"], read["attributes"]["pii_shown"]) == (1, True)
    assert "ann" not in str(read["attributes"])
    assert (exported["action"], exported["attributes"]["pii_shown"]) == ("export:create", False)
