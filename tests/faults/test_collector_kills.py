"""The collector killed amid requests, and the broker under it: what senders send again counts once."""

from __future__ import annotations

import json
import os
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from random import Random

import httpx
import pytest
from tests.e2e.pipeline import Pipeline
from tests.queries.collecting import AT, PATH
from tests.queries.keyring import give
from tests.roles import Role, running, wait_for
from tests.sinks.rig import Rig

from trailhouse.deploy.kafka import LocalKafka
from trailhouse.deploy.ports import free_ports

API = "queries.api", "queries.settings", "ApiSettings"
SENDERS, REQUESTS, EVENTS, KILLS = 3, 16, 40, 3


class Sender(threading.Thread):
    """Sends requests in turn, each again with the same Idempotency-Key until it is answered with 202."""

    def __init__(self, name: str, address: str, key: str) -> None:
        super().__init__(daemon=True)
        self._name, self._address, self._key = name, address, key
        self.ids: list[list[str]] = []
        self.again = 0
        self.statuses: set[int] = set()
        self.stopped = threading.Event()

    def run(self) -> None:
        for number in range(REQUESTS):
            body = [
                {
                    "action": "page:view",
                    "occurred_at": AT,
                    "actor_user_id": self._name,
                    "attributes": {"page": f"{number}/{place}"},
                }
                for place in range(EVENTS)
            ]
            headers = {"Authorization": f"Bearer {self._key}", "Idempotency-Key": f"{self._name}-{number}"}
            while not self.stopped.is_set():
                try:
                    answer = httpx.post(self._address + PATH, json=body, headers=headers, timeout=30)
                except httpx.HTTPError:
                    self.again += 1
                    time.sleep(0.05)
                    continue
                self.statuses.add(answer.status_code)
                if answer.status_code == 202:
                    self.ids.append(answer.json()["ids"])
                    break
                self.again += 1
                time.sleep(0.05)


@contextmanager
def sending(count: int, address: str, key: str) -> Iterator[list[Sender]]:
    senders = [Sender(f"sender-{number}", address, key) for number in range(count)]
    for sender in senders:
        sender.start()
    try:
        yield senders
    finally:
        for sender in senders:
            sender.stopped.set()
            sender.join(40)


def api_role(rig: Rig, log: Path, **extra: str) -> tuple[Role, str]:
    (port,) = free_ports(1)
    environ = {
        "TRAILHOUSE_KAFKA_BOOTSTRAP": rig.kafka.bootstrap,
        "TRAILHOUSE_TOPIC_RAW": rig.kafka.raw_topic,
        "TRAILHOUSE_TOPIC_ENRICHED": rig.kafka.enriched_topic,
        "TRAILHOUSE_TOPIC_REJECTED": rig.kafka.rejected_topic,
        "TRAILHOUSE_CLICKHOUSE_DSN": rig.clickhouse.dsn.reveal(),
        "TRAILHOUSE_API_PORT": str(port),
        **extra,
    }
    return Role(API, environ, log), f"http://127.0.0.1:{port}"


def is_alive(address: str) -> bool:
    try:
        return httpx.get(address + "/healthz", timeout=2).status_code == 200
    except httpx.HTTPError:
        return False


def test_killed_amid_requests_each_event_counts_once(rig: Rig, tmp_path: Path) -> None:
    """Through stream and sink to the tables: as many events as were sent, each once, whatever was sent again."""
    pipeline, random = Pipeline(rig, tmp_path), Random(41)
    _, key = give(rig.client, ["acme"])
    api, address = api_role(rig, tmp_path / "api.log")
    with (
        running(api, pipeline.stream, pipeline.sink),
        sending(SENDERS, address, key) as senders,
    ):
        for _ in range(KILLS):
            wait_for(lambda: is_alive(address), 30, "the API answers", api)
            goal = answered(senders) + 3
            wait_for(lambda goal=goal: answered(senders) >= goal, 30, "requests go through", api)  # type: ignore[misc]
            time.sleep(random.random() * 0.05)  # somewhere in a request
            api.kill()
            api.start()
        for sender in senders:
            sender.join(120)
            assert not sender.is_alive()
        sent = {event_id for sender in senders for ids in sender.ids for event_id in ids}
        assert len(sent) == SENDERS * REQUESTS * EVENTS
        assert sum(sender.again for sender in senders) >= KILLS
        wait_for(lambda: stored(rig) == len(sent), 60, "all is stored", pipeline.stream, pipeline.sink)
    found = rig.client.query(
        "SELECT toString(event_id), count() FROM events FINAL GROUP BY event_id"
    ).result_rows
    assert {event_id for event_id, _ in found} == sent
    assert {count for _, count in found} == {1}
    counted = rig.client.query(
        "SELECT uniqExactMerge(events) FROM action_slots WHERE org_id = 'acme'"
    ).result_rows
    assert counted == [(len(sent),)]
    assert rig.balance().unaccounted == 0


def answered(senders: list[Sender]) -> int:
    return sum(len(sender.ids) for sender in senders)


def stored(rig: Rig) -> int:
    return int(rig.client.query("SELECT count() FROM events FINAL").result_rows[0][0])


@pytest.mark.faults
def test_the_broker_away_and_back(rig: Rig, kafka_broker: LocalKafka, tmp_path: Path) -> None:
    """202; away: 503 in time, or 429, while memory keeps its bound; back: 202, and each event is there once."""
    _, key = give(rig.client, ["acme"])
    tight = {"TRAILHOUSE_API_EVENTS_TIMEOUT_S": "2", "TRAILHOUSE_API_EVENTS_HELD_BYTES": str(32 << 20)}
    api, address = api_role(rig, tmp_path / "api.log", **tight)
    headers = {"Authorization": f"Bearer {key}"}
    with running(api), httpx.Client(base_url=address, headers=headers, timeout=60) as client:
        wait_for(lambda: is_alive(address), 30, "the API answers", api)
        assert post(client, "first", body_of("first", 3)).status_code == 202
        kafka_broker.kill()
        try:
            started = time.monotonic()
            answer = post(client, "second", body_of("second", 3))
            assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")
            assert time.monotonic() - started < 20
            before, large = memory(api), body_of("flood", 1200, 4000)
            flood = [
                threading.Thread(target=post, args=(client, f"flood-{number}", large)) for number in range(20)
            ]
            for thread in flood:
                thread.start()
            for thread in flood:
                thread.join()
            assert memory(api) - before < 160 << 20
        finally:
            kafka_broker.restart()
        wait_for(
            lambda: post(client, "second", body_of("second", 3)).status_code == 202, 30, "Kafka is back", api
        )
        assert post(client, "third", body_of("third", 3)).status_code == 202
    found = [json.loads(record.value) for record in rig.read_all(rig.kafka.raw_topic)]
    names = {event["event_id"]: event["attributes"]["of"] for event in found}
    assert Counter(names.values()) == Counter({"first": 3, "second": 3, "third": 3})
    assert "Kafka takes no events" in api.log.read_text()


def body_of(name: str, count: int, size: int = 10) -> bytes:
    return json.dumps(
        [
            {
                "action": "page:view",
                "occurred_at": AT,
                "user_agent": "x" * size,
                "attributes": {"of": name, "place": place},
            }
            for place in range(count)
        ]
    ).encode()


def post(client: httpx.Client, name: str, body: bytes) -> httpx.Response:
    headers = {"Idempotency-Key": name, "Content-Type": "application/json"}
    return client.post(PATH, content=body, headers=headers)


def memory(role: Role) -> int:
    """Resident bytes."""
    pages = int(Path(f"/proc/{role.process.pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")
