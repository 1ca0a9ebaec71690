"""Filters of the event log: a caller's texts as conditions over a row, every value bound. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any, Final

from trailhouse.producers.event import Outcome
from trailhouse.queries.audit_columns import EVENT
from trailhouse.queries.errors import BadParameter
from trailhouse.queries.periods import EARLIEST, LATEST

#: What each does; the names are those of the query parameters.
FILTERS: Final[Mapping[str, str]] = {
    "since": "events that happened at or after this date or instant (RFC 3339)",
    "until": "events that happened before this instant, or up to the end of this date",
    "action": "one action, or all of a noun as `artifact:*`",
    "actor": "who acted: an actor id or e-mail, or `u_` and 16 hex digits, the only form for those who may not see people",
    "target": "who was acted upon, in the same forms",
    "outcome": "how it ended: " + ", ".join(Outcome),
    "q": "a text that stands in any value you may see, in any case",
}
_REF: Final = re.compile(r"u_([0-9a-f]{16})", re.ASCII)
_DATE: Final = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)
TEXT_LENGTH_MAX: Final = 256
_FIELDS: Final = {
    "actor": ("user_ref", "actor_user_id", "actor_email"),
    "target": ("target_ref", "user_asset", "user_email"),
}


@dataclass(frozen=True, slots=True)
class Filter:
    """SQL over `event` and, where `read_pii`, `pii`; `bound` holds every value that stands in it."""

    sql: str = "1"
    bound: Mapping[str, Any] = field(default_factory=dict)

    @property
    def is_open(self) -> bool:
        """Whether it lets everything through."""
        return self.sql == "1"


def filter_of(params: Mapping[str, str], *, read_pii: bool) -> Filter:
    """The filter that `params` ask for; raises `BadParameter`."""
    conditions: list[str] = []
    bound: dict[str, Any] = {}
    for name, text in params.items():
        if not 1 <= len(text) <= TEXT_LENGTH_MAX or "\x00" in text:
            raise BadParameter(name, text, f"1 to {TEXT_LENGTH_MAX} characters")
        if name in {"since", "until"}:
            bound[name] = _millis(name, text)
            sign = ">=" if name == "since" else "<"
            conditions.append(f"toUnixTimestamp64Milli(event.occurred_at) {sign} {{{name}:Int64}}")
        elif name == "action":
            is_noun = text.endswith(":*")
            bound[name] = text[:-1] if is_noun else text
            conditions.append(
                "startsWith(event.action, {action:String})" if is_noun else "event.action = {action:String}"
            )
        elif name in _FIELDS:
            condition, bound[name] = _person(name, text, read_pii=read_pii)
            conditions.append(condition)
        elif name == "outcome":
            if text not in set(Outcome):
                raise BadParameter(name, text, "one of " + ", ".join(Outcome))
            bound[name] = text
            conditions.append("event.outcome = {outcome:String}")
        else:
            bound[name] = text
            conditions.append(f"positionCaseInsensitiveUTF8({_shown(read_pii=read_pii)}, {{q:String}}) > 0")
    return Filter(" AND ".join(conditions) or "1", bound)


def _person(name: str, text: str, *, read_pii: bool) -> tuple[str, Any]:
    ref, *fields = _FIELDS[name]
    if found := _REF.fullmatch(text):
        return f"event.{ref} = {{{name}:UInt64}}", int(found[1], 16)
    if not read_pii:
        # Whoever may not see people must not find out by asking for them either.
        raise BadParameter(name, text, "u_ and 16 hex digits, as answers show it")
    person, email = fields
    return (
        f"(pii['{person}'] = {{{name}:String}} OR lowerUTF8(pii['{email}']) = lowerUTF8({{{name}:String}}))",
        text,
    )


def _shown(*, read_pii: bool) -> str:
    """All values of an entry as one text, as far as the caller may see them: no search finds more than an answer shows."""
    values: Sequence[str] = [
        column.value(read_pii=read_pii) for column in EVENT if column.kind in {"text", "json"}
    ]
    return "concat(" + ", char(10), ".join(value for value in values if value) + ")"


def _millis(name: str, text: str) -> int:
    """Milliseconds since 1970 UTC; a date is its first moment, for `until` the first after it."""
    try:
        if _DATE.fullmatch(text):
            day = date.fromisoformat(text) + timedelta(days=name == "until")
            moment = datetime(day.year, day.month, day.day, tzinfo=UTC)
        else:
            moment = datetime.fromisoformat(text)
    except (ValueError, OverflowError):
        moment = None
    if moment is None or moment.tzinfo is None or not EARLIEST.year <= moment.year <= LATEST.year:
        raise BadParameter(name, text, "a date such as 2026-01-31, or a time such as 2026-01-31T12:34:56Z")
    return int(moment.timestamp() * 1000)
