"""An alert: when an organisation wants to be told of something, and where to. Pure.

Three kinds. `event`: an event that passes the filter came. `threshold`: more than `above`, or fewer than `below`, such
events within `window_s`; or a report's figure beyond a bound. `absence`: no such event for `window_s`. Filters are those
of `/api/v1/events`, as someone reads it who may not see people: an alert names a person as `u_` and 16 hex digits, so no
personal data is kept in it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final

import orjson

from trailhouse.producers.event import is_printable
from trailhouse.queries.audit_filter import Filter, filter_of
from trailhouse.queries.errors import BadParameter, UnknownParameter

KINDS: Final = ("event", "threshold", "absence")
#: What of an entry an alert may be told apart by.
GROUPS: Final = (
    "action",
    "actor",
    "target",
    "outcome",
    "category",
    "source",
    "entity_asset",
    "project_asset",
)
FILTERS: Final = ("action", "actor", "target", "outcome", "q")
NAME_LENGTH_MAX: Final = 120
CHANNELS_MAX: Final = 10
COUNT_MAX: Final = 10**9
RATE_MAX: Final = 1_000
LONG_AGO: Final = datetime.fromtimestamp(0, UTC)
_SPAN: Final = re.compile(r"([1-9]\d{0,5})([smhd])")
_SECONDS: Final = {"s": 1, "m": 60, "h": 3_600, "d": 86_400}
WINDOW_S: Final = (10, 31 * 86_400)
QUIET_S: Final = (0, 7 * 86_400)
#: What `read_alert` reads; the names are those of the API's fields and the command's options.
FIELDS: Final[Mapping[str, str]] = {
    "name": "what it is called in messages",
    "kind": "`event` (default), `threshold` or `absence`",
    "action": "of events: one action, or all of a noun as `artifact:*`",
    "actor": "of events: who acted, as `u_` and 16 hex digits",
    "target": "of events: who was acted upon, as `u_` and 16 hex digits",
    "outcome": "of events: how it ended",
    "q": "of events: a text that stands in any value that is no personal data",
    "group_by": "told apart by: " + ", ".join(GROUPS),
    "window": "of thresholds and absences: within how long, such as `5m`, `1h`, `7d`",
    "above": "of thresholds: more than this",
    "below": "of thresholds: less than this",
    "report": "of thresholds: a report's figure instead of a number of events",
    "figure": "of thresholds: that report's column; any of its rows beyond the bound counts",
    "last": "of thresholds: that report's period, such as `7d`",
    "quiet": "no second notification about the same within this time, such as `15m` (default `10m`)",
    "rate": "notifications an hour at most; the others come together as one (default 30)",
    "channels": "ids of the channels it goes to",
    "with_pii": "whether messages name people and addresses",
    "paused": "whether it says nothing until it is resumed; what comes meanwhile is not told later",
}


@dataclass(frozen=True, slots=True)
class Alert:
    """An alert as it is kept. `start` is the cursor from which it reads; `created_by` is `key:ID` or `operator:NAME`.

    Seconds: `window_s`, `quiet_s`. `above` and `below` are None where they say nothing. `changed_by`: who changed it last
    or took it over, '' = nobody. `turned_ms`: when its condition was changed last, Unix ms; 0 = never.
    """

    org: str
    alert_id: str
    name: str
    kind: str
    channels: tuple[str, ...]
    filters: Mapping[str, str] = field(default_factory=dict)
    group_by: str = ""
    window_s: int = 0
    above: float | None = None
    below: float | None = None
    report: str = ""
    figure: str = ""
    last: str = ""
    quiet_s: int = 600
    rate: int = 30
    with_pii: bool = False
    is_paused: bool = False
    start: str = ""
    changed_by: str = ""
    turned_ms: int = 0
    created_by: str = ""
    created_at: datetime = LONG_AGO
    muted_until: datetime | None = None
    is_deleted: bool = False

    @property
    def wanted(self) -> Filter:
        """Its filter; never more than someone without `audit:read_pii` may ask."""
        return filter_of(self.filters, read_pii=False)

    @property
    def waits(self) -> bool:
        """Whether time alone makes it speak: fewer events than there should be."""
        return self.kind == "absence" or (self.below is not None and not self.report)

    @property
    def owner(self) -> str:
        """Who answers for it."""
        return self.changed_by or self.created_by

    def is_muted(self, now: datetime) -> bool:
        return self.is_paused or (self.muted_until is not None and now < self.muted_until)

    @property
    def says(self) -> str:
        """When it speaks, in words."""
        what = " ".join(f"{name}={value}" for name, value in self.filters.items()) or "any event"
        per = f" by {self.group_by}" if self.group_by else ""
        if self.kind == "event":
            return f"{what}{per}"
        if self.kind == "absence":
            return f"no {what}{per} for {span(self.window_s)}"
        bound = f"above {self.above:g}" if self.above is not None else f"below {self.below:g}"
        if self.report:
            return f"{self.report}.{self.figure} {bound}" + (
                f" over the last {self.last}" if self.last else ""
            )
        return f"{what}{per} {bound} within {span(self.window_s)}"

    def definition(self) -> str:
        """Everything but ids and times, as JSON."""
        kept = {name: getattr(self, name) for name in _KEPT}
        return orjson.dumps(kept | {"channels": list(self.channels), "filters": dict(self.filters)}).decode()

    @classmethod
    def restored(cls, definition: str, **more: Any) -> Alert:
        """An alert from its `definition` and the rest of its fields; what a later version added is passed over."""
        found = orjson.loads(definition)
        kept = {name: found[name] for name in _KEPT if name in found}
        return cls(channels=tuple(found["channels"]), filters=found["filters"], **kept, **more)


_KEPT: Final = (
    "kind", "group_by", "window_s", "above", "below", "report", "figure", "last", "quiet_s", "rate", "with_pii", "start",
    "is_paused", "changed_by", "turned_ms",
)  # fmt: skip


def read_alert(given: Mapping[str, Any], **more: Any) -> Alert:
    """An alert from a caller's fields (`FIELDS`), checked; `more` are its id, organisation and origin.

    Raises `BadParameter`, `UnknownParameter`.
    """
    for name in given:
        if name not in FIELDS:
            raise UnknownParameter("an alert", name, FIELDS)
    kind = _choice(given, "kind", KINDS, "event")
    name = _text(given, "name")
    if not 1 <= len(name) <= NAME_LENGTH_MAX or not is_printable(name):
        raise BadParameter("name", name, f"1 to {NAME_LENGTH_MAX} printable characters")
    filters = {each: text for each in FILTERS if (text := _text(given, each))}
    filter_of(filters, read_pii=False)
    report, figure = _text(given, "report"), _text(given, "figure")
    above, below = (_number(given, each) for each in ("above", "below"))
    window = _text(given, "window")
    if kind == "threshold":
        if (above is None) == (below is None):
            raise BadParameter("above", above, "a number for either above or below")
        if bool(report) != bool(figure):
            raise BadParameter("figure", figure, "a column of the report; both or none")
        if report and (filters or window or _text(given, "group_by")):
            raise BadParameter("report", report, "a report without filters, window or group_by of events")
    elif above is not None or below is not None or report or figure or _text(given, "last"):
        raise BadParameter("kind", kind, "threshold, where a bound or a report is given")
    needs_window = kind == "absence" or (kind == "threshold" and not report)
    if needs_window != bool(window):
        raise BadParameter("window", window, "such as 5m, for an absence or a threshold of events")
    return Alert(
        name=name,
        kind=kind,
        channels=read_channels(given),
        filters=filters,
        group_by=_choice(given, "group_by", ("", *GROUPS), ""),
        window_s=read_span("window", window, *WINDOW_S) if window else 0,
        above=above,
        below=below,
        report=report,
        figure=figure,
        last=_text(given, "last"),
        quiet_s=read_span("quiet", _text(given, "quiet") or "10m", *QUIET_S),
        rate=_rate(given),
        with_pii=_flag(given, "with_pii"),
        is_paused=_flag(given, "paused"),
        **more,
    )


def read_span(name: str, text: str, least: int, most: int) -> int:
    """Seconds of `90s`, `5m`, `2h`, `7d`, or 0; raises `BadParameter`."""
    found = _SPAN.fullmatch(text)
    seconds = int(found[1]) * _SECONDS[found[2]] if found else 0 if text == "0" else -1
    if not least <= seconds <= most:
        raise BadParameter(
            name, text, f"a time from {span(least)} to {span(most)}, such as 30s, 5m, 2h or 7d"
        )
    return seconds


def span(seconds: int) -> str:
    """As `read_span` reads it, in the largest unit that fits."""
    unit = next(each for each in "dhms" if seconds % _SECONDS[each] == 0)
    return f"{seconds // _SECONDS[unit]}{unit}" if seconds else "0"


def _text(given: Mapping[str, Any], name: str) -> str:
    value = given.get(name)
    if value is None:
        return ""
    if not isinstance(value, str):
        raise BadParameter(name, value, "a text")
    return value.strip()


def _choice(given: Mapping[str, Any], name: str, choices: Sequence[str], default: str) -> str:
    value = _text(given, name) or default
    if value not in choices:
        raise BadParameter(name, value, "one of " + ", ".join(each for each in choices if each))
    return value


def _number(given: Mapping[str, Any], name: str) -> float | None:
    value = given.get(name)
    if value is None or value == "":
        return None
    try:
        number = float(value) if not isinstance(value, bool) else float("nan")
    except (TypeError, ValueError):
        number = float("nan")
    if not 0 <= number <= COUNT_MAX:
        raise BadParameter(name, value, f"a number from 0 to {COUNT_MAX}")
    return number


def _rate(given: Mapping[str, Any]) -> int:
    number = _number(given, "rate")
    if number is None:
        return 30
    if not 1 <= number <= RATE_MAX or number != int(number):
        raise BadParameter("rate", given["rate"], f"a whole number from 1 to {RATE_MAX}")
    return int(number)


def _flag(given: Mapping[str, Any], name: str) -> bool:
    value = given.get(name, False)
    if isinstance(value, bool):
        return value
    if value not in {"true", "false", "on", ""}:
        raise BadParameter(name, value, "true or false")
    return value in {"true", "on"}


def read_channels(given: Mapping[str, Any]) -> tuple[str, ...]:
    """The channels a caller's fields name, each once; raises `BadParameter`."""
    value = given.get("channels", ())
    named = value.split(",") if isinstance(value, str) else value
    if not isinstance(named, list | tuple) or not all(isinstance(each, str) for each in named):
        raise BadParameter("channels", value, "ids of channels")
    found = tuple(dict.fromkeys(each.strip() for each in named if each.strip()))
    if not 1 <= len(found) <= CHANNELS_MAX:
        raise BadParameter("channels", ",".join(found), f"1 to {CHANNELS_MAX} ids of channels")
    return found
