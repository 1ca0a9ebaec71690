"""What a notification says: one JSON document for programs, and a few lines of text for people. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final
from urllib.parse import urlencode

from trailhouse.queries.alerts.alert import Alert
from trailhouse.queries.alerts.evaluation import Notice

TEXT_LENGTH_MAX: Final = 200
LISTED_MAX: Final = 10
#: What a message shows of people, where the alert and its creator may.
PERSONAL: Final = ("actor", "target", "actor_ip", "actor_email", "actor_name")


@dataclass(frozen=True, slots=True)
class Message:
    """A notice ready to be sent. `url` = where the events are shown, '' = the dashboard's address is not known.

    `people`: by event id what is personal of an event; nothing where it may not be told.
    """

    org: str
    alert_id: str
    alert_name: str
    says: str
    notice: Notice
    url: str = ""
    people: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)

    @property
    def title(self) -> str:
        """One line."""
        notice, per = self.notice, f" · {_short(self.notice.group)}" if self.notice.group else ""
        name = f"{self.alert_name}{per}"
        if notice.kind == "test":
            return f"Test of {self.alert_name}: notifications arrive"
        if notice.kind == "digest":
            return f"{name}: {notice.count} more, held back to keep it short"
        if notice.kind == "absence":
            return f"{name}: nothing came"
        if notice.value is not None:
            return f"{name}: {notice.value:g}"
        if notice.kind == "threshold":
            return f"{name}: {notice.count} events"
        return name if notice.count == 1 else f"{name}: {notice.count} events"

    @property
    def events(self) -> list[dict[str, Any]]:
        """The first events behind it, people as hashes or, where that is allowed, by name."""
        return [
            {
                name: _short(value)
                for name, value in {**each, **self.people.get(str(each["event_id"]), {})}.items()
            }
            for each in self.notice.events
        ]

    def lines(self) -> list[str]:
        """The rest of it for people."""
        notice = self.notice
        lines = [f"Organization {self.org} · {self.says} · {_time(notice.at)}"]
        for each in self.events:
            who = each.get("actor", "")
            parts = [each.get("occurred_at", ""), each.get("action", ""), who, each.get("outcome", "")]
            if each.get("target"):
                parts.insert(3, f"→ {each['target']}")
            lines.append("  ".join(str(part) for part in parts if part))
        by_size = sorted(notice.groups.items(), key=lambda item: (-item[1], item[0]))
        lines += [f"{count}x {_short(group) or 'others'}" for group, count in by_size[:LISTED_MAX]]
        if len(by_size) > LISTED_MAX:
            lines.append(f"… and {len(by_size) - LISTED_MAX} more")
        if notice.count > len(notice.events) > 0:
            lines.append(f"… {notice.count} events in all")
        return lines

    def to_text(self) -> str:
        return "\n".join([*self.lines(), *([self.url] if self.url else [])])

    def to_dict(self) -> dict[str, Any]:
        """The document a webhook gets: Standard Webhooks' `type`, `timestamp` and `data`."""
        notice = self.notice
        data = {
            "notification_id": notice.notice_id,
            "org_id": self.org,
            "alert_id": self.alert_id,
            "alert": self.alert_name,
            "says": self.says,
            "kind": notice.kind,
            "title": self.title,
            "group": notice.group,
            "count": notice.count,
            "value": notice.value,
            "groups": dict(notice.groups),
            "events": self.events,
            "url": self.url,
        }
        return {
            "type": f"alert.{notice.kind}",
            "timestamp": _time(notice.at),
            "data": {name: value for name, value in data.items() if value not in (None, "", {}, [])},
        }


def message_of(
    alert: Alert, notice: Notice, base: str, people: Mapping[str, Mapping[str, Any]] | None = None
) -> Message:
    """The message of an alert's notice; `base` is the dashboard's address without a path, or ''."""
    url = ""
    if base:
        asked = {"org": alert.org, **alert.filters}
        if alert.group_by in {"action", "outcome"} and notice.group:
            asked[alert.group_by] = notice.group
        page = "notifications" if alert.report or notice.kind == "test" else "log"
        url = f"{base.rstrip('/')}/org/dashboard/{page}?{urlencode(asked if page == 'log' else {'org': alert.org})}"
    return Message(alert.org, alert.alert_id, alert.name, alert.says, notice, url, people or {})


def personal(entries: Sequence[Mapping[str, Any]]) -> dict[str, dict[str, Any]]:
    """What is personal of entries, by event id."""
    return {
        str(each["event_id"]): {name: each[name] for name in PERSONAL if name in each} for each in entries
    }


def _short(value: Any) -> Any:
    """No text of an event makes a message long, or another line of it."""
    if not isinstance(value, str):
        return value
    plain = "".join(each if each.isprintable() else " " for each in value)
    return plain if len(plain) <= TEXT_LENGTH_MAX else plain[: TEXT_LENGTH_MAX - 1] + "…"


def _time(ms: int) -> str:
    return datetime.fromtimestamp(ms // 1000, UTC).isoformat().replace("+00:00", "Z")
