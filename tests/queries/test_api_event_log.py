"""`GET /api/v1/events` over HTTP: pages, cursors, rights, formats, what is recorded."""

from __future__ import annotations

import csv
import gzip
import io
import uuid
from collections.abc import Iterator
from dataclasses import replace
from random import Random
from typing import Any

import orjson
import pyarrow.parquet
import pytest
from tests.databases import Databases
from tests.queries.auditing import imagine, settle, store
from tests.queries.keyring import bearer, give
from tests.queries.serving import problem
from tests.queries.test_api_audit import ADMINS, Served, served

from trailhouse.queries.audit_cursor import Cursor
from trailhouse.queries.key import Scope
from trailhouse.queries.self_audit import INSTALLATION
from trailhouse.sinks.conflicts import copies

PATH = "/api/v1/events"


@pytest.fixture(scope="module")
def shared(databases: Databases) -> Iterator[Served]:
    """One API for all tests here; each has an organisation of its own."""
    with databases.lend() as (settings, client), served(settings, client) as found:
        yield found


@pytest.fixture
def log(shared: Served) -> tuple[Served, list[dict[str, Any]], str]:
    """The API, an organisation's fifty events, a key that may see everything of it."""
    org = f"org-{uuid.uuid4().hex[:8]}"
    events = imagine(Random(31), 50, org)
    epoch = uuid.uuid4().int % 60_000
    store(shared.client, events, partition=epoch)
    settle(shared.client, 49, partition=epoch)
    _, key = give(shared.client, [org], ADMINS, username="siem")
    shared.recorded.take()
    return replace(shared, org=org), events, key


def read(api: Served, key: str, **params: str) -> Any:
    return api.http.get(PATH, params=params, headers=bearer(key))


def test_pages_follow_one_another(log: Any) -> None:
    """From the beginning to the end by what each answer gives; the end says so, and stays a place to go on from."""
    api, events, key = log
    found, answer = [], read(api, key, limit="20").json()
    while True:
        found += answer["events"]
        if not answer["has_more"]:
            break
        answer = read(api, key, limit="20", cursor=answer["cursor"]).json()
    assert [each["event_id"] for each in found] == [event["event_id"] for event in events]
    again = read(api, key, cursor=answer["cursor"]).json()
    assert (again["events"], again["cursor"], again["has_more"]) == ([], answer["cursor"], False)


def test_of_two_events_with_one_id_the_first_received_is_served(log: Any) -> None:
    """Also where the other names another day; `conflicts` lists both, and which one counts."""
    api, events, key = log
    forged = events[0] | {"occurred_at": "2026-01-01T00:00:00.000Z"}
    partition = uuid.uuid4().int % 60_000
    store(api.client, [forged], partition=partition)
    place = f"epoch-a/{partition}/0"
    settle(api.client, 0, partition=partition)
    for form in ("json", "csv"):
        answer = read(api, key, format=form)
        rows = answer.json()["events"] if form == "json" else list(csv.DictReader(io.StringIO(answer.text)))
        assert len({row["place"] for row in rows}) == len({row["event_id"] for row in rows}) == len(rows)
        assert len(rows) == len(events)
    (original,) = (row["place"] for row in rows if row["event_id"] == forged["event_id"])
    listed = [(each.place, each.kept) for each in copies(api.client) if each.org_id == api.org]
    assert listed == [(original, True), (place, False)]
    days = api.http.get(
        "/admin/audit_logs", params={"startDate": "2026-01-01", "org": api.org}, headers=bearer(key)
    )
    assert (days.status_code, days.content) == (200, b"")


def test_gzip_for_those_who_ask(log: Any) -> None:
    """The same bytes inside; a table is packed in itself."""
    api, _, key = log
    plain = api.http.get(PATH, headers=bearer(key) | {"accept-encoding": "identity"})
    assert "content-encoding" not in plain.headers
    for form, is_packed in (("json", True), ("parquet", False)):
        url = f"{PATH}?format={form}"
        with api.http.stream("GET", url, headers=bearer(key) | {"accept-encoding": "gzip"}) as answer:
            raw = b"".join(answer.iter_raw())
        assert (answer.headers.get("content-encoding") == "gzip") is is_packed
        assert "Accept-Encoding" in answer.headers["vary"]
        if is_packed:
            assert len(raw) < len(plain.content)
            assert gzip.decompress(raw) == plain.content


def test_parquet_pages_follow_one_another(log: Any) -> None:
    """The same events in the same order, also through a filter; the last page has no row and all columns."""
    api, events, key = log
    found, cursor, sizes = [], "", []
    while True:
        asked = {"format": "parquet", "limit": "20", "outcome": "unknown"} | (
            {"cursor": cursor} if cursor else {}
        )
        answer = read(api, key, **asked)
        assert answer.headers["content-type"] == "application/vnd.apache.parquet"
        table = pyarrow.parquet.read_table(io.BytesIO(answer.content))
        found += table.to_pylist()
        sizes.append(table.num_rows)
        cursor = answer.headers["x-trailhouse-cursor"]
        if not table.num_rows:
            break
    wanted = [event["event_id"] for event in events if "response_code" not in event]
    assert [row["event_id"] for row in found] == wanted
    assert (sizes[0], table.column_names) == (20, list(found[0]))
    assert read(api, key, format="parquet", limit="20").headers["x-trailhouse-more"] == "true"
    assert {told["action"] for told in api.recorded.take()} == {"export:create"}


def test_now_begins_behind_what_there_is(log: Any) -> None:
    """For whoever wants no history."""
    api, _, key = log
    answer = read(api, key, cursor="now").json()
    assert (answer["events"], answer["has_more"]) == ([], False)
    assert read(api, key, cursor=answer["cursor"]).json()["events"] == []


def test_lines_and_csv_carry_the_cursor_in_headers(log: Any) -> None:
    """The same events; `Link` is the next request as it must be asked."""
    api, events, key = log
    answer = read(api, key, format="ndjson", limit="30", outcome="unknown")
    lines = [orjson.loads(line) for line in answer.content.split(b"\n") if line]
    wanted = [event["event_id"] for event in events if "response_code" not in event]
    assert answer.headers["x-trailhouse-more"] == "false"
    assert [line["event_id"] for line in lines] == wanted
    first = read(api, key, format="csv", limit="30")
    rows = list(csv.DictReader(io.StringIO(first.text, newline="")))
    assert first.headers["x-trailhouse-more"] == "true"
    url = first.headers["link"].removeprefix("<").partition(">")[0]
    rest = api.http.get(url, headers=bearer(key))
    assert rest.headers["content-type"].startswith("text/csv")
    rows += list(csv.DictReader(io.StringIO(rest.text, newline="")))
    assert [row["event_id"] for row in rows] == [event["event_id"] for event in events]


def test_a_cursor_of_another_organisation_is_refused(log: Any) -> None:
    """Whatever it says, it gives no right; the refusal is recorded, and names the organisation that was tried."""
    api, _, key = log
    foreign = Cursor("victim", {}).to_text()
    problem(read(api, key, cursor=foreign), 403)
    problem(read(api, key, org="victim"), 403)
    told = api.recorded.take()
    assert [(each["action"], each["attributes"]["asked_org"]) for each in told] == [
        ("access:denied", "victim")
    ] * 2
    _, both = give(api.client, [api.org, "victim"], ADMINS)
    assert problem(read(api, both, cursor=foreign, org=api.org), 400)["parameter"] == "org"
    assert read(api, both, cursor=foreign).json()["events"] == []


def test_who_may_not_see_people_sees_none(log: Any) -> None:
    """Masked by the key or on request; people cannot be asked for by name either."""
    api, _, key = log
    _, reader = give(api.client, [api.org], (Scope.AUDIT_READ,))
    for answer in (read(api, reader), read(api, key, anonymize="true")):
        assert answer.headers["x-trailhouse-anonymized"] == "true"
        assert "@example.org" not in answer.text
        assert not {name for each in answer.json()["events"] for name in each} & {
            "actor_email",
            "actor_ip",
            "changes",
        }
    assert "@example.org" in read(api, key).text
    assert problem(read(api, reader, actor="mia@example.org"), 400)["parameter"] == "actor"


@pytest.mark.parametrize(
    ("params", "name"),
    [
        ({"cursor": "made-up"}, "cursor"),
        ({"limit": "0"}, "limit"),
        ({"limit": "10001"}, "limit"),
        ({"colour": "red"}, "colour"),
        ({"anonymize": "1"}, "anonymize"),
        ({"since": "x"}, "since"),
        ({"format": "xml"}, "format"),
    ],
)
def test_what_cannot_be_used_is_a_clear_problem(log: Any, params: dict[str, str], name: str) -> None:
    """By its name."""
    api, _, key = log
    assert problem(read(api, key, **params), 400)["parameter"] == name


def test_each_request_is_one_record(log: Any) -> None:
    """What was read and how much, with the names of the filters and never what was searched for."""
    api, _, key = log
    read(api, key, q="mia@example.org", limit="5")
    (told,) = api.recorded.take()
    assert (told["action"], told["org_id"], told["actor_user_id"]) == ("audit:read", api.org, "siem")
    assert {**told["attributes"], "key_id": ""} == {
        "key_id": "",
        "log": "events",
        "format": "json",
        "filters": "q",
        "rows": 5,
        "pii_shown": True,
    }
    assert "mia" not in str(told)


def test_a_key_and_its_scope_are_needed(log: Any) -> None:
    """401 without one, 403 with one for something else."""
    api, _, _ = log
    problem(api.http.get(PATH), 401)
    _, writer = give(api.client, [api.org], (Scope.EVENTS_WRITE,))
    problem(read(api, writer), 403)


def test_a_cursor_made_up_is_400(log: Any) -> None:
    """A lone surrogate is valid JSON, and nothing that a store could be asked for."""
    api, _, key = log
    assert (
        problem(read(api, key, cursor="WzEsImFjbWUiLFtbIlx1ZDgwMCIsMCwwXV1d"), 400)["parameter"] == "cursor"
    )


@pytest.mark.parametrize("path", [PATH, "/admin/audit_logs"])
def test_an_organisation_that_can_be_none(shared: Served, path: str) -> None:
    """Refused for who may read all, whatever bytes they send."""
    _, key = give(shared.client, ["*"], ADMINS)
    for org in ("%E2%82%AC", "%ed%a0%80", "a%0d%0aX-Evil:1", "%00"):
        answer = shared.http.get(f"{path}?org={org}", headers=bearer(key))
        assert problem(answer, 400)["parameter"] == "org"
        assert "x-evil" not in answer.headers


@pytest.mark.parametrize("path", [PATH, "/admin/audit_logs"])
def test_asking_for_an_organisation_makes_none(log: Any, path: str) -> None:
    """One that nobody has heard of is recorded in the installation's log, as a word; one that is there in its own."""
    api, _, _ = log
    _, key = give(api.client, ["*"], ADMINS)
    api.recorded.take()
    for org in ("ghost", api.org):
        assert api.http.get(path, params={"org": org}, headers=bearer(key)).status_code == 200
    _, own = give(api.client, ["newborn"], ADMINS)
    assert api.http.get(path, headers=bearer(own)).status_code == 200
    told = [(each["org_id"], each["attributes"].get("asked_org")) for each in api.recorded.take()]
    assert told == [(INSTALLATION, "ghost"), (api.org, None), ("newborn", None)]
