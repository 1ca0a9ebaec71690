"""The collector over HTTP on real Kafka: what is answered is there, what is refused is not."""

from __future__ import annotations

import gzip
import json
import os
import re
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from tests.queries.collecting import AT, PATH, Topic, collecting
from tests.queries.conftest import World
from tests.queries.keyring import bearer, give
from tests.queries.recording import Recorded
from tests.queries.serving import NO_KAFKA, problem, serving

from trailhouse.deploy.kafka import LocalKafka
from trailhouse.queries.key import Scope
from trailhouse.queries.settings import ApiSettings

GOOD = {"action": "project:delete", "actor_email": "alice@example.com"}
NDJSON = {"Content-Type": "application/x-ndjson"}
GZIP = {"Content-Type": "application/json", "Content-Encoding": "gzip"}


@pytest.fixture(scope="module")
def topic(kafka_broker: LocalKafka) -> Topic:
    return Topic(kafka_broker.bootstrap)


@pytest.fixture(scope="module")
def client(world: World, topic: Topic) -> Iterator[httpx.Client]:
    with collecting(
        topic, world.settings, world.client, events_body_bytes=1 << 20, events_items=2_000
    ) as client:
        yield client


@pytest.fixture(autouse=True)
def read_before(request: pytest.FixtureRequest) -> None:
    """A test sees its own events only."""
    if "topic" in request.fixturenames:
        request.getfixturevalue("topic").read()


def held(client: httpx.Client) -> float:
    (line,) = [
        line
        for line in client.get("/metrics").text.splitlines()
        if line.startswith("trailhouse_api_events_held_bytes ")
    ]
    return float(line.split()[1])


def test_one_event(client: httpx.Client, topic: Topic) -> None:
    """202 when Kafka has it: with the organisation of the key, an id and a time."""
    answer = client.post(PATH, json=GOOD)
    assert answer.status_code == 202
    body = answer.json()
    (event,) = topic.read()
    assert body == {"accepted": 1, "ids": [event["event_id"]], "errors": []}
    assert event | GOOD | {"org_id": "acme"} == event
    assert set(event) == {*GOOD, "org_id", "event_id", "occurred_at"}


def test_a_batch_in_every_form(client: httpx.Client, topic: Topic) -> None:
    """Array and lines, plain and gzip, whole and in chunks: the same events in the same order."""
    batch = [GOOD | {"project_name": f"p{number}"} for number in range(300)]
    array, lines = json.dumps(batch).encode(), b"\n".join(json.dumps(each).encode() for each in batch)
    json_type = {"Content-Type": "application/json; charset=utf-8"}
    for content, headers in (
        (array, json_type),
        (lines, NDJSON),
        (gzip.compress(array, mtime=0), GZIP),
        (gzip.compress(lines, mtime=0), NDJSON | {"Content-Encoding": "gzip"}),
        (iter([array[:1000], array[1000:]]), json_type),
    ):
        answer = client.post(PATH, content=content, headers=headers)
        assert answer.status_code == 202, answer.text
        events = topic.read()
        assert answer.json()["ids"] == [event["event_id"] for event in events]
        assert [event["project_name"] for event in events] == [each["project_name"] for each in batch]


def test_bad_lines_leave_the_good_ones(client: httpx.Client, topic: Topic) -> None:
    """Each error names its line's place, field and rule; ids stand in their places."""
    lines = [
        json.dumps(GOOD),
        "{broken",
        '{"action": 7}',
        "",
        "\xff",
        json.dumps(GOOD | {"org_id": "beta"}),
        json.dumps(GOOD),
    ]
    answer = client.post(PATH, content="\n".join(lines).encode("latin-1"), headers=NDJSON)
    assert answer.status_code == 202
    body, events = answer.json(), topic.read()
    assert body["accepted"] == len(events) == 2
    assert body["ids"] == [events[0]["event_id"], None, None, None, None, events[1]["event_id"]]
    assert [(each["index"], each["status"], each["field"]) for each in body["errors"]] == [
        (1, 422, "event"),
        (2, 422, "action"),
        (3, 422, "event"),
        (4, 403, "org_id"),
    ]


def test_a_foreign_organisation_is_recorded_and_a_good_event_is_not(topic: Topic, world: World) -> None:
    """One record for a request, however many of its events were somebody else's; sending events is no reading."""
    recorded = Recorded()
    with collecting(topic, world.settings, world.client, recorded=recorded) as client:
        assert client.post(PATH, json=[GOOD, *[GOOD | {"org_id": "beta"}] * 3]).status_code == 202
        assert client.post(PATH, json=GOOD).status_code == 202
    (event,) = recorded.take()
    assert (event["action"], event["org_id"]) == ("access:denied", "acme")
    assert (event["attributes"]["rule"], event["attributes"]["events"]) == ("org", 3)
    assert {each["org_id"] for each in topic.read()} == {"acme"}


def test_no_good_event_is_no_success(client: httpx.Client, topic: Topic) -> None:
    """422 with all of it in the problem; 403 where other organisations were the only trouble."""
    body = problem(client.post(PATH, json=[{}, GOOD | {"org_id": "beta"}]), 422)
    assert (body["accepted"], body["ids"]) == (0, [None, None])
    assert [each["status"] for each in body["errors"]] == [422, 403]  # type: ignore[attr-defined]
    for org in ("beta", "nowhere"):
        refused = problem(client.post(PATH, json=GOOD | {"org_id": org}), 403)
        assert refused["errors"] == [
            {"index": 0, "status": 403, "field": "org_id", "rule": "is not an organisation of this key"}
        ]
    assert topic.read() == []


def test_again_with_the_same_idempotency_key(client: httpx.Client, topic: Topic) -> None:
    """The very same events on the topic, byte by byte, so counted once; another key is another event."""
    batch = [GOOD | {"occurred_at": AT}] * 2
    for form in ("k-1", '"k-1"'):
        assert client.post(PATH, json=batch, headers={"Idempotency-Key": form}).status_code == 202
    first, second = topic.read()[:2], topic.read()
    assert second == []
    client.post(PATH, json=batch, headers={"Idempotency-Key": "k-1"})
    assert topic.read() == first
    client.post(PATH, json=batch, headers={"Idempotency-Key": "k-2"})
    assert not {event["event_id"] for event in topic.read()} & {event["event_id"] for event in first}


@pytest.mark.parametrize(
    ("content", "headers", "status"),
    [
        (b"", {"Content-Type": "application/json"}, 400),
        (b"[]", {"Content-Type": "application/json"}, 400),
        (b"\n\n", NDJSON, 400),
        (b"[{]", {"Content-Type": "application/json"}, 400),
        (b"{}", GZIP, 400),
        (gzip.compress(b"{}", mtime=0)[:-3], GZIP, 400),
        (b"{}", {"Content-Type": "application/json", "Idempotency-Key": ""}, 400),
        (b"{}", {"Content-Type": "application/json", "Idempotency-Key": "a b"}, 400),
        (b"{}", {"Content-Type": "application/json", "Idempotency-Key": "a" * 256}, 400),
        (b"a=1", {"Content-Type": "application/x-www-form-urlencoded"}, 415),
        (b"{}", {}, 415),
        (b"{}", {"Content-Type": "application/json", "Content-Encoding": "br"}, 415),
        (b"[" + b"{}," * 2_000 + b"{}]", {"Content-Type": "application/json"}, 413),
        (b"{}\n" * 2_001, NDJSON, 413),
        (b" " * (1 << 20) + b"{}", {"Content-Type": "application/json"}, 413),
        (gzip.compress(b" " * (1 << 20) + b"{}", mtime=0), GZIP, 413),
        (gzip.compress(bytes(64 << 20), mtime=0), GZIP, 413),
        (b"[" + b"{}," * 1_000_000 + b"{}]", {"Content-Type": "application/json"}, 413),
    ],
)
def test_what_cannot_be_read_is_refused_whole(
    client: httpx.Client, topic: Topic, content: bytes, headers: dict[str, str], status: int
) -> None:
    """A problem document, nothing on the topic, and the connection is as good as before."""
    problem(client.post(PATH, content=content, headers=headers), status)
    assert held(client) == 0
    assert topic.read() == []


def test_a_query_parameter_is_refused(client: httpx.Client, topic: Topic) -> None:
    """`?org=globex` passed over would put events where nobody meant them."""
    body = problem(client.post(PATH, params={"org": "globex"}, json=GOOD), 400)
    assert (body["parameter"], body["hint"]) == ("org", "it takes none")
    assert topic.read() == []


def test_a_body_without_a_length_has_the_same_limit(client: httpx.Client) -> None:
    """It is counted as it comes: a stream of valid JSON is refused where it passes the limit."""
    chunks = iter([*[b" " * (1 << 16)] * 32, json.dumps(GOOD).encode()])
    problem(client.post(PATH, content=chunks, headers={"Content-Type": "application/json"}), 413)
    assert held(client) == 0


def test_a_body_that_is_too_large_is_refused_before_it_is_sent(client: httpx.Client) -> None:
    """By its Content-Length alone: a client that asks first (`Expect: 100-continue`) need not send it."""
    with socket.create_connection((client.base_url.host, client.base_url.port or 0), 20) as connection:
        head = (
            f"POST {PATH} HTTP/1.1\r\nHost: localhost\r\nAuthorization: {client.headers['Authorization']}\r\n"
            "Content-Type: application/json\r\nContent-Length: 99999999999\r\nExpect: 100-continue\r\n\r\n"
        )
        connection.sendall(head.encode())
        assert connection.recv(4096).startswith(b"HTTP/1.1 413 ")


def test_who_leaves_in_the_middle_leaves_nothing(client: httpx.Client, topic: Topic) -> None:
    """Half a body is no body, and what it held is given back."""
    line = json.dumps(GOOD).encode() + b"\n"
    for framing, part in (
        ("Content-Length: 100000", line),
        ("Transfer-Encoding: chunked", b"%x\r\n%s\r\n" % (len(line), line)),
    ):
        with socket.create_connection((client.base_url.host, client.base_url.port or 0), 20) as connection:
            head = (
                f"POST {PATH} HTTP/1.1\r\nHost: localhost\r\nAuthorization: {client.headers['Authorization']}\r\n"
                f"Content-Type: application/x-ndjson\r\n{framing}\r\n\r\n"
            )
            connection.sendall(head.encode() + part)
            await_held(client, lambda size: size > 0)
        await_held(client, lambda size: size == 0)
    assert topic.read() == []


def await_held(client: httpx.Client, condition: Any) -> None:
    deadline = time.monotonic() + 30
    while not condition(held(client)):
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_a_key_is_needed_and_its_scope(world: World, client: httpx.Client, topic: Topic) -> None:
    """Also on this machine, where reports are open; before any of the body is read."""
    others = [
        give(world.client, ["acme"], [scope])[1]
        for scope in Scope
        if scope not in {Scope.EVENTS_WRITE, Scope.ADMIN}
    ]
    with httpx.Client(base_url=client.base_url) as bare:
        problem(bare.post(PATH, json=GOOD), 401)
        problem(bare.post(PATH, json=GOOD, headers=bearer("nonsense")), 401)
        for text in others:
            problem(bare.post(PATH, json=GOOD, headers=bearer(text)), 403)
        problem(bare.get(PATH), 401)
        assert bare.put(PATH).status_code == 405
    assert topic.read() == []


def test_a_foreign_host_is_refused_with_the_best_of_keys(client: httpx.Client, topic: Topic) -> None:
    """The guard stands before everything."""
    problem(client.post(PATH, json=GOOD, headers={"Host": "evil.example"}), 421)
    assert topic.read() == []


INJECTIONS = [
    template.format(quote=quote, org="beta")
    for quote in ("'", '"', "`", "\\'", "\u2019", "%27", "&#39;", "''", "\x00", "\r\n")
    for template in (
        "{quote} OR 1=1 --",
        "{org}{quote}",
        "{quote}; DROP TABLE events; --",
        "{quote} UNION SELECT * FROM event_pii --",
        "acme{quote},{quote}org_id{quote}:{quote}{org}",
        "acme{quote}\nX-Org: {org}",
        "{{{{7*7}}}}{quote}${{jndi:ldap://x}}",
        "../../{org}{quote}",
        "=cmd|{quote}/c calc{quote}!A1",
        "<script>{quote}</script>",
        "{quote}\u202e{org}",
        "{org}\u0000{quote}",
        "*{quote}",
        "acme,{org}{quote}",
        "acme {org}{quote}",
        "ACME{quote}",
        "{{org:String}}{quote}",
        "%s%n{quote}",
        "{quote}\ud83d\ude00".encode("utf-16", "surrogatepass").decode("utf-16"),
        "$(id){quote}`id`",
    )
]


@pytest.fixture
def other_client(world: World, topic: Topic) -> Iterator[httpx.Client]:
    """A collector of its own, for what gets this machine's address locked out."""
    with collecting(topic, world.settings, world.client) as client:
        yield client


def test_200_injections_stay_text(other_client: httpx.Client, topic: Topic) -> None:
    """In every field and the headers: refused by a rule, or on the topic as they are, and always of the key's organisation."""
    assert len(INJECTIONS) == 200
    fields = ("actor_name", "org_id", "action", "event_id", "occurred_at", "user_agent")
    places: list[dict[str, Any]] = [{field: text} for field in fields for text in INJECTIONS]
    places += [{text: "x"} for text in INJECTIONS]
    places += [{"attributes": {"page": text, text: "x"}} for text in INJECTIONS]
    lines = [json.dumps({"action": "a:b", "occurred_at": AT} | place) for place in places]
    answer = other_client.post(PATH, content="\n".join(lines), headers=NDJSON)
    assert answer.status_code == 202
    events = topic.read()
    assert len(events) == answer.json()["accepted"] > 200
    assert {event["org_id"] for event in events} == {"acme"}
    texts = {event["actor_name"] for event in events if "actor_name" in event}
    assert texts == {text for text in INJECTIONS if "\x00" not in text}
    assert all(each["field"] != "org_id" or each["status"] in {403, 422} for each in answer.json()["errors"])
    own = {
        b"Content-Type": b"application/json",
        b"Authorization": other_client.headers["Authorization"].encode(),
    }
    names = (b"Idempotency-Key", b"X-Org", b"Content-Type", b"Content-Encoding", b"Authorization")
    for number, text in enumerate(INJECTIONS):
        raw = text.encode().translate(None, b"\r\n\x00").strip()
        headers = own | {names[number % len(names)]: raw}
        body = json.dumps(GOOD | {"occurred_at": AT})
        request = httpx.Request(
            "POST", other_client.base_url.join(PATH), headers=list(headers.items()), content=body
        )
        assert other_client.send(request).status_code in {202, 400, 401, 415, 429}, text
    assert {event["org_id"] for event in topic.read()} <= {"acme"}


def test_metrics_know_no_organisation(client: httpx.Client) -> None:
    """How many, refused why, how long Kafka took: never whose."""
    client.post(PATH, json=[GOOD, {}, GOOD | {"org_id": "beta"}])
    text = client.get("/metrics").text
    for name in (
        "trailhouse_api_events_accepted_total",
        'trailhouse_api_events_refused_total{reason="contract"}',
        'trailhouse_api_events_refused_total{reason="org"}',
        "trailhouse_api_events_ack_seconds_count",
    ):
        (line,) = [line for line in text.splitlines() if line.startswith(name + " ")]
        assert float(line.split()[1]) >= 1
    assert "acme" not in text
    assert "alice" not in text


def run_shell(script: str, client: httpx.Client, world: World, folder: Path) -> list[dict[str, Any]]:
    """Commands of a page as they stand, in one shell, on another port; the JSON objects they print."""
    address, command = str(client.base_url).rstrip("/"), f"{sys.executable} -m trailhouse.deploy"
    script = re.sub(r"\$\((?:\.venv/bin/)?trailhouse ", lambda _: f"$({command} ", script)
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script.replace("http://127.0.0.1:8080", address)],
        cwd=folder,
        env={**os.environ, "TRAILHOUSE_CLICKHOUSE_DSN": world.settings.dsn.reveal()},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr + done.stdout
    return [json.loads(answer) for answer in re.findall(r"\{[^{}]*\}", done.stdout)]


def bash_of(page: str) -> list[str]:
    text = (Path(__file__).parents[2] / page).read_text()
    return re.findall(r"^```bash\n(.*?)^```", text, re.MULTILINE | re.DOTALL)


def test_the_examples_of_its_page_run(
    world: World, client: httpx.Client, topic: Topic, tmp_path: Path
) -> None:
    """Every block of docs/collector.md, one after the other."""
    script = "\n".join(bash_of("docs/collector.md"))
    assert script.count("http://127.0.0.1:8080") == script.count("curl ") == 3
    one, first, second = run_shell(script, client, world, tmp_path)
    assert (one["accepted"], first["accepted"]) == (1, 2)
    assert first == second
    assert [event["event_id"] for event in topic.read()] == one["ids"] + first["ids"] * 2


def test_the_example_of_the_readme_runs(
    world: World, client: httpx.Client, topic: Topic, tmp_path: Path
) -> None:
    """The key that its first line makes is good for its second at once."""
    (script,) = [block for block in bash_of("README.md") if PATH in block]
    (answer,) = run_shell(script, client, world, tmp_path)
    assert [event["event_id"] for event in topic.read()] == answer["ids"]


def test_nothing_personal_is_logged(client: httpx.Client, caplog: pytest.LogCaptureFixture) -> None:
    """Neither of good events nor of bad ones."""
    with caplog.at_level("DEBUG", logger="trailhouse"):
        client.post(PATH, json=[GOOD, GOOD | {"actor_name": ["Alice Canary"]}])
        client.post(
            PATH, content=b'{"actor_name": "Alice Canary"', headers={"Content-Type": "application/json"}
        )
    assert "anary" not in caplog.text
    assert "alice" not in caplog.text


def test_without_kafka_it_says_so_in_time(world: World) -> None:
    """503 with Retry-After after the time set, memory given back; a second key has its own room meanwhile."""
    settings = ApiSettings(
        kafka=NO_KAFKA, clickhouse=world.settings, events_timeout_s=1.0, events_held_bytes=32 << 20
    )
    _, text = give(world.client, ["acme"])
    _, other = give(world.client, ["acme"])
    body = json.dumps([GOOD | {"user_agent": "x" * 4000}] * 1700).encode()
    headers = {"Content-Type": "application/json"}
    with serving(settings) as client:
        answers: list[httpx.Response] = []

        def post(key: str) -> None:
            answers.append(client.post(PATH, content=body, headers=headers | bearer(key)))

        started = time.monotonic()
        problem(client.post(PATH, json=GOOD, headers=bearer(text)), 503)
        assert time.monotonic() - started < 10
        threads = [
            threading.Thread(target=post, args=(key,)) for key in (text, text, text, text, text, other)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        statuses = sorted(answer.status_code for answer in answers)
        assert set(statuses) == {429, 503}
        assert all(answer.headers["retry-after"] for answer in answers)
        (own,) = [each for each in answers if each.request.headers["authorization"] == f"Bearer {other}"]
        assert own.status_code == 503
        assert held(client) == 0
