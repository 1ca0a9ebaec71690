"""What an entry of the audit log consists of, as SQL over a stored row: W&B's nineteen keys, and our own fuller form.

A column says where its value comes from twice: `open` reads the row of `events` alone (`event`), which holds no
plaintext personal data; `full` may also read `pii`, the row's personal data. So an anonymised entry is not a matter of
removing anything: what `open` cannot reach is not in it. The empty text, 0, `{}` and `[]` mean "no such key".
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

from trailhouse.producers.event import FIELD

Kind = Literal["text", "number", "json", "time"]


@dataclass(frozen=True, slots=True)
class Column:
    """One key of an entry. `open` '' = personal data as a whole, so never in an anonymised entry."""

    name: str
    open: str
    full: str
    kind: Kind = "text"

    def value(self, *, read_pii: bool) -> str:
        """The SQL of the value as text, for `json` as JSON text, for `number` and `time` as itself; '' = not there."""
        return self.full if read_pii else self.open


def _masked(ref: str) -> str:
    """`u_` and 16 hex digits for whoever may not see people, as in reports."""
    return f"if({ref} = 0, '', concat('u_', lower(leftPad(hex({ref}), 16, '0'))))"


def _field(name: str) -> Column:
    """A field of the event contract: kept with personal data as a whole, or in `events` with what is personal redacted."""
    original = f"pii['{name}']"
    if FIELD[name].is_pii:
        return Column(name, "", original)
    return Column(name, f"toString(event.{name})", f"if({original} != '', {original}, event.{name})")


def _first(*values: str) -> str:
    """The first of `values` that is not empty."""
    *init, last = values
    return "multiIf(" + "".join(f"{value} != '', {value}, " for value in init) + f"{last})"


_SECONDS: Final = "formatDateTime(event.occurred_at, '%FT%TZ', 'UTC')"
_RESPONSE_CODE: Final = Column("response_code", "event.response_code", "event.response_code", "number")

#: W&B's keys in alphabetical order, as its table has them (requirements §4).
WANDB: Final[tuple[Column, ...]] = (
    *(
        _field(name)
        for name in (
            "action",
            "actor_email",
            "actor_ip",
            "actor_user_id",
            "artifact_asset",
            "artifact_digest",
            "artifact_qualified_name",
            "artifact_sequence_asset",
            "cli_version",
            "entity_asset",
            "entity_name",
            "project_asset",
            "project_name",
            "report_asset",
            "report_name",
        )
    ),
    _RESPONSE_CODE,
    # To the second, as W&B's example; a client that reads exactly that form must not meet milliseconds.
    Column("timestamp", _SECONDS, _SECONDS, "time"),
    _field("user_asset"),
    _field("user_email"),
)


def _millis(column: str) -> str:
    millis = f"leftPad(toString(toUnixTimestamp64Milli(event.{column}) % 1000), 3, '0')"
    return f"concat(formatDateTime(event.{column}, '%FT%T', 'UTC'), '.', {millis}, 'Z')"


def _as_is(name: str, sql: str = "", kind: Kind = "text") -> Column:
    """A column without personal data."""
    return Column(name, sql or f"toString(event.{name})", sql or f"toString(event.{name})", kind)


_ATTRIBUTES: Final = "CAST(event.attributes, 'Map(String, String)')"
# The originals lie in `pii` under `attributes.NAME`.
_ORIGINALS: Final = (
    "mapApply((name, value) -> (substring(name, 12), value), "
    "mapFilter((name, value) -> startsWith(name, 'attributes.'), pii))"
)

#: Our own form, in the contract's names: everything that is known of an event.
EVENT: Final[tuple[Column, ...]] = (
    _as_is("event_id"),
    _as_is("occurred_at", _millis("occurred_at"), "time"),
    _as_is("received_at", _millis("received_at"), "time"),
    _as_is("org_id"),
    _field("action"),
    _as_is("category"),
    _as_is("crud"),
    _as_is("outcome"),
    _as_is("actor_type"),
    Column(
        "actor",
        _masked("event.user_ref"),
        _first("pii['actor_user_id']", "pii['actor_email']", _masked("event.user_ref")),
    ),
    *(
        _field(name)
        for name in ("actor_user_id", "actor_email", "actor_name", "actor_ip", "actor_role", "user_agent")
    ),
    Column(
        "target",
        _masked("event.target_ref"),
        _first("pii['user_asset']", "pii['user_email']", _masked("event.target_ref")),
    ),
    *(
        _field(name)
        for name in (
            "user_asset",
            "user_email",
            "entity_asset",
            "entity_name",
            "project_asset",
            "project_name",
            "report_asset",
            "report_name",
            "artifact_asset",
            "artifact_digest",
            "artifact_qualified_name",
            "artifact_sequence_asset",
        )
    ),
    _RESPONSE_CODE,
    *(_field(name) for name in ("cli_version", "source", "correlation_id")),
    _as_is("changed_fields", "toJSONString(event.changed_fields)", "json"),
    Column("changes", "", "pii['changes']", "json"),
    Column(
        "attributes",
        f"toJSONString({_ATTRIBUTES})",
        f"toJSONString(mapUpdate({_ATTRIBUTES}, {_ORIGINALS}))",
        "json",
    ),
    _as_is("tags", "toJSONString(event.tags)", "json"),
    _as_is("pii_tags", "toJSONString(event.pii_tags)", "json"),
    # The one name nobody can give twice: an id may come again with another event of another day.
    _as_is("place", "concat(event.epoch, '/', toString(event.partition), '/', toString(event.offset))"),
)
