"""The OpenAPI document is what the API does: requests made from it, good and bad, get answers that it documents."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, TypeAlias

import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from schemathesis import APIOperation, Case, GenerationMode, Response
from schemathesis.checks import not_a_server_error
from schemathesis.core.failures import FailureGroup
from schemathesis.core.result import Ok
from schemathesis.specs.openapi import checks
from tests.queries.keyring import bearer, give
from tests.queries.landing import land_raw
from tests.queries.serving import NO_KAFKA, serving
from tests.stream import factories

from trailhouse.producers import MemoryTransport
from trailhouse.queries.key import Scope
from trailhouse.queries.settings import ApiSettings
from trailhouse.sinks.clickhouse import Client
from trailhouse.sinks.settings import ClickHouseSettings

DOCUMENTED = [
    checks.status_code_conformance,
    checks.content_type_conformance,
    checks.response_headers_conformance,
    checks.response_schema_conformance,
]
# Kafka is away here, and readiness says so, as it should.
UNREADY = "GET /readyz"
REPORTS = "/api/v1/reports/"
#: What is behind a row is asked with values of the row, which no document knows.
OF_A_ROW = "/explain"
ALERT = "/api/v1/alert"
#: A busy machine may let the engine answer late; what stays unavailable is a fault.
RETRIES = 4
#: What a document says nothing of, now and then.
ODD: list[dict[str, str]] = [
    *[{}] * 5,
    {"Host": "elsewhere.example"},
    {"Content-Type": "text/plain"},
    {"Content-Type": "application/x-ndjson"},
]
Request: TypeAlias = Case[Any]
Operation: TypeAlias = APIOperation[Any, Any, Any, Any]


def fit(case: Request) -> None:
    """What no schema can ask for: the organisation of the keys, a time of these days, a body that is as it says."""
    if "org" in case.query:
        case.query["org"] = "acme"
    case.headers.pop("Content-Encoding", None)
    for each in case.body if isinstance(case.body, list) else [case.body]:
        if isinstance(each, dict):
            each |= {"org_id": "acme", "occurred_at": datetime.now(UTC).isoformat()}


@dataclass
class Explorer:
    """Asks what the document allows, and what it does not; keeps the statuses and the faults it met."""

    base_url: str
    keys: tuple[str, ...]
    examples: int
    session: requests.Session = field(default_factory=requests.Session)
    statuses: dict[str, set[int]] = field(default_factory=dict)
    faults: list[str] = field(default_factory=list)

    def explore(self, operation: Operation, mode: GenerationMode) -> None:
        """Nothing is drawn by chance, nothing remembered; only the constants of loaded modules are mixed in."""

        @settings(
            max_examples=self.share(operation),
            derandomize=True,
            database=None,
            deadline=None,
            phases=[Phase.generate],
            suppress_health_check=[
                HealthCheck.too_slow,
                HealthCheck.filter_too_much,
                HealthCheck.data_too_large,
            ],
        )
        @given(
            case=operation.as_strategy(generation_mode=mode),
            key=st.sampled_from(self.keys),
            odd=st.sampled_from(ODD),
            is_fitting=st.booleans(),
        )
        def probe(case: Request, key: str, odd: dict[str, str], is_fitting: bool) -> None:
            if is_fitting:
                fit(case)
            self.ask(case, (bearer(key) if key else {}) | odd)

        probe()

    def share(self, operation: Operation) -> int:
        """Without a parameter or a body one request is like the next; and all reports are served by the same functions."""
        if not inputs_of(operation):
            return 1
        return max(1, self.examples // 8) if operation.path.startswith(REPORTS) else self.examples

    def start(self, operation: Operation) -> None:
        """Requests whose answers are sure, whatever is drawn afterwards."""
        able = bearer(self.keys[0])
        names = {each.name: "al_0123456789ab" for each in operation.path_parameters}
        if not operation.body:
            self.ask(operation.Case(path_parameters=names), able)
            return
        for action, headers in (("user:login", {}), (7, {}), ("user:login", {"Content-Type": "text/plain"})):
            case = operation.Case(
                path_parameters=names, body={"action": action}, media_type="application/json"
            )
            self.ask(case, able | headers)

    def ask(self, case: Request, headers: dict[str, str]) -> None:
        """One request; a fault is kept and not raised, so that all of them are told at once."""
        case.headers.pop("Authorization", None)
        response = self.answer(case, headers)
        label = case.operation.label
        self.statuses.setdefault(label, set()).add(response.status_code)
        wanted = DOCUMENTED if label == UNREADY else [not_a_server_error, *DOCUMENTED]
        try:
            case.validate_response(response, checks=wanted)
        except FailureGroup as found:
            told = f"{label} {case.query} {case.headers} {case.body!r:.80}"
            self.faults += [f"{told}: {each}" for each in found.exceptions]

    def answer(self, case: Request, headers: dict[str, str]) -> Response:
        response = case.call(self.base_url, session=self.session, headers=headers)
        for _ in range(0 if case.operation.label == UNREADY else RETRIES):
            if response.status_code == 503:
                response = case.call(self.base_url, session=self.session, headers=headers)
        return response


def inputs_of(operation: Operation) -> list[Any]:
    """Its parameters and forms of a body."""
    return [*operation.iter_parameters(), *operation.body]


def modes_of(operation: Operation) -> Iterator[GenerationMode]:
    """Without an input there is nothing to get wrong."""
    yield GenerationMode.POSITIVE
    if inputs_of(operation):
        yield GenerationMode.NEGATIVE


@contextmanager
def exploring(database: Client, clickhouse: ClickHouseSettings, examples: int) -> Iterator[Explorer]:
    """An explorer of a served API over a few events, with keys that may do all, some, little, and without one."""
    now = datetime.now(UTC)
    land_raw(
        database,
        [
            factories.event(
                event_id=str(uuid.UUID(int=number, version=4)),
                occurred_at=(now - timedelta(hours=number + 1)).isoformat(timespec="milliseconds"),
                actor_user_id="ann",
            )
            for number in range(5)
        ],
        at=now,
    )
    able = give(database, ["acme"], list(Scope))[1]
    several = give(database, ["acme", "beta"], [Scope.AUDIT_READ, Scope.REPORTS_READ])[1]
    unable = give(database, ["acme"], [Scope.EVENTS_WRITE])[1]
    api = ApiSettings(clickhouse=clickhouse, kafka=NO_KAFKA, anonymous="false", key_rate=0)
    with serving(api, transport=MemoryTransport()) as client:
        explorer = Explorer(str(client.base_url), (able, able, able, several, unable, ""), examples)
        with explorer.session:
            yield explorer


@pytest.mark.usefixtures("kept_answers")
@pytest.mark.parametrize("examples", [8, pytest.param(25, marks=pytest.mark.faults)])
def test_every_answer_is_documented(
    examples: int, database: Client, clickhouse_settings: ClickHouseSettings
) -> None:
    """Status, media type, headers and form of every answer, and no error of the server."""
    with exploring(database, clickhouse_settings, examples) as explorer:
        document = explorer.session.get(f"{explorer.base_url}/openapi.json").json()
        found = list(schemathesis.openapi.from_dict(document).get_all_operations())
        operations = [each.ok() for each in found if isinstance(each, Ok)]
        assert len(operations) == len(found)
        for operation in operations:
            explorer.start(operation)
            for mode in modes_of(operation):
                explorer.explore(operation, mode)
    assert explorer.faults == [], "\n".join(explorer.faults)
    # Every operation was answered as asked at least once, and every kind of mistake was met. An alert and its channel
    # have to be made first: `test_api_alerts.py` does.
    answered = {label for label, seen in explorer.statuses.items() if seen & {200, 202}}
    unmade = {
        each.label
        for each in operations
        if each.path.startswith(ALERT) and ("{" in each.path or each.method.upper() == "POST")
    }
    assert (
        answered
        >= {each.label for each in operations if not each.path.endswith(OF_A_ROW)} - {UNREADY} - unmade
    )
    assert set().union(*explorer.statuses.values()) >= {200, 202, 400, 401, 403, 415, 421, 422}
