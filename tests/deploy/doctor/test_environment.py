"""Settings: names nobody reads, values nobody can use, contradictions."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest

from trailhouse.deploy.doctor.environment import FOREIGN, OTHERS, contradictions, look, names_of
from trailhouse.deploy.invocation import install_line
from trailhouse.deploy.reference.running import SETTINGS

OWNERS = list(SETTINGS.values())
PAGE = Path(__file__).parents[3] / "docs" / "configuration.md"


def test_every_name_of_the_docs_is_known() -> None:
    """A variable the docs name is none that the doctor calls unknown."""
    documented = set(re.findall(r"TRAILHOUSE_[A-Z_]*[A-Z]", PAGE.read_text()))
    known = names_of(OWNERS) | OTHERS
    stems = {each for each in documented if any(name.startswith(f"{each}_") for name in known)}
    assert documented - known - stems == set()


def test_what_is_well_is_said_in_one_line() -> None:
    """Grafana's own names are none of ours."""
    environ = {
        "TRAILHOUSE_SINK_BATCH_ROWS": "5000",
        f"{FOREIGN[0]}CLICKHOUSE_USER": "grafana",
        "PATH": "/bin",
    }
    (found,) = look(environ, OWNERS)
    assert (found.level, found.found) == ("ok", "2 set, each known and usable")


def test_a_name_nobody_reads_is_found() -> None:
    """With the one that was meant."""
    (found,) = look({"TRAILHOUSE_SINK_BATCH_ROW": "5000"}, OWNERS)
    assert (found.level, found.name, found.found) == ("fail", "TRAILHOUSE_SINK_BATCH_ROW", "nobody reads it")
    assert found.advice == "did you mean TRAILHOUSE_SINK_BATCH_ROWS?"


def test_traces_that_would_keep_a_role_from_starting_are_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """A collector that cannot be spoken to, an extra that is missing; without a collector nobody asks."""
    named = {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://collector:4318"}
    grpc = {"OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"}
    for environ, ills in (
        (named, []),
        (grpc, []),
        (named | grpc, ["OTEL_EXPORTER_OTLP_PROTOCOL"]),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "collector:4317"}, ["OTEL_EXPORTER_OTLP_ENDPOINT"]),
    ):
        found = [each.name for each in look(environ, OWNERS) if each.level == "fail"]
        assert found == ills, environ
    monkeypatch.setitem(sys.modules, "opentelemetry.exporter.otlp.proto.http", None)
    (missing,) = [each for each in look(named, OWNERS) if each.level == "fail"]
    assert (missing.name, missing.advice) == ("OTEL_EXPORTER_OTLP_ENDPOINT", install_line("otel"))


def test_a_value_nobody_can_use_is_found_once() -> None:
    """Also where several roles read it; a secret is not shown, and what a role of elsewhere lacks is no ill."""
    found = list(look({"TRAILHOUSE_METRICS_PORT": "70000", "TRAILHOUSE_PEPPER": "short"}, OWNERS))
    assert [(each.level, each.name) for each in found] == [
        ("fail", "TRAILHOUSE_METRICS_PORT"),
        ("fail", "TRAILHOUSE_PEPPER"),
    ]
    assert "short" not in str(found)


@pytest.mark.parametrize(
    ("environ", "level", "name"),
    [
        ({"STREAM_GROUP": "x", "SINK_GROUP": "x"}, "fail", "groups"),
        ({"TOPIC_RAW": "audit.enriched"}, "fail", "topics"),
        (
            {"API_HOST": "0.0.0.0", "API_ANONYMOUS": "true", "API_SESSION_SECRET": "s"},
            "fail",
            "TRAILHOUSE_API_ANONYMOUS",
        ),
        ({"API_HOST": "0.0.0.0"}, "warn", "TRAILHOUSE_API_SESSION_SECRET"),
        ({"METRICS_HOST": "0.0.0.0", "METRICS_PORT": "9101"}, "warn", "TRAILHOUSE_METRICS_NAMES"),
        ({"METRICS_HOST": "127.0.0.1"}, "warn", "TRAILHOUSE_METRICS_PORT"),
        ({"SPOOL_DIR": "off"}, "warn", "TRAILHOUSE_SPOOL_DIR"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_contradiction_is_found(environ: dict[str, str], level: str, name: str) -> None:
    """Each alone is allowed, so no role refuses it."""
    (found,) = contradictions({f"TRAILHOUSE_{key}": value for key, value in environ.items()})
    assert (found.level, found.name) == (level, name)
    assert found.advice


def test_defaults_do_not_contradict_each_other() -> None:
    """An empty environment is well."""
    assert list(contradictions({})) == []
    assert list(contradictions({"TRAILHOUSE_API_HOST": "localhost"})) == []
