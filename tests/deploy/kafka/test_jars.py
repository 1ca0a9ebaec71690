"""Where Kafka's jars come from."""

from __future__ import annotations

from pathlib import Path

import pytest

from trailhouse.deploy.errors import DeployError
from trailhouse.deploy.kafka import jars as module
from trailhouse.deploy.kafka.jars import VERSION, cache_folder, fetch_jars, find_jars


def test_a_folder_of_ones_own(tmp_path: Path) -> None:
    """TRAILHOUSE_KAFKA_JARS is used when it holds Kafka, and named when it does not."""
    environ = {"TRAILHOUSE_KAFKA_JARS": str(tmp_path)}
    with pytest.raises(DeployError, match="without kafka_2"):
        find_jars(environ)
    (tmp_path / "kafka_2.13-4.1.0.jar").touch()
    assert fetch_jars(environ) == tmp_path


def test_fetched_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The second stack finds what the first one fetched; nothing half-fetched is ever found."""
    environ = {"XDG_CACHE_HOME": str(tmp_path)}
    asked: list[Path] = []

    def resolve(scratch: Path) -> list[Path]:
        asked.append(scratch)
        scratch.mkdir()
        assert find_jars(environ) is None
        jar = scratch / "kafka_2.13-4.1.0.jar"
        jar.write_bytes(b"jar")
        return [jar]

    monkeypatch.setattr(module, "_resolve", resolve)
    first = fetch_jars(environ)
    assert fetch_jars(environ) == first == cache_folder(environ) / f"kafka-{VERSION}"
    assert [each.name for each in first.iterdir()] == ["kafka_2.13-4.1.0.jar"]
    assert len(asked) == 1
    assert not asked[0].exists()


def test_no_network(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What cannot be fetched is named, with the way around it; the next try starts anew."""
    import jgo

    def fail(*arguments: object, **options: object) -> None:
        raise ConnectionError("Network is unreachable")

    monkeypatch.setattr(jgo, "build", fail)
    environ = {"XDG_CACHE_HOME": str(tmp_path)}
    with pytest.raises(DeployError, match="could not be fetched from Maven Central") as caught:
        fetch_jars(environ)
    assert "Network is unreachable" in caught.value.cause
    assert "TRAILHOUSE_KAFKA_JARS" in caught.value.hint
    assert find_jars(environ) is None
