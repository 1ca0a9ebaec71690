"""What an alert says of the events it has read, and what it keeps to itself. Pure: state and matches in, notices out.

Nothing is said twice within the quiet time of a group, and no more than `rate` notices an hour; what is held back comes
together as one digest when the time is over, so every match is told of or counted in what is told. Events count by when
Kafka received them: one that comes days late counts when it comes, and none is passed over because this role was away.
Thresholds count in sixtieths of their window.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from typing import Any, Final, NamedTuple

import orjson

from trailhouse.queries.alerts.alert import Alert

HOUR_MS: Final = 3_600_000
GROUPS_MAX: Final = 5_000
SAMPLES: Final = 5
PARTS: Final = 60
#: What of an event a notice keeps: none of it is personal data, people are hashes.
KEPT: Final = (
    "event_id", "occurred_at", "action", "actor", "target", "outcome", "category", "source", "place",
)  # fmt: skip
_SPACE: Final = uuid.UUID("6c1b6f0e-6d0a-4a7e-9a55-8f3f2f6f6a10")


class Match(NamedTuple):
    """An event that passes the filter: its group, when Kafka received it (Unix ms), and what a notice keeps of it."""

    group: str
    at: int
    event: Mapping[str, Any]


@dataclass(slots=True)
class Group:
    """What is kept of one group. Times are Unix ms; `parts` counts events by part of the window."""

    quiet_until: int = 0
    held: int = 0
    seen: int = 0
    parts: dict[str, int] = field(default_factory=dict)
    events: list[dict[str, Any]] = field(default_factory=list)


@dataclass(slots=True)
class State:
    """How far an alert is: its cursor, its groups, this hour's notices, and what did not fit in it.

    `turned_ms`: the condition of which turn its groups speak (`Alert.turned_ms`).
    """

    cursor: str = ""
    groups: dict[str, Group] = field(default_factory=dict)
    hour: int = 0
    sent: int = 0
    over: dict[str, int] = field(default_factory=dict)
    checked: int = 0
    turned_ms: int = 0

    @property
    def is_idle(self) -> bool:
        """Whether nothing is held back that time will let go."""
        return not self.over and not any(group.held for group in self.groups.values())

    def to_text(self) -> str:
        return orjson.dumps(asdict(self)).decode()

    def turn(self, turned_ms: int) -> None:
        """Begin anew for a condition that was changed; what the old one held back goes into the digest."""
        if held := sum(group.held for group in self.groups.values()):
            self.over[""] = self.over.get("", 0) + held
        self.groups, self.checked, self.turned_ms = {}, 0, turned_ms

    @classmethod
    def from_text(cls, text: str) -> State:
        found = orjson.loads(text)
        groups = {name: Group(**each) for name, each in found.pop("groups").items()}
        return cls(groups=groups, **found)


@dataclass(frozen=True, slots=True)
class Notice:
    """What is told once. `kind`: event, threshold, absence, digest or test; `count` events, or a report's `value`.

    `notice_id` stays the same however often it is sent.
    """

    notice_id: str
    kind: str
    at: int
    group: str = ""
    count: int = 0
    value: float | None = None
    events: tuple[Mapping[str, Any], ...] = ()
    groups: Mapping[str, int] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_dict(cls, found: Mapping[str, Any]) -> Notice:
        return cls(**{**found, "events": tuple(found["events"])})


def match_of(alert: Alert, entry: Mapping[str, Any], received: int) -> Match:
    """An entry of `/api/v1/events` as a match of this alert."""
    group = str(entry.get(alert.group_by, "")) if alert.group_by else ""
    return Match(group, received, {name: entry[name] for name in KEPT if name in entry})


class Evaluation:
    """One step of an alert, the `number`th: it changes `state` and collects `notices`; `now` is Unix ms."""

    def __init__(self, alert: Alert, state: State, number: int, now: int) -> None:
        self.notices: list[Notice] = []
        self._alert, self._state, self._number, self._now = alert, state, number, now
        self._is_muted = alert.is_muted(datetime.fromtimestamp(now / 1000, UTC))
        if state.turned_ms != alert.turned_ms:
            state.turn(alert.turned_ms)

    def run(
        self, matches: Sequence[Match], *, is_current: bool, values: Iterable[float] | None = None
    ) -> None:
        """Take the next matches. `is_current`: nothing that is stored is left to read, so silence may be judged.

        `values`: a report's figures, where it was asked.
        """
        by_group: dict[str, list[Match]] = {}
        for match in matches:
            by_group.setdefault(match.group, []).append(match)
        for name, found in by_group.items():
            self._take(name, found)
        if is_current and self._alert.waits:
            self._wait()
        if values is not None:
            self._weigh(list(values))
        self._let_go()
        self._bound()

    def _take(self, name: str, found: Sequence[Match]) -> None:
        group = self._state.groups.setdefault(name, Group())
        group.seen = max(group.seen, *(match.at for match in found))
        if self._alert.kind == "event":
            self._tell_or_hold(name, group, len(found), [match.event for match in found])
        elif self._alert.kind == "threshold" and not self._alert.report:
            step = self._step
            touched = {match.at // step for match in found}
            for match in found:
                part = str(match.at // step)
                group.parts[part] = group.parts.get(part, 0) + 1
            newest = max(int(part) for part in group.parts)
            group.parts = {part: n for part, n in group.parts.items() if int(part) > newest - 2 * PARTS}
            if self._alert.above is not None and (most := fullest(group.parts, touched)) > self._alert.above:
                self._tell_if_quiet_is_over(name, group, most, [match.event for match in found])

    def _wait(self) -> None:
        """Speak of silence: too few events in the window that ends now."""
        window = self._alert.window_s * 1000
        begun = max(int(self._alert.created_at.timestamp() * 1000), self._alert.turned_ms)
        if not self._alert.group_by:
            self._state.groups.setdefault("", Group(seen=begun if self._alert.kind == "absence" else 0))
        if self._now - begun < window:
            return
        for name, group in self._state.groups.items():
            if self._alert.kind == "absence":
                if self._now - max(group.seen, begun) >= window:
                    self._tell_if_quiet_is_over(name, group, 0, [])
            elif self._alert.below is not None:
                first = (self._now - window) // self._step
                count = sum(n for part, n in group.parts.items() if int(part) > first)
                if count < self._alert.below:
                    self._tell_if_quiet_is_over(name, group, count, [])

    def _weigh(self, values: list[float]) -> None:
        alert, group = self._alert, self._state.groups.setdefault("", Group())
        self._state.checked = self._now
        value = (max if alert.above is not None else min)(values, default=0.0)
        is_beyond = value > alert.above if alert.above is not None else value < (alert.below or 0)
        if is_beyond and self._now >= group.quiet_until:
            self._tell("", group, 0, [], value=value)

    def _let_go(self) -> None:
        """Tell what was held back for long enough."""
        for name, group in self._state.groups.items():
            if group.held and self._now >= group.quiet_until:
                count, events = group.held, group.events
                group.held, group.events = 0, []
                self._tell(name, group, count, events, kind="digest")
        state = self._state
        if state.over and self._now - state.hour >= HOUR_MS:
            over, state.over = state.over, {}
            state.hour, state.sent = self._now, 1
            self._say(
                Notice(self._id("digest:*"), "digest", self._now, count=sum(over.values()), groups=over)
            )

    def _tell_or_hold(self, name: str, group: Group, count: int, events: Sequence[Mapping[str, Any]]) -> None:
        if self._now >= group.quiet_until and not group.held:
            self._tell(name, group, count, events)
        elif not self._is_muted:
            group.held += count
            group.events = [*group.events, *map(dict, events)][:SAMPLES]

    def _tell_if_quiet_is_over(
        self, name: str, group: Group, count: int, events: Sequence[Mapping[str, Any]]
    ) -> None:
        if self._now >= group.quiet_until:
            self._tell(name, group, count, events)

    def _tell(  # noqa: PLR0913 - each is something of a notice
        self,
        name: str,
        group: Group,
        count: int,
        events: Sequence[Mapping[str, Any]],
        *,
        kind: str = "",
        value: float | None = None,
    ) -> None:
        """Tell of a group and begin its quiet time; beyond this hour's number it is counted for the digest."""
        if self._is_muted:
            return
        alert, state = self._alert, self._state
        # Silence would be told of again at every look.
        quiet = alert.quiet_s or (max(alert.window_s, 60) if alert.waits or alert.report else 0)
        group.quiet_until = self._now + quiet * 1000
        if self._now - state.hour >= HOUR_MS and not state.over:
            state.hour, state.sent = self._now, 0
        if state.sent >= alert.rate:
            kept = name if name in state.over or len(state.over) < GROUPS_MAX else ""
            state.over[kept] = state.over.get(kept, 0) + max(count, 1)
            return
        state.sent += 1
        kind = kind or alert.kind
        chosen = tuple(dict(each) for each in events[:SAMPLES])
        self._say(Notice(self._id(f"{kind}:{name}"), kind, self._now, name, count, value, chosen))

    def _say(self, notice: Notice) -> None:
        if not self._is_muted:
            self.notices.append(notice)

    def _bound(self) -> None:
        """Forget the groups seen longest ago, of more than are kept; what was held of them goes into the digest."""
        groups = self._state.groups
        if len(groups) <= GROUPS_MAX:
            return
        for name in sorted(groups, key=lambda each: groups[each].seen)[: len(groups) - GROUPS_MAX]:
            if held := groups.pop(name).held:
                self._state.over[""] = self._state.over.get("", 0) + held

    @property
    def _step(self) -> int:
        return max(1_000, self._alert.window_s * 1000 // PARTS)

    def _id(self, what: str) -> str:
        return str(uuid.uuid5(_SPACE, f"{self._alert.org}/{self._alert.alert_id}/{self._number}/{what}"))


def fullest(parts: Mapping[str, int], touched: Iterable[int]) -> int:
    """The most events in any window that holds one of the `touched` parts."""
    counts = {int(part): n for part, n in parts.items()}
    ends = {end for part in touched for end in range(part, part + PARTS)}
    return max((sum(n for part, n in counts.items() if end - PARTS < part <= end) for end in ends), default=0)
