"""Blocks about running it: settings, metrics, commands."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

import typer

from trailhouse.deploy.cli import COMMANDS, build
from trailhouse.deploy.reference.advice import ADVICE
from trailhouse.deploy.reference.table import table
from trailhouse.producers.metrics import SpoolMetrics
from trailhouse.producers.settings import (
    BufferSettings,
    KafkaSecurity,
    KafkaSettings,
    OutboxSettings,
    Secret,
    SendingSettings,
    Settings,
    SpoolSettings,
)
from trailhouse.queries.alerts.metrics import AlertsMetrics
from trailhouse.queries.alerts.settings import AlertsSettings, MailSettings, NotificationSettings
from trailhouse.queries.archive.metrics import ArchiveMetrics
from trailhouse.queries.archive.settings import ArchiveSettings, TargetSettings
from trailhouse.queries.metrics import ApiMetrics
from trailhouse.queries.oidc_settings import OidcSettings
from trailhouse.queries.settings import ApiSettings
from trailhouse.sinks.metrics import SinkMetrics
from trailhouse.sinks.settings import ClickHouseSettings, SinkSettings
from trailhouse.stream.metrics import StreamMetrics
from trailhouse.stream.settings import LogSettings, MetricsSettings, StreamSettings, TracesSettings

# Who reads which settings; a role also reads those it holds, which stand in the table of their owner.
SETTINGS: Final[Mapping[str, type[Settings]]] = {
    "Kafka: every role, the SDK, the commands": KafkaSettings,
    "Kafka: encrypted, and as whom": KafkaSecurity,
    "ClickHouse: sink, api, alerts, archive, the commands": ClickHouseSettings,
    "The SDK's spool": SpoolSettings,
    "The SDK's buffer": BufferSettings,
    "Whether the SDK sends, and with which client": SendingSettings,
    "`/metrics` of stream, sink, alerts and archive": MetricsSettings,
    "Logs of every role": LogSettings,
    "Traces of every role": TracesSettings,
    "`trailhouse outbox`": OutboxSettings,
    "`trailhouse stream`": StreamSettings,
    "`trailhouse sink`": SinkSettings,
    "`trailhouse api`": ApiSettings,
    "Notifications: api, alerts, `trailhouse alerts`": NotificationSettings,
    "`trailhouse alerts run`": AlertsSettings,
    "Mail of `trailhouse alerts run`": MailSettings,
    "Signing in to the dashboard with an OpenID provider": OidcSettings,
    "Where the archive lies: `trailhouse archive`, `trailhouse import archive`": TargetSettings,
    "`trailhouse archive run`": ArchiveSettings,
}
METRICS: Final[Mapping[str, Callable[[], Any]]] = {
    "stream": StreamMetrics,
    "sink": SinkMetrics,
    "api": ApiMetrics,
    "alerts": AlertsMetrics,
    "api, and whoever shows the SDK's spool": SpoolMetrics,
    "archive": ArchiveMetrics,
}
_WIDTH: Final = 100


def settings() -> str:
    """A table for each settings object: variable, default, what is allowed, meaning."""
    return "\n\n".join(f"### {title}\n\n{_settings_of(owner)}" for title, owner in SETTINGS.items())


def metrics() -> str:
    """Every metric by role: the name as it is scraped, its kind, unit, labels, meaning, and what to do about it."""
    return "\n\n".join(f"### {role}\n\n{_metrics_of(made())}" for role, made in METRICS.items())


def commands() -> str:
    """The help of every command, as `trailhouse COMMAND --help` prints it."""
    root: Any = typer.main.get_command(build([each.name for each in COMMANDS]))
    parts = [f"## {path}\n\n```text\n{text}\n```" for path, text in _helps(root, "trailhouse", None)]
    return "\n\n".join(parts)


def _settings_of(owner: type[Settings]) -> str:
    rows = [
        (f"`{each.metadata['env']}`", _default(each), each.metadata["wanted"], each.metadata["text"])
        for each in dataclasses.fields(owner)
        if "env" in each.metadata
    ]
    return table(("variable", "default", "allowed", "meaning"), rows)


def _default(field: dataclasses.Field[Any]) -> str:
    check, value = field.metadata["check"], field.default
    if check and not check(value):
        return "must be set"
    shown = value.reveal() if isinstance(value, Secret) else str(value)
    return f"`{shown}`" if shown else "none"


def _metrics_of(owner: Any) -> str:
    rows = []
    collectors = [getattr(owner, each.name) for each in dataclasses.fields(owner) if each.name != "registry"]
    for collector in collectors:
        (metric,) = collector.describe()
        name = metric.name + ("_total" if metric.type == "counter" else "")
        labels = ", ".join(f"`{label}`" for label in collector._labelnames)  # noqa: SLF001 - shown nowhere else
        unit, advice = ADVICE.get(name, ("", ""))
        rows.append((f"`{name}`", metric.type, unit, labels, metric.documentation, advice))
    return table(("metric", "type", "unit", "labels", "meaning", "what to do"), rows)


def _helps(command: Any, path: str, parent: Any) -> Iterator[tuple[str, str]]:
    name = path.rpartition(" ")[2]
    width = {"terminal_width": _WIDTH, "max_content_width": _WIDTH}
    context = command.make_context(name, [], parent=parent, resilient_parsing=True, **width)
    yield path, command.get_help(context).rstrip()
    for each in getattr(command, "list_commands", lambda _: [])(context):
        yield from _helps(command.get_command(context, each), f"{path} {each}", context)
