"""Fixtures every test may use: a real Kafka broker and the real ClickHouse engine, one of each per session."""

from __future__ import annotations

import os
import shutil
import uuid
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from tests.containers import ContainerClickHouse, ContainerKafka, engine_trouble
from tests.databases import Databases
from tests.order import place_of

from trailhouse.deploy.kafka import LocalKafka
from trailhouse.producers.settings import KafkaSettings

if TYPE_CHECKING:
    from clickhouse_connect.driver.client import Client
    from tests.kept_answers import Kept

    from trailhouse.deploy.clickhouse import LocalClickHouse
    from trailhouse.sinks.settings import ClickHouseSettings


FAILED = pytest.StashKey[bool]()
#: What tests store lies in memory where there is room for it: they kill processes and never the machine, so that what was
#: flushed and what was only written come to the same, and a batch flushes hundreds of small files.
MEMORY = Path("/dev/shm")
MEMORY_LEAST_BYTES = 8 << 30


def pytest_addoption(parser: pytest.Parser) -> None:
    """`--backend=containers` runs the same tests on Kafka and ClickHouse as containers."""
    parser.addoption(
        "--backend",
        choices=("embedded", "containers"),
        default="embedded",
        help="where Kafka and ClickHouse come from",
    )
    parser.addoption(
        "--seed", type=int, default=None, help="replay the fault tests of a run that printed this seed"
    )
    parser.addoption(
        "--artefacts",
        type=Path,
        default=Path(".faults"),
        help="where failing fault tests leave their evidence",
    )


def pytest_configure(config: pytest.Config) -> None:
    """Warnings are errors, save those kafka-python gives when it is imported. Producers send, spools are asked for."""
    os.environ.update(TRAILHOUSE_SEND="always", TRAILHOUSE_SPOOL_DIR="off")
    if MEMORY.is_dir() and shutil.disk_usage(MEMORY).free >= MEMORY_LEAST_BYTES:
        os.environ.setdefault("PYTEST_DEBUG_TEMPROOT", str(MEMORY))
    config.addinivalue_line("filterwarnings", "ignore:.*_text is deprecated:DeprecationWarning")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Of several processes, each takes the next file when it is done with one: the longest go first."""
    if hasattr(config, "workerinput"):
        items.sort(key=lambda item: place_of(item.nodeid.partition("::")[0]))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Remember on the test itself that it failed, for fixtures that keep the evidence."""
    report = yield
    if report.failed:
        item.stash[FAILED] = True
    return report


@pytest.fixture(scope="session")
def is_containers(request: pytest.FixtureRequest) -> bool:
    """Whether Kafka and ClickHouse are containers; skips, with the reason, where no Docker engine answers."""
    if request.config.getoption("--backend") != "containers":
        return False
    if trouble := engine_trouble():
        pytest.skip(trouble)
    return True


@pytest.fixture(scope="session")
def kafka_broker(
    tmp_path_factory: pytest.TempPathFactory, is_containers: bool
) -> Iterator[LocalKafka | ContainerKafka]:
    """A real broker; a test that kills it starts it again."""
    if is_containers:
        with ContainerKafka().running() as container:
            yield container
        return
    with LocalKafka(tmp_path_factory.mktemp("kafka")).running() as broker:
        yield broker


@pytest.fixture
def kafka_settings(kafka_broker: LocalKafka | ContainerKafka) -> KafkaSettings:
    """That broker, with topic names of this test's own; the topics do not exist yet."""
    mark = uuid.uuid4().hex[:8]
    return KafkaSettings(
        bootstrap=kafka_broker.bootstrap,
        raw_topic=f"raw-{mark}",
        enriched_topic=f"enriched-{mark}",
        rejected_topic=f"rejected-{mark}",
    )


@pytest.fixture(scope="session")
def clickhouse_server(
    tmp_path_factory: pytest.TempPathFactory, is_containers: bool
) -> Iterator[LocalClickHouse | ContainerClickHouse]:
    """The real engine; a test that kills it starts it again."""
    if is_containers:
        with ContainerClickHouse().running() as container:
            yield container
        return
    from trailhouse.deploy.clickhouse import LocalClickHouse

    with LocalClickHouse(tmp_path_factory.mktemp("clickhouse")).running() as server:
        yield server


@pytest.fixture(scope="session")
def databases(clickhouse_server: LocalClickHouse | ContainerClickHouse) -> Iterator[Databases]:
    """Migrated databases that tests of this process hand on."""
    found = Databases(clickhouse_server)
    yield found
    found.close()


@pytest.fixture
def clickhouse_settings(databases: Databases, request: pytest.FixtureRequest) -> Iterator[ClickHouseSettings]:
    """A database of this test's own, as admin, without a table unless the test has `database`; kept when it failed."""
    name = databases.take(is_migrated="database" in request.fixturenames)
    yield databases.settings(name)
    if FAILED in request.node.stash:
        databases.keep(name)
    else:
        databases.give_back(name)


@pytest.fixture
def database(clickhouse_settings: ClickHouseSettings, databases: Databases) -> Iterator[Client]:
    """A client on that database, with every migration applied."""
    from trailhouse.sinks.clickhouse import connect

    client = connect(clickhouse_settings)
    databases.prepare(client, clickhouse_settings.database)
    yield client
    client.close()


@pytest.fixture(scope="module")
def answers() -> Iterator[Kept]:
    """What the engine answered to this module's tests that use `kept_answers`."""
    from tests.kept_answers import keeping

    with keeping() as kept:
        yield kept


@pytest.fixture
def kept_answers(answers: Kept) -> Iterator[Kept]:
    """The engine is asked each question once in a module, as long as nothing is written (`tests/kept_answers.py`)."""
    answers.is_used = True
    yield answers
    answers.is_used = False
