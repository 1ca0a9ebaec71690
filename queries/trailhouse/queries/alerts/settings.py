"""Settings of notifications: of the role `alerts`, and what the api and the commands share with it."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass, field, replace
from typing import Final

from trailhouse.producers.settings import KafkaSettings, Secret, Settings, setting
from trailhouse.sinks.settings import ClickHouseSettings
from trailhouse.stream.settings import LogSettings, MetricsSettings, TracesSettings

KEY_LENGTH_MIN: Final = 32


def networks(text: str) -> tuple[ipaddress.IPv4Network | ipaddress.IPv6Network, ...]:
    """`10.0.0.0/8, fd00::/8` as networks; raises `ValueError`."""
    return tuple(ipaddress.ip_network(each.strip()) for each in text.split(",") if each.strip())


def _are_networks(text: str) -> bool:
    try:
        networks(text)
    except ValueError:
        return False
    return True


@dataclass(frozen=True, slots=True)
class NotificationSettings(Settings):
    """What the api, the commands and the role have to agree on."""

    dsn: Secret = setting(
        "TRAILHOUSE_ALERTS_CLICKHOUSE_DSN",
        Secret(),
        "ClickHouse as who may write the tables of alerts, where that is somebody else than TRAILHOUSE_CLICKHOUSE_DSN names",
    )
    key: Secret = setting(
        "TRAILHOUSE_ALERTS_KEY",
        Secret(),
        "Seals addresses and tokens of channels; the same for the api and alerts roles. Empty: no channel can be made",
        check=lambda key: not key.reveal() or len(key.reveal()) >= KEY_LENGTH_MIN,
        wanted="32 characters or more, or none",
    )
    url: str = setting(
        "TRAILHOUSE_ALERTS_URL",
        "",
        "Where people reach the dashboard, such as `https://trailhouse.example.org`: links in messages begin with it",
        check=lambda url: not url or url.startswith(("https://", "http://")),
        wanted="a URL, or none",
    )
    slack_api: str = setting(
        "TRAILHOUSE_ALERTS_SLACK_API",
        "https://slack.com/api/",
        "Where Slack's API is",
        check=lambda url: url.startswith(("https://", "http://")),
        wanted="a URL",
    )
    slack_authorize: str = setting(
        "TRAILHOUSE_ALERTS_SLACK_AUTHORIZE",
        "https://slack.com/oauth/v2/authorize",
        "The page on which a person lets a Slack app in",
        check=lambda url: url.startswith(("https://", "http://")),
        wanted="a URL",
    )

    def clickhouse(self, otherwise: ClickHouseSettings) -> ClickHouseSettings:
        """Who writes the tables of alerts: somebody else's address has a password of its own; the certificates are the same."""
        return replace(otherwise, dsn=self.dsn, secret=Secret()) if self.dsn else otherwise


@dataclass(frozen=True, slots=True)
class MailSettings(Settings):
    """The mail server; without one no mail is sent."""

    host: str = setting("TRAILHOUSE_ALERTS_SMTP_HOST", "", "Mail server; empty: no mail is sent")
    port: int = setting(
        "TRAILHOUSE_ALERTS_SMTP_PORT",
        587,
        "Port of the mail server",
        check=lambda port: 1 <= port <= 65535,
        wanted="1 to 65535",
    )
    tls: str = setting(
        "TRAILHOUSE_ALERTS_SMTP_TLS",
        "starttls",
        "`starttls` (usually port 587), `tls` from the first byte (465), or `none`, which sends in the open",
        check=lambda tls: tls in {"starttls", "tls", "none"},
        wanted="starttls, tls or none",
    )
    ca: str = setting(
        "TRAILHOUSE_ALERTS_SMTP_CA",
        "",
        "File of certificates to trust instead of the machine's own",
    )
    username: str = setting("TRAILHOUSE_ALERTS_SMTP_USER", "", "User at the mail server; empty: no sign-in")
    password: Secret = setting("TRAILHOUSE_ALERTS_SMTP_PASSWORD", Secret(), "Password at the mail server")
    sender: str = setting(
        "TRAILHOUSE_ALERTS_SMTP_FROM",
        "trailhouse@localhost",
        "Whom mails come from",
        check=lambda text: "@" in text and not any(each in text for each in "\r\n"),
        wanted="an e-mail address",
    )


@dataclass(frozen=True, slots=True)
class AlertsSettings(Settings):
    """The role `alerts`: how often it looks, and how it delivers."""

    kafka: KafkaSettings = field(default_factory=KafkaSettings)
    clickhouse: ClickHouseSettings = field(default_factory=ClickHouseSettings)
    metrics: MetricsSettings = field(default_factory=MetricsSettings)
    logs: LogSettings = field(default_factory=LogSettings)
    traces: TracesSettings = field(default_factory=TracesSettings)
    notifications: NotificationSettings = field(default_factory=NotificationSettings)
    mail: MailSettings = field(default_factory=MailSettings)
    group: str = setting(
        "TRAILHOUSE_ALERTS_GROUP",
        "trailhouse-alerts",
        "Kafka consumer group of the alerts processes, of which one at a time looks and delivers",
        check=bool,
        wanted="a group name",
    )
    session_timeout_s: float = setting(
        "TRAILHOUSE_ALERTS_SESSION_TIMEOUT_S",
        10.0,
        "Seconds without a sign of life until another alerts process takes over",
        check=lambda seconds: 6 <= seconds <= 300,
        wanted="6 to 300",
    )
    every_s: float = setting(
        "TRAILHOUSE_ALERTS_EVERY_S",
        1.0,
        "Seconds between two looks at what was stored",
        check=lambda seconds: 0.01 <= seconds <= 300,
        wanted="0.01 to 300",
    )
    reports_every_s: float = setting(
        "TRAILHOUSE_ALERTS_REPORTS_EVERY_S",
        300.0,
        "Seconds between two looks at a report's figure",
        check=lambda seconds: 0.01 <= seconds <= 86_400,
        wanted="0.01 to 86400",
    )
    report_timeout_s: float = setting(
        "TRAILHOUSE_ALERTS_REPORT_TIMEOUT_S",
        30.0,
        "Seconds a report's figure may take; then it is given up until the next look at it",
        check=lambda seconds: 1 <= seconds <= 600,
        wanted="1 to 600",
    )
    timeout_s: float = setting(
        "TRAILHOUSE_ALERTS_TIMEOUT_S",
        10.0,
        "Seconds a receiver may take, all in all",
        check=lambda seconds: 0.1 <= seconds <= 120,
        wanted="0.1 to 120",
    )
    backoff_s: float = setting(
        "TRAILHOUSE_ALERTS_BACKOFF_S",
        5.0,
        "Seconds until the second attempt; each further pause is twice as long, an hour at most",
        check=lambda seconds: 0.01 <= seconds <= 3_600,
        wanted="0.01 to 3600",
    )
    attempts: int = setting(
        "TRAILHOUSE_ALERTS_ATTEMPTS",
        12,
        "Attempts until a notification is given up and shown as dead",
        check=lambda attempts: 1 <= attempts <= 100,
        wanted="1 to 100",
    )
    allow: str = setting(
        "TRAILHOUSE_ALERTS_ALLOW",
        "",
        "Private networks that webhooks may reach, such as `10.1.0.0/16`, separated by commas; there plain http is allowed, too",
        check=_are_networks,
        wanted="networks, or none",
    )
