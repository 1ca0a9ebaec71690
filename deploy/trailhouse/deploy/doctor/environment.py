"""Settings as the environment has them: names nobody reads, values nobody can use, settings that contradict each other."""

from __future__ import annotations

import difflib
import ipaddress
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import fields
from typing import Final

from trailhouse.deploy.doctor.finding import Finding, fail, ok, warn
from trailhouse.deploy.invocation import install_line
from trailhouse.producers.errors import SettingsError
from trailhouse.producers.settings import Settings
from trailhouse.stream.settings import TracesSettings
from trailhouse.stream.tracing import is_installed

AREA: Final = "settings"
PREFIX: Final = "TRAILHOUSE_"
#: Names that are no setting of a role: of the command, and between the supervisor and its processes.
OTHERS: Final = frozenset(
    f"{PREFIX}{name}"
    for name in (
        "DATA",
        "STATE_HOME",
        "KAFKA_JARS",
        "API_KEY",
        "DEBUG",
        "TETHER",
        "RUNFILE",
        "CREDENTIALS",
        "LOCAL_TLS",
        "SLACK_CLIENT_SECRET",
    )
)
#: Read by Grafana (deploy/grafana) and by our own tests, never by us.
FOREIGN: Final = (f"{PREFIX}GRAFANA_", f"{PREFIX}TEST_")


def names_of(owners: Iterable[type[Settings]]) -> set[str]:
    """The variables these settings are read from."""
    return {each.metadata["env"] for owner in owners for each in fields(owner) if "env" in each.metadata}


def look(environ: Mapping[str, str], owners: Iterable[type[Settings]]) -> Iterator[Finding]:
    """Every ill of the TRAILHOUSE_ variables in `environ`, or that all is well; values are not shown."""
    owners = list(owners)
    given = {name for name in environ if name.startswith(PREFIX)}
    found = [*_unknown(given, owners), *_unusable(environ, owners), *contradictions(environ)]
    yield from found
    if not any(each.level == "fail" for each in found):
        yield ok(AREA, "values", f"{len(given)} set, each known and usable")


def _unknown(given: set[str], owners: Iterable[type[Settings]]) -> Iterator[Finding]:
    known = names_of(owners) | OTHERS
    for name in sorted(given - known):
        if not name.startswith(FOREIGN) and name.removesuffix("_FILE") not in known:
            close = difflib.get_close_matches(name, known, n=1)
            advice = f"did you mean {close[0]}?" if close else "docs/configuration.md lists every name"
            yield fail(AREA, name, "nobody reads it", advice)


def _unusable(environ: Mapping[str, str], owners: Iterable[type[Settings]]) -> Iterator[Finding]:
    told = set()
    for owner in owners:
        # One at a time: a role that does not run here may lack what it must have.
        own = names_of([owner])
        for name in sorted(own & set(environ)):
            try:
                owner.from_env({name: environ[name]})
            except SettingsError as error:
                if error.key == name and name not in told:
                    told.add(name)
                    yield fail(AREA, name, str(error).removeprefix(f"{name} "), f"wanted: {error.wanted}")


def contradictions(environ: Mapping[str, str]) -> Iterator[Finding]:
    """Settings that are each allowed, and together are not what anybody wants."""

    def value(name: str, default: str = "") -> str:
        return environ.get(PREFIX + name, default)

    if value("STREAM_GROUP", "trailhouse-stream") == value("SINK_GROUP", "trailhouse-sink"):
        yield fail(AREA, "groups", "workers and sinks share one group", "give TRAILHOUSE_SINK_GROUP another")
    topics = [
        value("TOPIC_RAW", "audit.events"),
        value("TOPIC_ENRICHED", "audit.enriched"),
        value("TOPIC_REJECTED", "audit.rejected"),
    ]
    if len(set(topics)) < len(topics):
        yield fail(
            AREA,
            "topics",
            "two of the three topics have one name",
            "give each of the three a name of its own",
        )
    is_beyond = not _is_loopback(value("API_HOST", "127.0.0.1"))
    if is_beyond and value("API_ANONYMOUS").lower() == "true":
        yield fail(
            AREA,
            "TRAILHOUSE_API_ANONYMOUS",
            "everybody who reaches this machine reads reports without a key",
            "set it to auto",
        )
    if is_beyond and not value("API_SESSION_SECRET"):
        yield warn(
            AREA,
            "TRAILHOUSE_API_SESSION_SECRET",
            "not set: every start of the api signs people out",
            "set one, the same for every api behind one address: openssl rand -hex 32",
        )
    if not _is_loopback(value("METRICS_HOST", "127.0.0.1")) and not value("METRICS_NAMES"):
        yield warn(
            AREA,
            "TRAILHOUSE_METRICS_NAMES",
            "not set: /metrics answers who asks by address, and 421 who asks by a name",
            "name what Prometheus calls it",
        )
    if value("METRICS_HOST") and value("METRICS_PORT", "0") == "0":
        yield warn(
            AREA,
            "TRAILHOUSE_METRICS_PORT",
            "not set, so TRAILHOUSE_METRICS_HOST means nothing",
            "set it, 9101 for one",
        )
    yield from _traces(environ)
    if value("SPOOL_DIR") == "off":
        yield warn(
            AREA,
            "TRAILHOUSE_SPOOL_DIR",
            "off: what a process has not sent is gone when it is killed",
            "name a folder on a disk that stays",
        )


def _traces(environ: Mapping[str, str]) -> Iterator[Finding]:
    """What keeps a role from starting where a collector of traces is named; its address is judged by itself."""
    try:
        traces = TracesSettings.from_env(environ)
    except SettingsError as error:
        if not error.key.endswith("ENDPOINT"):
            yield fail(AREA, error.key, str(error).removeprefix(f"{error.key} "), f"wanted: {error.wanted}")
        return
    if traces.is_on and not is_installed():
        name = "OTEL_EXPORTER_OTLP_ENDPOINT"
        yield fail(AREA, name, "set, and the extra `otel` is not installed", install_line("otel"))


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
