"""What the fault tests share. Modules that import Kafka are imported inside, once warnings are configured."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from random import SystemRandom
from typing import TYPE_CHECKING

import pytest
from tests.conftest import FAILED

from trailhouse.producers.settings import KafkaSettings

if TYPE_CHECKING:
    from tests.faults.evidence import Evidence
    from tests.sinks.rig import Rig

    from trailhouse.sinks.clickhouse import Client
    from trailhouse.sinks.settings import ClickHouseSettings

SEED = pytest.StashKey[int]()
KILLS = pytest.StashKey[Counter[str]]()
LEFT = pytest.StashKey[list[Path]]()


def pytest_configure(config: pytest.Config) -> None:
    remember(config)


def remember(config: pytest.Config) -> None:
    """The run's seed, the kills it survived, and where failures left their evidence."""
    if SEED not in config.stash:
        told = config.getoption("--seed")
        config.stash[SEED] = SystemRandom().randrange(1_000_000) if told is None else told
        config.stash[KILLS], config.stash[LEFT] = Counter(), []


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Seed, kills and evidence, whether anything failed or not."""
    remember(config)
    if kills := config.stash[KILLS]:
        told = ", ".join(f"{role} {times}" for role, times in sorted(kills.items()))
        terminalreporter.write_line(f"faults: seed {config.stash[SEED]}; survived kills: {told}")
    for folder in config.stash[LEFT]:
        terminalreporter.write_line(
            f"evidence in {folder}; replay with make faults ARGS='--seed {config.stash[SEED]}'"
        )


@pytest.fixture
def evidence(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Evidence]:
    """Where to leave evidence; the logs go there by themselves when the test failed."""
    from tests.faults.evidence import Evidence

    config = request.config
    remember(config)
    name = re.sub(r"[^\w.-]+", "-", request.node.name)
    seed: int = config.stash[SEED]
    root = config.getoption("--artefacts")
    assert root is not None
    made = Evidence(seed, (root / f"{name}-{seed}").resolve(), config.stash[KILLS])
    yield made
    if FAILED in request.node.stash:
        base = tmp_path.parent
        made.keep_logs(tmp_path, *base.glob("kafka[0-9]*"), *base.glob("clickhouse[0-9]*"))
        config.stash[LEFT].append(made.folder)


@pytest.fixture(autouse=True)
def kept(evidence: Evidence) -> None:
    """Every fault test keeps its evidence, whether it asks for it or not."""


@pytest.fixture
def rig(
    request: pytest.FixtureRequest,
    evidence: Evidence,
    kafka_settings: KafkaSettings,
    clickhouse_settings: ClickHouseSettings,
    database: Client,
) -> Iterator[Rig]:
    """Topics of two partitions, or as many as the test's parameter says, a database and a group."""
    from tests.sinks.rig import Rig

    made = Rig(kafka_settings, clickhouse_settings, database, partitions=getattr(request, "param", 2))
    yield made
    if FAILED in request.node.stash:
        evidence.keep_books(made)
