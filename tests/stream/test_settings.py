"""`settings` of the stream worker: read from the environment, refused with the key and what was wanted."""

from __future__ import annotations

import pytest

from trailhouse.producers.errors import SettingsError
from trailhouse.producers.settings import Secret
from trailhouse.stream.settings import StreamSettings, TracesSettings

PEPPER = "sixteen letters!"


def settings(**environ: str) -> StreamSettings:
    return StreamSettings.from_env({"TRAILHOUSE_PEPPER": PEPPER, **environ})


def test_a_pepper_is_enough() -> None:
    """Everything else has a default that works on one machine."""
    made = settings()
    assert made == StreamSettings(pepper=Secret(PEPPER))
    assert (made.group, made.orgs, made.metrics.port, made.kafka.raw_topic) == (
        "trailhouse-stream",
        None,
        0,
        "audit.events",
    )


def test_the_pepper_is_never_shown() -> None:
    """Whoever has it can look persons up."""
    assert PEPPER not in repr(settings())
    assert PEPPER not in str(settings())


@pytest.mark.parametrize(
    ("text", "orgs"),
    [("*", None), ("acme", {"acme"}), (" acme , globex", {"acme", "globex"})],
)
def test_the_organisations_of_the_topic(text: str, orgs: set[str] | None) -> None:
    """All, or the ones named."""
    assert settings(TRAILHOUSE_TOPIC_ORGS=text).orgs == orgs


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("TRAILHOUSE_PEPPER", "too short"),
        ("TRAILHOUSE_TOPIC_ORGS", ""),
        ("TRAILHOUSE_STREAM_GROUP", ""),
        ("TRAILHOUSE_STREAM_DATADIR", ""),
        ("TRAILHOUSE_STREAM_FETCH_RECORDS", "0"),
        ("TRAILHOUSE_STREAM_FETCH_RECORDS", "many"),
        ("TRAILHOUSE_STREAM_QUEUED_RECORDS", "0"),
        ("TRAILHOUSE_STREAM_SESSION_TIMEOUT_S", "5.9"),
        ("TRAILHOUSE_STREAM_STOP_GRACE_S", "0"),
        ("TRAILHOUSE_METRICS_PORT", "65536"),
        ("TRAILHOUSE_METRICS_HOST", ""),
        ("TRAILHOUSE_KAFKA_BOOTSTRAP", "nowhere"),
    ],
)
def test_a_value_that_cannot_be_used_is_refused_by_name(key: str, value: str) -> None:
    """The message names the variable; a secret's value stays out of it."""
    with pytest.raises(SettingsError, match=key) as caught:
        settings(**{key: value})
    assert key != "TRAILHOUSE_PEPPER" or value not in str(caught.value)


def test_names_of_the_metrics_endpoint() -> None:
    """None unless told."""
    assert settings().metrics.names == frozenset()
    assert settings(TRAILHOUSE_METRICS_NAMES=" stream, stream.example,").metrics.names == {
        "stream",
        "stream.example",
    }


def traces(**environ: str) -> TracesSettings:
    return TracesSettings.from_env({f"OTEL_{name}": value for name, value in environ.items()})


@pytest.mark.parametrize(
    ("environ", "url"),
    [
        ({}, ""),
        ({"EXPORTER_OTLP_ENDPOINT": ""}, ""),
        ({"EXPORTER_OTLP_ENDPOINT": "http://collector:4318"}, "http://collector:4318/v1/traces"),
        ({"EXPORTER_OTLP_ENDPOINT": "https://collector/otlp/"}, "https://collector/otlp/v1/traces"),
        (
            {
                "EXPORTER_OTLP_ENDPOINT": "http://collector:4318",
                "EXPORTER_OTLP_TRACES_ENDPOINT": "http://other/here",
            },
            "http://other/here",
        ),
    ],
)
def test_where_traces_go(environ: dict[str, str], url: str) -> None:
    """By the field's own variables; without them nowhere."""
    made = traces(**environ)
    assert (made.is_on, made.url) == (bool(url), url)


@pytest.mark.parametrize("off", [{"TRACES_EXPORTER": "none"}, {"SDK_DISABLED": "true"}])
def test_traces_may_be_off_beside_a_collector(off: dict[str, str]) -> None:
    """For whoever sends metrics or logs of other programs there."""
    assert not traces(EXPORTER_OTLP_ENDPOINT="http://collector:4318", **off).is_on


@pytest.mark.parametrize(
    "wrong",
    [
        {"EXPORTER_OTLP_PROTOCOL": "grpc"},
        {"TRACES_EXPORTER": "jaeger"},
        {"EXPORTER_OTLP_ENDPOINT": "collector:4317"},
        {"EXPORTER_OTLP_ENDPOINT": "me:swordfish@collector:4317"},
        {"EXPORTER_OTLP_TRACES_ENDPOINT": "http://[::1"},
    ],
)
def test_a_collector_that_cannot_be_spoken_to_is_refused(wrong: dict[str, str]) -> None:
    """By the variable's name, without a password; where there is no collector nobody asks."""
    (name,) = wrong
    with pytest.raises(SettingsError, match=f"OTEL_{name}") as raised:
        traces(**{"EXPORTER_OTLP_ENDPOINT": "http://collector:4318", **wrong})
    assert "swordfish" not in str(raised.value)
    assert "ENDPOINT" in name or not traces(**wrong).is_on


def test_a_missing_pepper_is_refused() -> None:
    """A worker without one would write hashes that anybody can look up."""
    with pytest.raises(SettingsError, match="TRAILHOUSE_PEPPER"):
        StreamSettings.from_env({})
