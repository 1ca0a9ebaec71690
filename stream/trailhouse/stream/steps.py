"""What happens to an event: `STEPS`, read from top to bottom, is the product's behaviour.

A step is a pure, total function of the raw event, the line written so far and the rules: no clock ("now" is the
broker's timestamp), no I/O, no randomness, so running it again gives the same line. It fills fields of `out`, or
raises `Rejection`.
"""

from __future__ import annotations

import ipaddress
import re
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, timedelta
from functools import lru_cache
from itertools import compress
from operator import itemgetter
from typing import Any, Final, NamedTuple

import msgspec
from msgspec.structs import astuple

from trailhouse.producers.actions import classify
from trailhouse.producers.event import (
    ACTION_LENGTH_MAX,
    FIELDS,
    ORG_ID,
    SCHEMA_VERSION,
    ActorType,
    Outcome,
    is_printable,
)
from trailhouse.stream.enriched import EPOCH_START, RULES_VERSION, Enriched
from trailhouse.stream.persons import Pseudonyms, email_identity
from trailhouse.stream.pii import emails_in_json, kind_of_name, scan
from trailhouse.stream.raw import RawEvent
from trailhouse.stream.rejected import Reason, Rejection

CLOCK_AHEAD_MAX: Final = timedelta(minutes=10)
LATE_AFTER: Final = timedelta(days=400)


@dataclass(frozen=True, slots=True)
class Rules:
    """Everything the steps depend on besides the record: who may be here, and the key of the pseudonyms."""

    pseudonyms: Pseudonyms
    orgs: frozenset[str] | None = None


Step = Callable[[RawEvent, Enriched, Rules], None]


def validate(event: RawEvent, out: Enriched, rules: Rules) -> None:
    """Identity, time and organisation are what the contract says; everything later may rely on it."""
    if event.schema_version is not None and event.schema_version != SCHEMA_VERSION:
        reason = Reason.UNSUPPORTED_VERSION if event.schema_version > SCHEMA_VERSION else Reason.INVALID_FIELD
        raise Rejection(reason, f"schema_version: this worker reads {SCHEMA_VERSION}")
    out.event_id = _canonical_id(event.event_id)
    out.org_id = _checked_org(event.org_id)
    out.action = _known_action(event.action).name
    moment = event.occurred_at if event.occurred_at.tzinfo is UTC else _in_utc(event)
    if moment.microsecond % 1000:
        moment = moment.replace(microsecond=moment.microsecond // 1000 * 1000)
    if moment < EPOCH_START:
        raise Rejection(Reason.CLOCK_SKEW, "occurred_at: before 1970")
    if moment - out.received_at > CLOCK_AHEAD_MAX:
        raise Rejection(Reason.CLOCK_SKEW, "occurred_at: more than 10 minutes after Kafka received it")
    out.occurred_at = moment


def scope_to_org(event: RawEvent, out: Enriched, rules: Rules) -> None:
    """Only organisations this topic is trusted for (design §3: on Kafka a record carries no principal)."""
    if rules.orgs is not None and event.org_id not in rules.orgs:
        raise Rejection(Reason.ORG_DENIED, "org_id: not among the organisations of this topic")


def classify_action(event: RawEvent, out: Enriched, rules: Rules) -> None:
    """Noun, verb, class and category from the catalogue, or from the name itself."""
    known = _known_action(event.action)
    out.noun, out.verb, out.crud, out.category = known.noun, known.verb, known.crud, known.category
    if known.pii_tags:
        out.pii, out.pii_tags = {"action": event.action}, list(known.pii_tags)


def derive_outcome(event: RawEvent, out: Enriched, rules: Rules) -> None:
    """How it ended: as said, else from the HTTP status; a refused login is not activity of the person named in it."""
    if event.outcome is not None and event.outcome not in _OUTCOMES:
        raise Rejection(Reason.INVALID_FIELD, "outcome: must be one of " + ", ".join(_OUTCOMES))
    code = event.response_code or 0
    out.response_code = code
    out.outcome = event.outcome or (
        "denied" if code in {401, 403} else "failure" if code >= 400 else "success" if code else "unknown"
    )
    action = _known_action(event.action)
    has_ended_well = out.outcome in {"success", "unknown"}
    out.is_login = action.is_login and has_ended_well
    out.is_activity = action.is_activity and (has_ended_well or not action.is_login)


def identify_actor(event: RawEvent, out: Enriched, rules: Rules) -> None:
    """Who acted: `actor_user_id` verbatim, else the normalised e-mail, else nobody (design §3)."""
    out.identity = event.actor_user_id or (email_identity(event.actor_email) if event.actor_email else "")
    if event.actor_type is None:
        out.actor_type = "user" if out.identity else "anonymous"
    elif event.actor_type in _ACTOR_TYPES:
        out.actor_type = event.actor_type
    else:
        raise Rejection(Reason.INVALID_FIELD, "actor_type: must be one of " + ", ".join(_ACTOR_TYPES))
    if out.actor_type == "anonymous":
        out.identity = ""


def tag_pii(event: RawEvent, out: Enriched, rules: Rules) -> None:
    """Personal data leaves the event: by field (the contract says which), by attribute name, and by value anywhere."""
    values = astuple(event)  # `compress` leaves out what is absent: events are sparse
    pii: dict[str, str] = dict(compress(zip(_PII_FIELDS, present := _pii_of(values), strict=True), present))
    tags = [*out.pii_tags, *pii]
    pii |= out.pii
    for name, value in compress(zip(_TEXT_FIELDS, present := _text_of(values), strict=True), present):
        found = scan(value)
        setattr(out, name, value if found is None else found.redacted)
        if found is not None:
            pii[name] = value
            tags.extend(f"{name}:{kind}" for kind in found.kinds)
    if event.changes:
        pii["changes"] = msgspec.json.encode(event.changes).decode()
        tags.append("changes")
        out.changed_fields = [found.redacted if (found := scan(name)) else name for name in event.changes]
    if event.attributes:
        out.attributes = _tag_attributes(event.attributes, pii, tags)
    out.pii, out.pii_tags = pii, tags


def pseudonymise(event: RawEvent, out: Enriched, rules: Rules) -> None:
    """Keyed hashes in place of persons and addresses, and the list of everyone this event speaks of."""
    org, pseudonyms = out.org_id, rules.pseudonyms
    people = pseudonyms.people(
        org,
        out.identity,
        event.actor_user_id,
        event.actor_email,
        event.actor_ip,
        event.user_asset,
        event.user_email,
    )
    out.user_ref, out.target_ref, out.address_ref = people.user, people.target, people.address
    others: list[str] = []
    for name, value in out.pii.items():
        if name == "changes":
            others.extend(emails_in_json(value))
        elif "@" in value and name not in _EMAIL_FIELDS and (found := scan(value)) is not None:
            others.extend(found.emails)
    if others:
        out.subject_refs = sorted(
            {*people.subjects, *(pseudonyms.ref(org, email_identity(each)) for each in others)}
        )
    else:
        out.subject_refs = list(people.subjects)


def derive_facts(event: RawEvent, out: Enriched, rules: Rules) -> None:
    """What follows from the rest: kind of network, lateness."""
    if event.actor_ip:
        out.network = network_of(event.actor_ip)
    if out.received_at - out.occurred_at > LATE_AFTER:
        out.tags = ["late"]
    out.rules = RULES_VERSION


STEPS: Final[tuple[Step, ...]] = (
    validate,
    scope_to_org,
    classify_action,
    derive_outcome,
    identify_actor,
    tag_pii,
    pseudonymise,
    derive_facts,
)


_OUTCOMES: Final = tuple(each.value for each in Outcome)
_ACTOR_TYPES: Final = tuple(each.value for each in ActorType)
_PII_FIELDS: Final = tuple(field.name for field in FIELDS if field.is_pii and field.kind == "text")
_TEXT_FIELDS: Final = tuple(field.name for field in FIELDS if not field.is_pii and field.kind == "text")
_EMAIL_FIELDS: Final = frozenset({"actor_email", "user_email"})
_pii_of: Final = itemgetter(*map(RawEvent.__struct_fields__.index, _PII_FIELDS))
_text_of: Final = itemgetter(*map(RawEvent.__struct_fields__.index, _TEXT_FIELDS))
_UUID: Final = re.compile(r"(?:urn:uuid:)?\{?([0-9a-fA-F]{8}-?(?:[0-9a-fA-F]{4}-?){3}[0-9a-fA-F]{12})\}?")
_CANONICAL_ID: Final = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")


@lru_cache(maxsize=65_536)
def _checked_org(org_id: str) -> str:
    if not ORG_ID.fullmatch(org_id):
        raise Rejection(
            Reason.INVALID_FIELD,
            "org_id: must be 1-128 of A-Z a-z 0-9 . _ : - and start with a letter or digit",
        )
    return org_id


class _Known(NamedTuple):
    """What the steps need of an action, as plain text; `pii_tags` = personal data its name held (now redacted)."""

    name: str
    noun: str
    verb: str
    crud: str
    category: str
    is_activity: bool
    is_login: bool
    pii_tags: tuple[str, ...]


@lru_cache(maxsize=65_536)
def _known_action(action: str) -> _Known:
    if not 1 <= len(action) <= ACTION_LENGTH_MAX or not is_printable(action):
        raise Rejection(Reason.INVALID_FIELD, f"action: must be 1-{ACTION_LENGTH_MAX} printable characters")
    found = scan(action)
    known = classify(action if found is None else found.redacted)
    tags = () if found is None else tuple(f"action:{kind}" for kind in found.kinds)
    return _Known(
        known.name,
        known.noun,
        known.verb,
        known.crud.value,
        known.category.value,
        known.is_activity,
        known.is_login,
        tags,
    )


def _canonical_id(event_id: str) -> str:
    if _CANONICAL_ID.fullmatch(event_id):
        return event_id
    found = _UUID.fullmatch(event_id)  # by itself `uuid.UUID` also takes what `int` reads: `1_1`, `+1`
    if found is None:
        raise Rejection(Reason.INVALID_FIELD, "event_id: must be a UUID")
    return str(uuid.UUID(found[1]))


def _in_utc(event: RawEvent) -> Any:
    try:
        return event.occurred_at.astimezone(UTC)
    except OverflowError:
        raise Rejection(Reason.CLOCK_SKEW, "occurred_at: outside the years 1 to 9999") from None


def _tag_attributes(attributes: dict[str, Any], pii: dict[str, str], tags: list[str]) -> dict[str, str]:
    """Attributes as text without personal data; what was taken out lands in `pii` under `attributes.NAME`."""
    texts: dict[str, str] = {}
    for name, value in attributes.items():
        if value is None:
            continue
        text = shown = value if type(value) is str else str(value) if type(value) is int else _as_text(value)
        public_name = name
        kinds: tuple[str, ...] = ()
        if kind := kind_of_name(name):
            shown, kinds = f"<{kind}>", (kind,)
        elif (found := scan(text)) is not None:
            shown, kinds = found.redacted, found.kinds
        if (in_name := scan(name)) is not None:
            public_name, kinds = f"{in_name.redacted}.{len(texts)}", (*kinds, *in_name.kinds)
        if kinds:
            pii[f"attributes.{name}"] = text
            tags.extend(f"attributes.{public_name}:{each}" for each in kinds)
        texts[public_name] = shown
    return texts


def _as_text(value: Any) -> str:
    return msgspec.json.encode(value).decode()


@lru_cache(maxsize=65_536)
def network_of(address: str) -> str:
    """`public`, `private`, `loopback`, `link_local`, `reserved` or `invalid`; a port behind the address is ignored."""
    try:
        ip = ipaddress.ip_address(address)
    except ValueError:
        host = address[1:].partition("]")[0] if address.startswith("[") else address.rpartition(":")[0]
        try:
            ip = ipaddress.ip_address(host)
        except ValueError:
            return "invalid"
    ip = getattr(ip, "ipv4_mapped", None) or ip  # how servers that listen on both write `::ffff:10.0.0.1`
    for kind in ("loopback", "link_local", "unspecified", "multicast", "reserved", "private"):
        if getattr(ip, f"is_{kind}"):
            return "reserved" if kind in {"multicast", "unspecified"} else kind
    return "public"
