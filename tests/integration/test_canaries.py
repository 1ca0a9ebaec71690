"""Anonymised means anonymised: a canary in every field of the contract, looked for on every surface without the right."""

from __future__ import annotations

import asyncio
import io
import logging
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any, Final

import orjson
import pytest
from fastapi import FastAPI
from pyarrow import parquet
from tests.queries.asking import Answer, ask, query_of
from tests.queries.keyring import bearer, give
from tests.queries.landing import land_raw
from tests.queries.recording import Recorded
from tests.queries.serving import NO_KAFKA
from tests.stream import factories

from trailhouse.deploy.clickhouse.identities import PERSONAL
from trailhouse.producers import AuditEvent, InvalidEvent, MemoryTransport
from trailhouse.producers.event import FIELDS
from trailhouse.queries.api import create_app
from trailhouse.queries.caller import Caller
from trailhouse.queries.collector import collect
from trailhouse.queries.key import Scope
from trailhouse.queries.render import table
from trailhouse.queries.reports import load
from trailhouse.queries.runner import run
from trailhouse.queries.settings import ApiSettings
from trailhouse.sinks.clickhouse import Client
from trailhouse.sinks.settings import ClickHouseSettings
from trailhouse.stream.letter import Letter

CANARY: Final = "canary"
DAY: Final = factories.RECEIVED.date().isoformat()
#: Personal by their field, so that a plain name is found, too; anything else only where it looks like personal data.
NAMED: Final = tuple(field.name for field in FIELDS if field.is_pii and field.kind == "text")
TEXTS: Final = tuple(field.name for field in FIELDS if field.kind == "text")
ADDRESS: Final = "203.0.113.77"
PHONE: Final = "+1 415 555 0133"
ATTRIBUTES: Final = {
    "page": "/u/canary-page@leak.example",
    "customer_name": "Canary Person",
    "password": "canary-secret",
    "apiKey": "canary-key",
    "note": f"call {PHONE} or canary-note@leak.example",
    "canary-in-a-name@leak.example": "x",
    "from": ADDRESS,
}
CHANGES: Final = {"display": {"before": "Canary Before", "after": "canary-after@leak.example"}}
HIDDEN: Final = (CANARY, ADDRESS, PHONE)


def canaries() -> list[dict[str, Any]]:
    """Two events: an address in each field that takes text, a plain name in each field that is personal by itself."""
    addresses = {name: f"{CANARY}-{name.replace('_', '-')}@leak.example" for name in TEXTS}
    names = {name: f"Canary {name}" for name in NAMED}
    rest = {"attributes": ATTRIBUTES, "changes": CHANGES, "actor_ip": ADDRESS, "actor_type": "user"}
    made = [
        {**addresses, **rest, "action": "invite canary-action@leak.example"},
        {**names, **rest, "action": "team:invite_user"},
    ]
    return [
        factories.event(event_id=f"01920f0e-7c5a-7b3e-8f43-00000000000{number}", **fields)
        for number, fields in enumerate(made)
    ]


def leaks(text: str | bytes) -> list[str]:
    """What a surface shows that it must not."""
    shown = (text if isinstance(text, str) else text.decode("utf-8", "replace")).lower()
    return [each for each in HIDDEN if each.lower() in shown]


@pytest.fixture
def planted(database: Client, caplog: pytest.LogCaptureFixture) -> Iterator[Client]:
    """The events went through the stream's functions into every table; what was logged meanwhile is looked at, too."""
    caplog.set_level(logging.DEBUG, "trailhouse")
    refused = [
        event
        | {"event_id": f"01920f0e-7c5a-7b3e-8f43-10000000000{number}", "occurred_at": "2999-01-01T00:00:00Z"}
        for number, event in enumerate(canaries())
    ]
    bundle = land_raw(database, [*canaries(), *refused])
    assert len(bundle.dead_letters) == len(refused)
    for dead in bundle.dead_letters:
        _, value, headers = Letter.of(dead).to_record()
        assert leaks(value or b"")  # as it came, on purpose: whoever mends it needs it
        assert not leaks(repr(headers) + dead.detail + dead.reason)
    yield database
    assert not leaks(caplog.text)


def test_only_the_tables_for_it_hold_personal_data(planted: Client) -> None:
    """Every other table and view, column by column, has no canary; the tables for it have them all."""
    tables = [
        row[0]
        for row in planted.query(
            "SELECT name FROM system.tables WHERE database = currentDatabase() AND engine NOT IN ('Null', 'MaterializedView') AND NOT startsWith(name, '.')"
        ).result_rows
    ]
    looked_at = 0
    for name in tables:
        if "{" in planted.query(f"SHOW CREATE TABLE {name}").result_rows[0][0]:
            continue  # a view with parameters shows what the tables it reads from hold
        text = rows_of(planted, name)
        if name in PERSONAL:
            continue
        assert not leaks(text), name
        looked_at += text.count("\n")
    assert looked_at >= 20
    plain = rows_of(planted, "event_pii").lower()
    assert [name for name in TEXTS if f"{CANARY}-{name.replace('_', '-')}@" not in plain] == ["actor_ip"]


def rows_of(client: Client, name: str) -> str:
    """Every row of a table, states of aggregates too, a line each."""
    return client.raw_query(f"SELECT * FROM {name} FORMAT JSONEachRow").decode("utf-8", "replace")


def requests(app: FastAPI) -> Iterator[tuple[str, dict[str, str]]]:
    """Every way to read that the OpenAPI document knows, in every format it has, about the canaries' day."""
    for path, methods in app.openapi()["paths"].items():
        if path.endswith("/explain"):
            continue  # wants a row, which the links of the reports' rows have
        for parameters in [each.get("parameters", []) for method, each in methods.items() if method == "get"]:
            schemas = {each["name"]: each["schema"] for each in parameters}
            params = {"org": "acme"} if "org" in schemas else {}
            params |= {"since": DAY, "until": DAY} if "since" in schemas else {}
            params |= {"startDate": DAY} if "startDate" in schemas else {}
            params |= {"actors": "all"} if "actors" in schemas else {}
            params |= {"kind": "all"} if "kind" in schemas else {}
            for form in schemas.get("format", {}).get("enum", [""]):
                yield path, params | ({"format": form} if form else {})


def first_link(answer: Answer) -> str | None:
    """Where the events behind a report's first row are; None for every other answer."""
    if not answer.headers["content-type"].startswith("application/json"):
        return None
    rows: list[dict[str, str | None]] = orjson.loads(answer.body).get("rows") or [{}]
    return rows[0].get("explain")


def shown(answer: Answer) -> str:
    """An answer as a person would see it; Parquet is packed."""
    if "parquet" in answer.headers.get("content-type", ""):
        return str(parquet.read_table(io.BytesIO(answer.body)).to_pylist())
    return answer.text


# What these keys may not: write events, look at alerts (what those show has tests of its own).
NOT_THEIRS = ("/api/v1/events", "/api/v1/alert")


@pytest.mark.usefixtures("kept_answers")
def test_no_answer_shows_personal_data_without_the_right(
    planted: Client, clickhouse_settings: ClickHouseSettings
) -> None:
    """Every operation in every format, and what is recorded about it; with the right the same surfaces show it."""
    masked = give(planted, ["acme"], [Scope.AUDIT_READ, Scope.REPORTS_READ])[1]
    entitled = give(planted, ["acme"], [Scope.AUDIT_READ, Scope.AUDIT_READ_PII, Scope.REPORTS_READ])[1]
    recorded = Recorded()

    async def read() -> tuple[int, int, set[str]]:
        settings = ApiSettings(clickhouse=clickhouse_settings, kafka=NO_KAFKA, anonymous="false")
        app = create_app(settings, has_watch=False, audit=recorded.audit, transport=MemoryTransport())
        answers, explained, telling = 0, 0, set()
        async with app.router.lifespan_context(app):
            for path, params in requests(app):
                query = query_of(params)
                answer = await ask(app, "get", path, query=query, headers=bearer(masked))
                assert answer.status in {200, 503} or path.startswith(NOT_THEIRS), (path, params, answer.text)
                assert not leaks(shown(answer)), (path, params)
                answers += answer.status == 200
                if link := first_link(answer):
                    behind, _, values = link.partition("?")
                    answer = await ask(app, "get", behind, query=values.encode(), headers=bearer(masked))
                    assert answer.status == 200, (link, answer.text)
                    assert not leaks(shown(answer)), link
                    explained += 1
                if path not in telling:
                    with_right = await ask(app, "get", path, query=query, headers=bearer(entitled))
                    telling |= {path} if leaks(shown(with_right)) else set()
        return answers, explained, telling

    answers, explained, telling = asyncio.run(read())
    assert answers >= 30
    assert explained >= 10
    assert {
        "/admin/audit_logs",
        "/api/v1/events",
        "/api/v1/users",
        "/api/v1/reports/most_active_users",
    } <= telling
    assert not leaks(orjson.dumps(recorded.take()))


def test_no_printed_report_shows_personal_data_without_the_right(planted: Client) -> None:
    """The tables of the command line, `--masked`; those about people name them to whoever may know."""
    told = set()
    for name, report in load().items():
        params = {"org": "acme", "since": DAY, "until": DAY}
        now = factories.RECEIVED + timedelta(hours=1)
        assert not leaks(table(run(planted, report, Caller(orgs=None), params, now=now))), name
        told |= {name} if leaks(table(run(planted, report, Caller.operator(), params, now=now))) else set()
    assert {"most_active_users", "privilege_changes"} <= told


def broken(event: Mapping[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """The event with one field after the other of a kind it may not have, its canary in it."""
    for field in FIELDS:
        if field.name not in InvalidEvent.SHOWN:
            yield field.name, {**event, field.name: [f"{CANARY}-{field.name}@leak.example"]}
            yield field.name, {**event, field.name: f"{CANARY}\x00" * 5000}


def test_no_error_quotes_personal_data(database: Client) -> None:
    """The SDK's, the collector's and the stream's, for every field that may hold any."""
    key, _ = give(database, ["acme"])
    told = 0
    for name, event in broken(canaries()[0]):
        with pytest.raises(InvalidEvent) as caught:
            AuditEvent(**event)
        assert not leaks(f"{caught.value} {caught.value!r}"), name
        (refusal,) = collect([event], replace(key), None).refusals
        assert not leaks(str(refusal.to_dict())), name
        for dead in factories.enrich(orjson.dumps(event)).dead_letters:
            assert not leaks(dead.detail), name
            told += 1
    assert told >= 20
