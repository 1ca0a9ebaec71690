"""`GET /admin/audit_logs` over HTTP: the requests of W&B's page as curl sends them, and what must come back."""

from __future__ import annotations

import base64
import gzip
import socket
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

import httpx
import orjson
import pytest
from tests.databases import Databases
from tests.queries.auditing import KEYS, PERSONAL, entry, imagine, order, store
from tests.queries.keyring import bearer, give
from tests.queries.recording import Recorded
from tests.queries.serving import NO_KAFKA, problem, serving

from trailhouse.queries import api_audit
from trailhouse.queries.api_audit import accepts_gzip
from trailhouse.queries.audit_read import read_days
from trailhouse.queries.key import Scope
from trailhouse.queries.settings import ApiSettings
from trailhouse.sinks.clickhouse import Client
from trailhouse.sinks.settings import ClickHouseSettings

PATH = "/admin/audit_logs"
ADMINS = (Scope.AUDIT_READ, Scope.AUDIT_READ_PII)


@dataclass(frozen=True)
class Served:
    """An API, its database, and what it records of itself."""

    http: httpx.Client
    client: Client
    recorded: Recorded
    settings: ClickHouseSettings
    org: str = ""

    @property
    def port(self) -> int:
        return self.http.base_url.port or 0

    def get(self, key: str, query: str = "", **headers: str) -> httpx.Response:
        return self.http.get(f"{PATH}?{query}" if query else PATH, headers=bearer(key) | headers)


@contextmanager
def served(settings: ClickHouseSettings, client: Client, **asked: Any) -> Iterator[Served]:
    recorded = Recorded()
    with serving(
        ApiSettings(clickhouse=settings, kafka=NO_KAFKA, keys_ttl_s=0.0, **asked), recorded=recorded
    ) as http:
        yield Served(http, client, recorded, settings)


@pytest.fixture(scope="module")
def shared(databases: Databases) -> Iterator[Served]:
    """One API for all tests here; each has an organisation of its own."""
    with databases.lend() as (settings, client), served(settings, client) as found:
        yield found


@pytest.fixture
def api(shared: Served) -> Served:
    shared.recorded.take()
    return replace(shared, org=f"org-{uuid.uuid4().hex[:8]}")


def entries(answer: httpx.Response) -> list[dict[str, Any]]:
    assert answer.status_code == 200, answer.text
    return [orjson.loads(line) for line in answer.content.split(b"\n") if line]


def curl(port: int, path: str, credentials: str) -> tuple[bytes, bytes]:
    """(head, body) of the answer to what `curl -u USER:KEY URL` sends, byte for byte."""
    token = base64.b64encode(credentials.encode())
    sent = b"GET %s HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nAuthorization: Basic %s\r\nUser-Agent: curl/8.5.0\r\nAccept: */*\r\n\r\n"
    with socket.create_connection(("127.0.0.1", port), timeout=20) as connection:
        connection.sendall(sent % (path.encode(), port, token))
        data = b""
        while b"\r\n0\r\n\r\n" not in data and not (
            b"content-length" in data.lower() and data.endswith(b"}")
        ):
            part = connection.recv(65536)
            assert part, data
            data += part
    head, _, body = data.partition(b"\r\n\r\n")
    if b"transfer-encoding: chunked" not in head.lower():
        return head, body
    whole = b""
    while body:
        size, _, body = body.partition(b"\r\n")
        whole, body = whole + body[: int(size, 16)], body[int(size, 16) + 2 :]
    return head, whole


def test_the_requests_of_the_page_as_curl_sends_them(api: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    """Today's log, the last week's without people, a given day's and those before it: newline-separated JSON."""
    today = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    monkeypatch.setattr(api_audit, "today", today.date)  # midnight may come while this runs
    events = [
        event
        | {"occurred_at": (today - timedelta(days=days, milliseconds=-1)).isoformat().replace("+00:00", "Z")}
        for event, days in zip(imagine(Random(2), 9, api.org), (0, 0, 1, 2, 6, 7, 8, 9, 30), strict=True)
    ]
    store(api.client, events)
    _, key = give(api.client, [api.org], ADMINS, username="demo")
    start = (today - timedelta(days=1)).date()
    for query, ages, read_pii in (
        ("", {0}, True),
        ("?numDays=0", {0}, True),
        ("?anonymize=true&numDays=7", {0, 1, 2, 6, 7}, False),
        (f"?startDate={start}", {1}, True),
        (f"?anonymize=true&startDate={start}&numdays=6", {1, 2, 6, 7}, False),
    ):
        head, body = curl(api.port, PATH + query, f"demo:{key}")
        assert head.startswith(b"HTTP/1.1 200 OK\r\n")
        assert b"content-type: application/x-ndjson" in head.lower()
        wanted = [
            entry(event, read_pii=read_pii)
            for event in sorted(events, key=order)
            if (today - datetime.fromisoformat(event["occurred_at"])).days + 1 in ages
        ]
        found = [orjson.loads(line) for line in body.split(b"\n") if line]
        assert sorted(found, key=orjson.dumps) == sorted(wanted, key=orjson.dumps), query


def test_the_example_credentials_are_read_as_the_page_says(api: Served) -> None:
    """`demo:p@55w0rd` is `ZGVtbzpwQDU1dzByZA==`; nobody has that key here, so it is 401 and not a misread header."""
    assert base64.b64encode(b"demo:p@55w0rd") == b"ZGVtbzpwQDU1dzByZA=="
    head, body = curl(api.port, PATH, "demo:p@55w0rd")
    assert head.startswith(b"HTTP/1.1 401 ")
    assert orjson.loads(body)["detail"] == "this key is not valid"


def test_without_a_key_there_is_no_audit_log(api: Served) -> None:
    """Also where reports are open to everybody on this machine."""
    problem(api.http.get(PATH), 401)
    assert api.http.get("/api/v1/reports").status_code == 200


@pytest.mark.parametrize(
    ("scopes", "status"),
    [
        ((Scope.REPORTS_READ,), 403),
        ((Scope.EVENTS_WRITE,), 403),
        ((Scope.AUDIT_READ_PII,), 403),
        ((Scope.AUDIT_READ,), 200),
        ((Scope.ADMIN,), 200),
    ],
)
def test_only_those_who_may(api: Served, scopes: tuple[Scope, ...], status: int) -> None:
    """WA5: the right to read the audit log, or 403; the refusal is recorded."""
    _, key = give(api.client, [api.org], scopes)
    answer = api.get(key)
    assert answer.status_code == status
    (told,) = api.recorded.take()
    assert told["action"] == ("audit:read" if status == 200 else "access:denied")
    assert told["org_id"] == api.org


def test_several_organisations_need_a_default_one(api: Served) -> None:
    """W&B's words; `org` names one, a default one serves; a foreign one is 403 and recorded."""
    _, key = give(api.client, [api.org, "beta"], ADMINS)
    body = problem(api.get(key), 400)
    assert body["detail"] == (
        "user is associated with multiple organizations but no valid org ID found in user info"
    )
    assert api.get(key, "org=beta").headers["x-trailhouse-org"] == "beta"
    _, routed = give(api.client, [api.org, "beta"], ADMINS, default_org="beta")
    assert api.get(routed).headers["x-trailhouse-org"] == "beta"
    api.recorded.take()
    problem(api.get(key, "org=gamma"), 403)
    assert [each["action"] for each in api.recorded.take()] == ["access:denied", "access:denied"]


def test_anonymised_is_anonymised_in_every_format(api: Served) -> None:
    """No personal value of any event is in any byte of any anonymised answer, whoever asks."""
    plain = {name: f"canary-{name}" for name in KEYS if name in PERSONAL} | {
        "event_id": "01920f0e-7c5a-4b3e-8f43-0123456789ab",
        "occurred_at": "2026-02-27T10:00:00.000Z",
        "org_id": api.org,
        "action": "artifact:read",
        "actor_name": "canary-name",
        "entity_asset": "canary-asset@example.org",
        "changes": {"x": {"before": "canary-before", "after": "canary-after"}},
        "attributes": {
            "email": "canary-attribute",
            "note": "ask canary@example.org",
            "password": "canary-secret",
        },
    }
    store(api.client, [plain])
    _, admin = give(api.client, [api.org], ADMINS)
    _, reader = give(api.client, [api.org], (Scope.AUDIT_READ,))
    for form in ("ndjson", "csv", "parquet"):
        query = f"startDate=2026-02-27&format={form}"
        assert (b"canary" in api.get(admin, query).content) is True
        for answer in (api.get(admin, f"{query}&anonymize=true"), api.get(reader, query)):
            assert answer.status_code == 200
            assert answer.headers["x-trailhouse-anonymized"] == "true"
            assert len(answer.content) > 50
            assert b"canary" not in answer.content


def test_gzip_for_those_who_ask(api: Served) -> None:
    """The same bytes inside."""
    store(api.client, imagine(Random(4), 200, api.org))
    _, key = give(api.client, [api.org], ADMINS)
    query = "startDate=2026-03-01&numDays=5"
    plain = api.get(key, query, **{"accept-encoding": "identity"})
    assert "content-encoding" not in plain.headers
    with api.http.stream(
        "GET", f"{PATH}?{query}", headers=bearer(key) | {"accept-encoding": "gzip"}
    ) as answer:
        packed = b"".join(answer.iter_raw())
    assert answer.headers["content-encoding"] == "gzip"
    assert len(packed) < len(plain.content) / 2
    assert gzip.decompress(packed) == plain.content


@pytest.mark.parametrize(
    ("header", "wanted"),
    [
        ("", False),
        ("gzip", True),
        ("br, GZIP;q=0.5", True),
        ("gzip;q=0", False),
        ("identity", False),
        ("x-gzip", False),
    ],
)
def test_accept_encoding(header: str, *, wanted: bool) -> None:
    """As RFC 9110 has it, for the one encoding there is."""
    assert accepts_gzip(header) is wanted


@pytest.mark.parametrize("form", ["csv", "parquet"])
def test_files_have_names_and_are_exports(api: Served, form: str) -> None:
    """And are recorded as what they are, with the days and whether people were shown."""
    _, key = give(api.client, [api.org], ADMINS)
    answer = api.get(key, f"startDate=2026-02-28&numDays=1&format={form}")
    assert answer.headers["content-disposition"] == (
        f'attachment; filename="audit_logs_2026-02-27_2026-02-28.{form}"'
    )
    (told,) = api.recorded.take()
    assert (told["action"], told["actor_user_id"]) == ("export:create", "demo")
    assert told["attributes"] | {"key_id": ""} == {
        "key_id": "",
        "log": "audit_logs",
        "format": form,
        "first_day": "2026-02-27",
        "last_day": "2026-02-28",
        "pii_shown": True,
    }


def test_saas(api: Served) -> None:
    """Seven days at most, people always, only for the Enterprise plan, 403 for those who may not see people."""
    events = imagine(Random(6), 60, api.org)
    store(api.client, events)
    _, admin = give(api.client, [api.org], ADMINS)
    _, reader = give(api.client, [api.org], (Scope.AUDIT_READ,))
    _, free = give(api.client, ["beta"], ADMINS)
    with served(api.settings, api.client, profile="saas", enterprise_orgs=f"{api.org}, gamma") as saas:
        found = entries(saas.get(admin, "anonymize=true&startDate=2026-03-08&numDays=9"))
        days = {"2026-03-01"}
        assert len(found) == sum(event["occurred_at"][:10] in days for event in events) > 0
        assert any("actor_email" in each for each in found)
        assert problem(saas.get(reader, "anonymize=true"), 403)["title"] == "No audit log"
        assert problem(saas.get(free), 403)["detail"] == "audit logs are available for Enterprise plans only"


def test_a_store_that_is_away_is_503(api: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    """As long as nothing was sent; later the answer ends without its end, and the client knows."""
    store(api.client, imagine(Random(4), 20, api.org))
    _, key = give(api.client, [api.org], ADMINS)
    assert api.get(key, "startDate=2026-03-01&numDays=5").status_code == 200

    def failing(client: Client, selection: object, form: str) -> Iterator[bytes]:
        yield b'{"action":"x"}\n'
        raise StorageUnavailable("gone")

    from trailhouse.queries.errors import StorageUnavailable

    monkeypatch.setattr(api_audit, "read_days", failing)
    with pytest.raises(httpx.RemoteProtocolError):
        api.get(key)
    monkeypatch.setattr(api_audit, "read_days", lambda *_: (_ for _ in ()).throw(StorageUnavailable("gone")))
    problem(api.get(key), 503)


def test_more_streams_than_allowed_wait_and_are_refused(api: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    """A stream that ends, read to its end or not, makes room."""
    store(api.client, imagine(Random(4), 20, api.org))
    _, key = give(api.client, [api.org], ADMINS)
    monkeypatch.setattr("trailhouse.queries.api.STREAM_WAIT_S", 0.1)
    monkeypatch.setattr(api_audit, "AHEAD_BYTES", 1)
    read = read_days

    def endless(*args: Any) -> Iterator[bytes]:
        yield from read(*args)
        while True:
            yield b"\n" * 65536

    with served(api.settings, api.client, audit_streams=1) as one:
        monkeypatch.setattr(api_audit, "read_days", endless)
        with one.http.stream("GET", f"{PATH}?numDays=900", headers=bearer(key)) as answer:
            assert answer.status_code == 200
            problem(one.get(key), 503)
        monkeypatch.setattr(api_audit, "read_days", read)
        answers = (one.get(key).status_code for _ in range(100))
        assert 200 in answers


def test_openapi_tells_the_parameters(api: Served) -> None:
    """For those who make clients from it."""
    operation = api.http.get("/openapi.json").json()["paths"][PATH]["get"]
    assert [each["name"] for each in operation["parameters"]] == [
        "anonymize",
        "numDays",
        "startDate",
        "org",
        "format",
    ]
    assert operation["security"] == [{"bearer": []}, {"basic": []}]
