"""What happens to an event: `STEPS`, read from top to bottom, is the product's behaviour.

A step is a pure, total function of the raw event, the line written so far and the rules: no clock ("now" is the
broker's timestamp), no I/O, no randomness, so running it again gives the same line. It fills fields of `out`, or
raises `Rejection`.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, timedelta
from functools import lru_cache
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
    Outcome,
    is_printable,
)
from trailhouse.stream.addresses import may_hold_address
from trailhouse.stream.enriched import EPOCH_START, RULES_VERSION, Enriched
from trailhouse.stream.persons import PEOPLE_FIELDS, Pseudonyms, email_identity
from trailhouse.stream.pii import Findings, are_plain, emails_in_json, is_plain, kind_of_name, scan
from trailhouse.stream.raw import EXTRA, RawEvent
from trailhouse.stream.rejected import Reason, Rejection

CLOCK_AHEAD_MAX: Final = timedelta(minutes=10)
LATE_AFTER: Final = timedelta(days=400)
SMALL: Final = 10**6
PLAIN_NAMES_MAX: Final = 16_384


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
    event_id = event.event_id
    out.event_id = event_id if _is_canonical(event_id) else _canonical_id(event_id)
    out.org_id = _checked_org(event.org_id)
    moment, received_at = event.occurred_at, out.received_at
    if moment.tzinfo is not UTC:
        moment = _in_utc(event)
    if moment.microsecond % 1000:
        moment = moment.replace(microsecond=moment.microsecond // 1000 * 1000)
    if moment < EPOCH_START:
        raise Rejection(Reason.CLOCK_SKEW, "occurred_at: before 1970")
    if moment > received_at and moment - received_at > CLOCK_AHEAD_MAX:
        raise Rejection(Reason.CLOCK_SKEW, "occurred_at: more than 10 minutes after Kafka received it")
    out.occurred_at = moment


def scope_to_org(event: RawEvent, out: Enriched, rules: Rules) -> None:
    """Only organisations this topic is trusted for (design §3: on Kafka a record carries no principal)."""
    if rules.orgs is not None and event.org_id not in rules.orgs:
        raise Rejection(Reason.ORG_DENIED, "org_id: not among the organisations of this topic")


def classify_action(event: RawEvent, out: Enriched, rules: Rules) -> None:
    """What was done and how it ended: class from the catalogue or the name, outcome as said or by the HTTP status."""
    (
        out.action,
        out.noun,
        out.verb,
        out.crud,
        out.category,
        out.outcome,
        out.response_code,
        out.is_activity,
        out.is_login,
    ) = _deed(event.action, event.outcome, event.response_code)


def identify_people(event: RawEvent, out: Enriched, rules: Rules) -> None:
    """Who acted and upon whom: keyed hashes for counting, plaintext only in `pii` and `identity`."""
    (
        out.identity,
        out.actor_type,
        out.user_ref,
        out.target_ref,
        out.address_ref,
        out.network,
        out.subject_refs,
        out.pii_tags,
        out.pii,
    ) = rules.pseudonyms.people(
        out.org_id,
        event.actor_type,
        event.actor_user_id,
        event.actor_email,
        event.actor_name,
        event.actor_ip,
        event.user_asset,
        event.user_email,
    )


def tag_pii(event: RawEvent, out: Enriched, rules: Rules) -> None:
    """Personal data leaves the event: by field (the contract says which), by attribute name, and by value anywhere.

    Everybody whose e-mail stands in any of it becomes a subject of the event.
    """
    pii: dict[str, str] = {}
    tags: list[str] = []
    emails: list[str] = []
    values = astuple(event)
    if (names := _names_of(values)) != _NO_NAMES:
        named = _names(names)
        pii.update(named.pii)
        tags.extend(named.pii)
        emails.extend(named.emails)
    texts = _texts_of(values)
    if not are_plain(texts):
        texts = _redacted(texts, pii, tags, emails)
    (
        out.actor_role,
        out.user_agent,
        out.entity_asset,
        out.project_asset,
        out.report_asset,
        out.artifact_asset,
        out.artifact_digest,
        out.artifact_sequence_asset,
        out.cli_version,
        out.source,
        out.correlation_id,
        _,  # the action is `classify_action`'s
    ) = texts
    if event.changes:
        pii["changes"] = changes = msgspec.json.encode(event.changes).decode()
        tags.append("changes")
        emails.extend(emails_in_json(changes))
        out.changed_fields = [found.redacted if (found := scan(name)) else name for name in event.changes]
    if event.attributes:
        out.attributes = tag_attributes(event.attributes, pii, tags, emails)
    if pii:
        # New ones: what `identify_people` put there belongs to its memory.
        out.pii, out.pii_tags = {**out.pii, **pii} if out.pii else pii, (*out.pii_tags, *tags)
    if out.action == "roster:alias":
        # Whose other identity it is, by the very text that the directory keeps.
        same = pii.get("attributes.alias_of_user", "")
        subjects = (rules.pseudonyms.ref(out.org_id, each) for each in (same, email_identity(same)))
        out.subject_refs = sorted({*out.subject_refs, *subjects} - {0})
    if emails:
        ref, org = rules.pseudonyms.ref, out.org_id
        out.subject_refs = sorted({*out.subject_refs, *(ref(org, email_identity(each)) for each in emails)})


def derive_facts(event: RawEvent, out: Enriched, rules: Rules) -> None:
    """What follows from the rest: lateness, and the rules that made the line."""
    if out.received_at - out.occurred_at > LATE_AFTER:
        out.tags = ("late",)
    out.rules = RULES_VERSION


STEPS: Final[tuple[Step, ...]] = (
    validate,
    scope_to_org,
    classify_action,
    identify_people,
    tag_pii,
    derive_facts,
)


_OUTCOMES: Final = tuple(each.value for each in Outcome)
#: Fields by what `tag_pii` does with them; those that name people are `identify_people`'s.
_PII_FIELDS: Final = tuple(field.name for field in FIELDS if field.is_pii and field.kind == "text")
NAME_FIELDS: Final = tuple(name for name in _PII_FIELDS if name not in PEOPLE_FIELDS)
_NO_NAMES: Final = (None,) * len(NAME_FIELDS)
#: In the order in which `tag_pii` hands them on.
TEXT_FIELDS: Final = (
    "actor_role",
    "user_agent",
    "entity_asset",
    "project_asset",
    "report_asset",
    "artifact_asset",
    "artifact_digest",
    "artifact_sequence_asset",
    "cli_version",
    "source",
    "correlation_id",
    "action",
)
_names_of: Final = itemgetter(*map(RawEvent.__struct_fields__.index, NAME_FIELDS))
_texts_of: Final = itemgetter(*map(RawEvent.__struct_fields__.index, TEXT_FIELDS))
_UUID: Final = re.compile(r"(?:urn:uuid:)?\{?([0-9a-fA-F]{8}-?(?:[0-9a-fA-F]{4}-?){3}[0-9a-fA-F]{12})\}?")
_is_canonical: Final = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}").fullmatch


@lru_cache(maxsize=65_536)
def _checked_org(org_id: str) -> str:
    if not ORG_ID.fullmatch(org_id):
        raise Rejection(
            Reason.INVALID_FIELD,
            "org_id: must be 1-128 of A-Z a-z 0-9 . _ : - and start with a letter or digit",
        )
    return org_id


class _Deed(NamedTuple):
    """What the steps say of an action that ended in some way, as plain values."""

    action: str
    noun: str
    verb: str
    crud: str
    category: str
    outcome: str
    response_code: int
    is_activity: bool
    is_login: bool


@lru_cache(maxsize=65_536)
def _deed(action: str, outcome: str | None, response_code: int | None) -> _Deed:
    """A stream has few actions, outcomes and codes: each combination is thought about once."""
    if not 1 <= len(action) <= ACTION_LENGTH_MAX or not is_printable(action):
        raise Rejection(Reason.INVALID_FIELD, f"action: must be 1-{ACTION_LENGTH_MAX} printable characters")
    if outcome is not None and outcome not in _OUTCOMES:
        raise Rejection(Reason.INVALID_FIELD, "outcome: must be one of " + ", ".join(_OUTCOMES))
    found = scan(action)
    known = classify(action if found is None else found.redacted)
    code = response_code or 0
    ended = outcome or (
        "denied" if code in {401, 403} else "failure" if code >= 400 else "success" if code else "unknown"
    )
    has_ended_well = ended in {"success", "unknown"}
    return _Deed(
        known.name,
        known.noun,
        known.verb,
        known.crud.value,
        known.category.value,
        ended,
        code,
        # A refused login is not activity of the person named in it.
        is_activity=known.is_activity and (has_ended_well or not known.is_login),
        is_login=known.is_login and has_ended_well,
    )


def _canonical_id(event_id: str) -> str:
    found = _UUID.fullmatch(event_id)  # by itself `uuid.UUID` also takes what `int` reads: `1_1`, `+1`
    if found is None:
        raise Rejection(Reason.INVALID_FIELD, "event_id: must be a UUID")
    return str(uuid.UUID(found[1]))


def _in_utc(event: RawEvent) -> Any:
    try:
        return event.occurred_at.astimezone(UTC)
    except OverflowError:
        raise Rejection(Reason.CLOCK_SKEW, "occurred_at: outside the years 1 to 9999") from None


class _Names(NamedTuple):
    """The names an event gives to things, by field, and the e-mails in them."""

    pii: dict[str, str]
    emails: tuple[str, ...]


@lru_cache(maxsize=16_384)
def _names(values: tuple[str | None, ...]) -> _Names:
    """The fields of `NAME_FIELDS` that are present: a stream speaks of the same few things again and again."""
    pii = {name: value for name, value in zip(NAME_FIELDS, values, strict=True) if value}
    found = [scan(value) for value in pii.values() if may_hold_address(value)]
    return _Names(pii, tuple(email for each in found if each is not None for email in each.emails))


def _redacted(
    texts: tuple[str | None, ...], pii: dict[str, str], tags: list[str], emails: list[str]
) -> tuple[str | None, ...]:
    """The texts of `TEXT_FIELDS` without personal data; what was taken out lands in `pii` under the field's name."""
    shown: list[str | None] = []
    for name, text in zip(TEXT_FIELDS, texts, strict=True):
        found = None if text is None else scan(text)
        if text is not None and found is not None:
            pii[name] = text
            tags.extend(f"{name}:{kind}" for kind in found.kinds)
            emails.extend(found.emails)
        shown.append(text if found is None else found.redacted)
    return tuple(shown)


def tag_attributes(
    attributes: dict[str, Any], pii: dict[str, str], tags: list[str], emails: list[str]
) -> dict[str, str]:
    """Attributes as text without personal data; what was taken out lands in `pii` under `attributes.NAME`."""
    texts: dict[str, str] = {}
    for name, value in attributes.items():
        # Whole numbers this small hold neither a card nor a phone; each would only be one more text to remember.
        is_small = type(value) is int and -SMALL < value < SMALL
        if value is None:
            continue
        if name in _PLAIN_NAMES and (is_small or is_plain(value)):
            texts[name] = str(value)
            continue
        text = value if type(value) is str else str(value) if type(value) is int else _as_text(value)
        kind, in_name, is_extra = _named(name)
        if is_extra and text[:1] in {"{", "["}:
            kind = "nested"  # nobody vouches for the names and values inside: the whole of it stays with personal data
            emails.extend(emails_in_json(text))
        found = None if is_small else scan(text)
        if not kind and in_name is None and found is None:
            texts[name] = text
            continue
        shown, kinds = text if found is None else found.redacted, () if found is None else found.kinds
        public_name = name
        if kind:
            shown, kinds = f"<{kind}>", (kind,)
        if in_name is not None:
            public_name, kinds = (
                f"{EXTRA * is_extra}{in_name.redacted}.{len(texts)}",
                (*kinds, *in_name.kinds),
            )
            emails.extend(in_name.emails)
        if found is not None:
            emails.extend(found.emails)
        pii[f"attributes.{name}"] = text
        tags.extend(f"attributes.{public_name}:{each}" for each in kinds)
        texts[public_name] = shown
    return texts


#: Attribute names that say nothing, hold nothing and were no unknown fields': nearly all of them.
_PLAIN_NAMES: Final[set[str]] = set()


def _named(name: str) -> tuple[str, Findings | None, bool]:
    """What an attribute's name says by itself, what it holds, and whether it was an unknown field's."""
    bare = name.removeprefix(EXTRA)
    kind, found, is_extra = kind_of_name(bare), scan(bare), bare != name
    if not kind and found is None and not is_extra:
        if len(_PLAIN_NAMES) >= PLAIN_NAMES_MAX:
            _PLAIN_NAMES.clear()
        _PLAIN_NAMES.add(name)
    return kind, found, is_extra


def _as_text(value: Any) -> str:
    return msgspec.json.encode(value).decode()
