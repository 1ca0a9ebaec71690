"""Parts of lines: the text of those keys that depend on the same few fields of an event, made once and remembered.

A stream speaks of the same people, addresses, actions and things again and again. What a line says of one of them is
told by the functions that `STEPS` ask, and written by the same encoder. What cannot be told by its part alone is None,
and its event goes through the steps as a whole: what they reject, texts that hold personal data, names that hold an
address.

Memories are bounded, belong to one set of rules, and hold what `Pseudonyms` and `pii` remember for as long.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any, Final, Generic, NamedTuple, TypeVar

import msgspec

from trailhouse.producers.event import ActorType
from trailhouse.stream.addresses import may_hold_address
from trailhouse.stream.enriched import EPOCH_START, Enriched
from trailhouse.stream.networks import network_of
from trailhouse.stream.pii import PLAIN_LENGTH_MAX, find, kind_of_name
from trailhouse.stream.raw import EXTRA, RawEvent
from trailhouse.stream.steps import NAME_FIELDS, STEPS, Rules

ORGS_MAX: Final = 16_384
PEOPLE_MAX: Final = 32_768
THINGS_MAX: Final = 16_384
DEEDS_MAX: Final = 16_384
TEXTS_MAX: Final = 65_536
ATTRIBUTE_NAMES_MAX: Final = 16_384

UPON_FIELDS: Final[tuple[str, ...]] = ("user_asset", "user_email")
PERSON_FIELDS: Final = ("org_id", "actor_type", "actor_user_id", "actor_email", "actor_name", *UPON_FIELDS)
ASSET_FIELDS: Final = (
    "entity_asset",
    "project_asset",
    "report_asset",
    "artifact_asset",
    "artifact_digest",
    "artifact_sequence_asset",
)
ORIGIN_FIELDS: Final = ("cli_version", "source")
THING_FIELDS: Final = (*ASSET_FIELDS, *ORIGIN_FIELDS, *NAME_FIELDS)
DEED_COLUMNS: Final = ("action", "noun", "verb", "crud", "category", "is_activity", "is_login", "outcome")

SUBJECTS_MAX: Final = 8
#: What may be raised of an event; see `bundle.FAILURES`.
FAILURES: Final = (Exception, asyncio.CancelledError, GeneratorExit)
_ABSENT: Final = object()
Key = TypeVar("Key")
Part = TypeVar("Part")


class Memory(dict[Key, Part], Generic[Key, Part]):
    """`memory[key]` = `make(key)`, made when first asked for; of what was not asked for lately, some is forgotten.

    A look-up costs what a dictionary's does, which `lru_cache` with its list does not. Half of the memory is the keys
    asked for last, the other half those before them.
    """

    __slots__ = ("_before", "_half", "_make")

    def __init__(self, make: Callable[[Key], Part], size: int) -> None:
        super().__init__()
        self._make = make
        self._half = size // 2
        self._before: dict[Key, Part] = {}

    @property
    def size(self) -> int:
        """How many keys it holds, some of them twice."""
        return len(self) + len(self._before)

    def __missing__(self, key: Key) -> Part:
        found: Any = self._before.get(key, _ABSENT)  # None is an answer, too
        if found is _ABSENT:
            found = self._make(key)
        if len(self) >= self._half:
            self._before = self.copy()
            self.clear()
        self[key] = found
        part: Part = found
        return part


class Person(NamedTuple):
    """Who did it and upon whom, in the places of the line that speak of them.

    `tags` and `pii` are what stands before those of the address, `later_tags` and `later_pii` what stands behind.
    """

    actor_type: str
    refs: str
    tags: str
    later_tags: str
    subjects: str
    pii: str
    later_pii: str


class Deed(NamedTuple):
    """What was done: most of it in one place, the response code further behind."""

    text: str
    code: str


class Things(NamedTuple):
    """What it was done to, with what, and the names of these things as personal data."""

    assets: str
    origin: str
    tags: str
    pii: str


class Parts:
    """The parts under one set of rules. None = ask the steps, with the whole event."""

    def __init__(self, rules: Rules) -> None:
        self._rules = rules
        self._any_org = min(rules.orgs or {"o"})
        #: Whether an `org_id` may be here.
        self.orgs: Memory[str, bool] = Memory(self._org, ORGS_MAX)
        #: By the values of `PERSON_FIELDS`.
        self.persons: Memory[tuple[str, *tuple[str | None, ...]], Person | None] = Memory(
            self._person, PEOPLE_MAX
        )
        #: Of persons who are known by id and e-mail alone, which is most of them, `refs` and `subjects` with a NUL between;
        #: by `org_id`, `actor_user_id` and `actor_email`, likewise (no field holds one). The rest is the same for all, and
        #: what lies in few places is read soon: with thousands of persons, the time goes into waiting for memory.
        self.members: Memory[str, str | None] = Memory(self._member, PEOPLE_MAX)
        #: Refs and network; by `org_id` and `actor_ip`, likewise.
        self.addresses: Memory[str, str | None] = Memory(self._address, PEOPLE_MAX)
        #: By action, outcome and response code.
        self.deeds: Memory[tuple[str, str | None, int | None], Deed | None] = Memory(self._deed, DEEDS_MAX)
        #: By the values of `THING_FIELDS`.
        self.things: Memory[tuple[str | None, ...], Things | None] = Memory(things, THINGS_MAX)
        #: Texts as JSON, by themselves.
        self.texts: Memory[str, str | None] = Memory(json_of_plain, TEXTS_MAX)
        #: Names of attributes as JSON, between a comma and a colon.
        self.names: Memory[str, str | None] = Memory(attribute_name, ATTRIBUTE_NAMES_MAX)

    def _org(self, org_id: str) -> bool:
        return self._enriched(org_id=org_id) is not None

    def _person(self, values: tuple[str, *tuple[str | None, ...]]) -> Person | None:
        org_id, *fields = values
        if not self.orgs[org_id]:
            return None
        actor_type, user_id, email, name, *upon = fields
        try:
            found = self._rules.pseudonyms.recognise(org_id, actor_type, user_id, email, name, None, *upon)
        except FAILURES:  # whoever enriches the whole event says why
            return None
        # What speaks of many may make a line too long, and nobody looks at how long an ordinary one is.
        if len(found.subjects) > SUBJECTS_MAX:
            return None
        pii = dict(found.pii or {})
        later = {name: pii.pop(name) for name in UPON_FIELDS if name in pii}
        user = f',"user_ref":{found.user}' if found.user else ""
        target = f',"target_ref":{found.target}' if found.target else ""
        subjects = f',"subject_refs":[{",".join(map(str, found.subjects))}]' if found.subjects else ""
        identity = f',"identity":{json_of(found.identity)}' if found.identity else ""
        return Person(
            _KINDS[found.actor_type],
            user + target,
            _names(*pii),
            _names(*later),
            subjects + identity,
            _members(pii),
            _members(later),
        )

    def _member(self, key: str) -> str | None:
        org_id, user_id, email = key.split("\0")
        person = self._person((org_id, None, user_id, email, None, None, None))
        # Not so where a character has to be escaped.
        if person is None or person.pii != f',"actor_user_id":"{user_id}","actor_email":"{email}"':
            return None
        return f"{person.refs}\0{person.subjects}"

    def _address(self, key: str) -> str | None:
        org_id, address = key.split("\0")
        if may_hold_address(address) or json_of(address) != f'"{address}"':
            return None
        return (
            f',"address_ref":{self._rules.pseudonyms.ref(org_id, address)},"network":"{network_of(address)}"'
        )

    def _deed(self, values: tuple[str, str | None, int | None]) -> Deed | None:
        action, outcome, response_code = values
        out = self._enriched(action=action, outcome=outcome, response_code=response_code)
        # The subjects of an alias hang on an attribute.
        if out is None or out.pii or out.action == "roster:alias":
            return None
        return Deed(_text(out, *DEED_COLUMNS), _text(out, "response_code"))

    def _enriched(self, **fields: Any) -> Enriched | None:
        """What the steps make of an event with these fields alone; None when they reject it, for whatever reason."""
        event = RawEvent(_ANY_ID, EPOCH_START, **{"org_id": self._any_org, "action": "any:view", **fields})
        out = Enriched("", 0, 0, 0, EPOCH_START)
        try:
            for step in STEPS:
                step(event, out, self._rules)
        except FAILURES:
            return None
        return out


#: The parts under these rules, always the same ones.
parts_of: Final = lru_cache(maxsize=4)(Parts)


def things(values: tuple[str | None, ...]) -> Things | None:
    """Not made by `STEPS`: in some streams the things are new all the time, and then only what is cheap helps."""
    fields = {name: value for name, value in zip(THING_FIELDS, values, strict=True) if value is not None}
    names = {name: value for name in NAME_FIELDS if (value := fields.pop(name, None))}
    if any(may_hold_address(each) for each in names.values()):
        return None
    texts = {name: text for name, value in fields.items() if (text := json_of_plain(value)) is not None}
    if len(texts) < len(fields):
        return None
    return Things(
        "".join(f',"{name}":{texts[name]}' for name in ASSET_FIELDS if name in texts),
        "".join(f',"{name}":{texts[name]}' for name in ORIGIN_FIELDS if name in texts),
        _names(*names),
        _members(names),
    )


def json_of_plain(text: str) -> str | None:
    """A text as JSON when it holds no personal data; None also for long ones, which are not worth remembering."""
    if len(text) > PLAIN_LENGTH_MAX or find(text) is not None:
        return None
    return json_of(text)


def json_of(text: str) -> str:
    """As the encoder writes it."""
    return _ENCODER.encode(text).decode()


def attribute_name(name: str) -> str | None:
    """The name as JSON, between a comma and a colon, when it says nothing, holds nothing and was no unknown field's."""
    if name.startswith(EXTRA) or kind_of_name(name) or (text := json_of_plain(name)) is None:
        return None
    return f",{text}:"


_ENCODER: Final = msgspec.json.Encoder()
_KINDS: Final = {each.value: f',"actor_type":"{each.value}"' for each in ActorType}
USER: Final = _KINDS[ActorType.USER]
_ANY_ID: Final = "00000000-0000-0000-0000-000000000000"
_NOTHING: Final = len(_ENCODER.encode(Enriched("", 0, 0, 0, EPOCH_START))) - 1


def _text(out: Enriched, *columns: str) -> str:
    """What the encoder writes of these columns, with a comma before each; nothing for a default."""
    shown = {column: getattr(out, column) for column in columns}
    return _ENCODER.encode(Enriched("", 0, 0, 0, EPOCH_START, **shown))[_NOTHING:-1].decode()


def _members(pii: Mapping[str, str]) -> str:
    """As the encoder writes them, without the braces and with a comma before each."""
    return "," + _ENCODER.encode(pii)[1:-1].decode() if pii else ""


@lru_cache(maxsize=1024)
def _names(*names: str) -> str:
    """Names alone, likewise; the same object for the same names."""
    return "".join(f',"{name}"' for name in names)
