"""What the collector takes: the items of a request, held to the contract and to the key's organisations. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any, Final

from trailhouse.producers.errors import InvalidEvent
from trailhouse.producers.event import FIELD, derive_id, encode, new_fields
from trailhouse.producers.field import CHECKS
from trailhouse.queries.batch_text import Unreadable
from trailhouse.queries.key import Key, Scope
from trailhouse.queries.self_audit import SOURCE, is_own

EVENT: Final = "event"
# The reason of a refusal for an organisation that is not the key's.
ORG: Final = "org"
# Rosters say who is who (two ids, one person): what erasing and exporting follow is not for any sender to say.
ROSTER: Final = "roster:"
_NAME: Final = re.compile(r"[A-Za-z][A-Za-z0-9_.-]{0,63}")
_OF_A_KEY: Final = re.compile(r"(?:key )?(?P<name>.*) must ", re.DOTALL)
_REPEATABLE: Final = (
    "is required with an Idempotency-Key or an event_id: a repeat must be the same event, its time included"
)


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why the item at `index` was not taken: `status` as if it had come alone, and field and rule, never a value."""

    index: int
    field: str
    rule: str
    status: int = HTTPStatus.UNPROCESSABLE_ENTITY
    reason: str = "contract"

    def to_dict(self) -> dict[str, Any]:
        return {"index": self.index, "status": int(self.status), "field": self.field, "rule": self.rule}


@dataclass(slots=True)
class Batch:
    """A request's events as they go to Kafka. `ids` has a place for each item, None where it was refused."""

    values: list[bytes] = field(default_factory=list)
    ids: list[str | None] = field(default_factory=list)
    refusals: list[Refusal] = field(default_factory=list)
    size: int = 0

    def to_dict(self) -> dict[str, Any]:
        """The answer's body."""
        return {
            "accepted": len(self.values),
            "ids": self.ids,
            "errors": [each.to_dict() for each in self.refusals],
        }


class _Refused(Exception):
    def __init__(self, field: str, rule: str, status: int, reason: str) -> None:
        super().__init__(field, rule)
        self.field, self.rule, self.status, self.reason = field, rule, status, reason


def collect(items: Iterable[Any], key: Key, idempotency_key: str | None) -> Batch:
    """Check every item; a bad one is refused by itself. Raises what reading the items raises."""
    batch = Batch()
    for index, item in enumerate(items):
        try:
            event_id, value = _event(item, key, idempotency_key, index)
        except InvalidEvent as error:
            batch.ids.append(None)
            name = error.field if error.field in FIELD or error.field == EVENT else _shown(error.field)
            batch.refusals.append(Refusal(index, name, _told(error)))
        except _Refused as error:
            batch.ids.append(None)
            batch.refusals.append(Refusal(index, error.field, error.rule, error.status, error.reason))
        else:
            batch.ids.append(event_id)
            batch.values.append(value)
            batch.size += len(value)
    return batch


def _event(item: Any, key: Key, idempotency_key: str | None, index: int) -> tuple[str, bytes]:
    if isinstance(item, Unreadable):
        raise _Refused(EVENT, item.rule, HTTPStatus.UNPROCESSABLE_ENTITY, "json")
    if not isinstance(item, dict):
        raise _Refused(EVENT, "must be a JSON object", HTTPStatus.UNPROCESSABLE_ENTITY, "json")
    given: dict[str, Any] = {name: value for name, value in item.items() if value is not None}
    org = _org(given.pop("org_id", None), key)
    action = given.pop("action", None)
    if action is None:
        raise InvalidEvent("action", None, "is required")
    if given.get("source") == SOURCE:
        raise InvalidEvent("source", None, "is kept for what Trailhouse records of itself")
    if (
        isinstance(action, str)
        and action.strip().lower().startswith(ROSTER)
        and Scope.ADMIN not in key.scopes
    ):
        raise InvalidEvent(
            "action", None, f"must not begin with {ROSTER} without the scope {Scope.ADMIN.value}"
        )
    # `new_fields` takes more spellings of these than the contract does.
    for name in ("event_id", "occurred_at"):
        if name in given and (rule := CHECKS[name](given[name])):
            raise InvalidEvent(name, None, rule)
    if "event_id" in given and is_own(given["event_id"]):
        raise InvalidEvent(
            "event_id", None, "must not be a UUID of version 8: those are Trailhouse's own records"
        )
    if idempotency_key is not None and "event_id" not in given:
        # By user, not by key: a service goes on with its requests when its key is changed.
        given["event_id"] = derive_id(org, "collector", key.username, idempotency_key, str(index))
    if "event_id" in given and "occurred_at" not in given:
        raise InvalidEvent("occurred_at", None, _REPEATABLE)
    made = new_fields(action, org, given)
    return made["event_id"], encode(made)


def _org(named: Any, key: Key) -> str:
    """The organisation an item belongs to: the one it names among the key's, the key's default, or its only one."""
    if named is None and key.default_org:
        return key.default_org
    if named is None:
        if key.orgs is None or len(key.orgs) != 1:
            raise InvalidEvent("org_id", None, "is required: the key has several organisations")
        (only,) = key.orgs
        return only
    if rule := CHECKS["org_id"](named):
        raise InvalidEvent("org_id", None, rule)
    if key.orgs is not None and named not in key.orgs:
        raise _Refused("org_id", "is not an organisation of this key", HTTPStatus.FORBIDDEN, ORG)
    return str(named)


def _told(error: InvalidEvent) -> str:
    """The rule without the sender's own words: the name of an attribute may be anything."""
    if error.field != "attributes" or not (found := _OF_A_KEY.match(error.rule)):
        return error.rule
    return f"{_shown(found['name'])} must {error.rule[found.end() :]}"


def _shown(name: str) -> str:
    """A name that looks like one; anything else may be personal data."""
    return name if _NAME.fullmatch(name) else "a name"


def counts(batch: Batch) -> Mapping[str, int]:
    """Refusals by reason, for the metrics."""
    found: dict[str, int] = {}
    for each in batch.refusals:
        found[each.reason] = found.get(each.reason, 0) + 1
    return found
