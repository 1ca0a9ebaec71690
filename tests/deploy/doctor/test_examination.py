"""The whole examination."""

from __future__ import annotations

from itertools import takewhile
from pathlib import Path

from trailhouse.deploy.doctor.examination import examine
from trailhouse.deploy.folder import StackFolder
from trailhouse.deploy.reference.running import SETTINGS
from trailhouse.deploy.stack import Stack
from trailhouse.producers.settings import KafkaSettings


def test_without_a_stack_the_host_and_its_environment_are_looked_at(tmp_path: Path) -> None:
    """A spool that is there, whoever's it is."""
    (tmp_path / "audit.events-1").mkdir(mode=0o755)
    (tmp_path / "audit.events-1").chmod(0o755)
    environ = {"TRAILHOUSE_SPOOL_DIR": str(tmp_path)}
    found = list(examine(None, environ, SETTINGS.values()))
    assert {each.area for each in found} == {"versions", "settings", "permissions", "host"}
    (spool,) = [each for each in found if each.area == "permissions"]
    assert (spool.level, spool.name) == ("fail", str(tmp_path / "audit.events-1"))


def test_what_does_not_answer_is_found_and_the_rest_is_looked_at(tmp_path: Path) -> None:
    """Kafka away does not hide that ClickHouse is, too, or that a secret can be read."""
    secrets = tmp_path / "mine.json"
    secrets.touch()
    secrets.chmod(0o644)
    environ = {
        "TRAILHOUSE_SPOOL_DIR": "off",
        "TRAILHOUSE_CREDENTIALS": str(secrets),
        "TRAILHOUSE_CLICKHOUSE_DSN": "http://api@127.0.0.1:9/trailhouse",
        "TRAILHOUSE_BREAKER_HOLD_S": "long",
    }
    stack = Stack(KafkaSettings(bootstrap="127.0.0.1:9"), environ)
    found = examine(stack, environ, SETTINGS.values(), kafka_ms=200)
    failed = [each for each in found if each.level == "fail"]
    assert [each.area for each in failed] == ["settings", "permissions", "Kafka", "ClickHouse"]
    assert all(each.advice for each in failed)


def test_a_stacks_own_folders_are_looked_at(tmp_path: Path) -> None:
    """Secrets, data and logs of a local stack."""
    folder = StackFolder.at(tmp_path / "stack")
    folder.make()
    folder.credentials.touch()
    folder.credentials.chmod(0o660)
    stack = Stack(KafkaSettings(bootstrap="127.0.0.1:9"), {}, folder, {"clickhouse": 9})
    environ = {"TRAILHOUSE_SPOOL_DIR": "off"}
    # They are looked at before Kafka, which is away, is waited for.
    cheap = takewhile(lambda each: each.area != "host", examine(stack, environ, SETTINGS.values()))
    found = [each for each in cheap if each.area == "permissions"]
    assert (str(folder.credentials), "fail") in {(each.name, str(each.level)) for each in found}
    assert {str(folder.logs), str(folder.spool)} <= {each.name for each in found if each.level == "ok"}
