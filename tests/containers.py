"""Kafka and ClickHouse as containers, for `--backend=containers`: the same handles as the embedded parts have.

Host ports are fixed before the start, so that a killed container comes back under the address its clients know.
"""

from __future__ import annotations

import contextlib
import http.client
import importlib
import time
from collections.abc import Callable, Iterator
from typing import Any, Self
from urllib.parse import quote

import httpx

from trailhouse.deploy.clickhouse.identities import DOOR
from trailhouse.deploy.credentials import Credentials
from trailhouse.deploy.health import is_healthy
from trailhouse.deploy.kafka.probe import answers as kafka_answers
from trailhouse.deploy.ports import LOOPBACK, free_ports
from trailhouse.producers.settings import Secret

KAFKA_IMAGE = "apache/kafka:4.1.0"
CLICKHOUSE_IMAGE = "clickhouse/clickhouse-server:25.8"
READY_TIMEOUT_S = 120.0
DATABASE = "trailhouse"


def engine_trouble() -> str:
    """Why no Docker engine answers; empty when one does."""
    docker: Any = importlib.import_module("docker")  # it has no types
    try:
        client = docker.from_env(timeout=5)
        try:
            client.ping()
        finally:
            client.close()
    except Exception as error:
        return f"no Docker engine answers: {type(error).__name__}: {error}"
    return ""


class _Container:
    """A container that can be killed and started again, with its data."""

    def __init__(self, image: str, container_port: int, environ: dict[str, str]) -> None:
        from testcontainers.core.container import DockerContainer

        (self._port,) = free_ports(1)
        self._container: Any = DockerContainer(image).with_bind_ports(container_port, self._port)
        for name, value in environ.items():
            self._container = self._container.with_env(name, value.replace("{port}", str(self._port)))

    def is_ready(self) -> bool:
        raise NotImplementedError

    def kill(self) -> None:
        self._container.get_wrapped_container().kill()

    def restart(self) -> None:
        container = self._container.get_wrapped_container()
        with contextlib.suppress(Exception):  # it may not run any more
            container.stop(timeout=5)
        container.start()
        _wait(self.is_ready)

    def stop(self) -> None:
        self._container.stop()

    @contextlib.contextmanager
    def running(self) -> Iterator[Self]:
        self._container.start()
        try:
            _wait(self.is_ready)
            self.prepare()
            yield self
        finally:
            self._container.stop()

    def prepare(self) -> None:
        """What is to be done once, after the first start."""


class ContainerKafka(_Container):
    """One broker that is its own controller."""

    def __init__(self) -> None:
        settings = {
            "NODE_ID": "1",
            "PROCESS_ROLES": "broker,controller",
            "CONTROLLER_QUORUM_VOTERS": "1@localhost:9093",
            "LISTENERS": "PLAINTEXT://:9092,CONTROLLER://:9093",
            "ADVERTISED_LISTENERS": f"PLAINTEXT://{LOOPBACK}:{{port}}",
            "CONTROLLER_LISTENER_NAMES": "CONTROLLER",
            "LISTENER_SECURITY_PROTOCOL_MAP": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT",
            "AUTO_CREATE_TOPICS_ENABLE": "false",
            "OFFSETS_TOPIC_REPLICATION_FACTOR": "1",
            "TRANSACTION_STATE_LOG_REPLICATION_FACTOR": "1",
            "TRANSACTION_STATE_LOG_MIN_ISR": "1",
            "GROUP_INITIAL_REBALANCE_DELAY_MS": "0",
            "BROKER_SESSION_TIMEOUT_MS": "3000",
            "BROKER_HEARTBEAT_INTERVAL_MS": "500",
        }
        super().__init__(KAFKA_IMAGE, 9092, {f"KAFKA_{name}": value for name, value in settings.items()})

    @property
    def bootstrap(self) -> str:
        return f"{LOOPBACK}:{self._port}"

    def is_ready(self) -> bool:
        return kafka_answers(LOOPBACK, self._port)


class ContainerClickHouse(_Container):
    """One server with the identities."""

    def __init__(self) -> None:
        self._credentials = Credentials.generate()
        environ = {
            "CLICKHOUSE_USER": "admin",
            "CLICKHOUSE_PASSWORD": self._credentials.clickhouse["admin"].reveal(),
            "CLICKHOUSE_DEFAULT_ACCESS_MANAGEMENT": "1",
        }
        super().__init__(CLICKHOUSE_IMAGE, 8123, environ)

    @property
    def url(self) -> str:
        return f"http://{LOOPBACK}:{self._port}"

    def dsn(self, identity: str, database: str = DATABASE) -> Secret:
        password = quote(self._credentials.clickhouse[identity].reveal(), safe="")
        return Secret(f"http://{identity}:{password}@{LOOPBACK}:{self._port}/{database}")

    def is_ready(self) -> bool:
        try:
            return is_healthy(self._port, path="/ping")
        except (OSError, http.client.HTTPException):
            return False

    def prepare(self) -> None:
        password = {name: secret.reveal() for name, secret in self._credentials.clickhouse.items()}
        for statement in (
            f"CREATE DATABASE IF NOT EXISTS {DATABASE}",
            f"CREATE USER IF NOT EXISTS ingest IDENTIFIED BY '{password['ingest']}'",
            f"CREATE USER IF NOT EXISTS reader IDENTIFIED BY '{password['reader']}' SETTINGS readonly = 1",
            f"CREATE USER IF NOT EXISTS api IDENTIFIED BY '{password['api']}' SETTINGS readonly = 1",
            f"GRANT SELECT, INSERT ON {DATABASE}.* TO ingest",
            f"GRANT SELECT ON {DATABASE}.* TO reader, api",
            *(f"REVOKE SELECT, INSERT ON {DATABASE}.{table} FROM ingest, reader" for table in DOOR),
        ):
            httpx.post(self.url, content=statement, auth=("admin", password["admin"])).raise_for_status()


def _wait(is_ready: Callable[[], bool]) -> None:
    deadline = time.monotonic() + READY_TIMEOUT_S
    while not is_ready():
        if time.monotonic() > deadline:
            raise TimeoutError(f"the container did not answer within {READY_TIMEOUT_S:g} s")
        time.sleep(0.1)
