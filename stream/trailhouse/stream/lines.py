"""Lines of ordinary events, put together from parts that were made before: what `STEPS` write, for a third of the time.

Works on many events at once, so that what can be asked of all of them together (ids, times) is asked once.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, Final, NamedTuple

import msgspec
from msgspec.structs import astuple

from trailhouse.producers.event import SCHEMA_VERSION
from trailhouse.stream.enriched import EPOCH_START, RULES_VERSION
from trailhouse.stream.parts import USER, Parts
from trailhouse.stream.raw import RawEvent
from trailhouse.stream.steps import (
    CLOCK_AHEAD_MAX,
    LATE_AFTER,
    SMALL,
    classify_action,
    derive_facts,
    identify_people,
    scope_to_org,
    tag_pii,
    validate,
)

#: The steps that this module stands for. Whoever adds one adds it here, too; until then every event takes the long way.
STANDS_FOR: Final = (validate, scope_to_org, classify_action, identify_people, tag_pii, derive_facts)

_VERSIONS: Final = frozenset({None, SCHEMA_VERSION})
_LATE: Final = ',"tags":["late"]'
_ENCODER: Final = msgspec.json.Encoder()
_is_canonical: Final = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}").fullmatch
_ID: Final = b"hhhhhhhh-hhhh-hhhh-hhhh-hhhhhhhhhhhh\n"
#: Every character of a canonical id as its kind.
_KINDS: Final = bytes(
    ord("h") if each in b"0123456789abcdef" else each if each in b"-\n" else 0 for each in range(256)
)


class Places(NamedTuple):
    """Where some records lie: `head` is a line up to the value of `from`, the others are the values for each record."""

    head: str
    starts: Sequence[int]
    offsets: Sequence[int]
    received: Sequence[datetime]

    def at(self, indexes: Sequence[int]) -> Places:
        """Of these records alone."""
        starts, offsets, received = ([each[index] for index in indexes] for each in self[1:])
        return Places(self.head, starts, offsets, received)  # type: ignore[arg-type]  # of three kinds, in turn


def lines_of(events: Sequence[RawEvent], places: Places, parts: Parts) -> list[bytes | None]:
    """The line of each event, or None for one that `STEPS` must look at as a whole. Never raises."""
    head, starts, offsets, received = places
    members, addresses, deeds, things, texts = (
        parts.members,
        parts.addresses,
        parts.deeds,
        parts.things,
        parts.texts,
    )
    made: list[bytes | None] = []
    add = made.append
    for (
        (
            event_id,
            _,
            org_id,
            action,
            schema_version,
            actor_type,
            actor_user_id,
            actor_email,
            actor_name,
            actor_ip,
            actor_role,
            user_agent,
            entity_asset,
            entity_name,
            project_asset,
            project_name,
            report_asset,
            report_name,
            artifact_asset,
            artifact_digest,
            artifact_qualified_name,
            artifact_sequence_asset,
            user_asset,
            user_email,
            response_code,
            cli_version,
            outcome,
            source,
            correlation_id,
            changes,
            attributes,
        ),
        start,
        offset,
        at,
        time,
        late,
    ) in zip(map(astuple, events), starts, offsets, *_times(events, received), strict=True):
        thing = things[
            entity_asset,
            project_asset,
            report_asset,
            artifact_asset,
            artifact_digest,
            artifact_sequence_asset,
            cli_version,
            source,
            entity_name,
            project_name,
            report_name,
            artifact_qualified_name,
        ]
        deed = deeds[action, outcome, response_code]
        if thing is None or deed is None or time is None or changes or schema_version not in _VERSIONS:
            add(None)
            continue
        did, code = deed
        assets, origin, thing_tags, thing_pii = thing
        where = tags = pii = ""
        if actor_ip:
            if (where := addresses[f"{org_id}\0{actor_ip}"] or "") == "":
                add(None)
                continue
            tags, pii = ',"actor_ip"', f',"actor_ip":"{actor_ip}"'
        if (
            actor_user_id
            and actor_email
            and actor_type is actor_name is user_asset is user_email is None
            and (member := members[f"{org_id}\0{actor_user_id}\0{actor_email}"]) is not None
        ):
            kind = USER
            refs, _, subjects = member.partition("\0")
            end = (
                f',"pii_tags":["actor_user_id","actor_email"{tags}{thing_tags}]{subjects}'
                f',"pii":{{"actor_user_id":"{actor_user_id}","actor_email":"{actor_email}"{pii}{thing_pii}}}}}'
            )
        else:
            person = parts.persons[
                org_id, actor_type, actor_user_id, actor_email, actor_name, user_asset, user_email
            ]
            if person is None:
                add(None)
                continue
            kind, refs, by, upon, subjects, by_pii, upon_pii = person
            tags, pii = f"{by}{tags}{upon}{thing_tags}", f"{by_pii}{pii}{upon_pii}{thing_pii}"
            end = f',"pii_tags":[{tags[1:]}]{subjects},"pii":{{{pii[1:]}}}}}' if tags else f"{subjects}}}"
        if user_agent is not None:
            if (text := texts[user_agent]) is None:
                add(None)
                continue
            where = f'{where},"user_agent":{text}'
        if actor_role is not None:
            if (text := texts[actor_role]) is None:
                add(None)
                continue
            kind = f'{kind},"actor_role":{text}'
        if correlation_id is not None:
            if (text := texts[correlation_id]) is None:
                add(None)
                continue
            origin = f'{origin},"correlation_id":{text}'
        if attributes:
            if (text := _attributes(attributes, parts)) is None:
                add(None)
                continue
            origin = f'{origin},"attributes":{{{text}}}'
        add(
            f'{head}{start},"offset":{offset}{at},"org_id":"{org_id}","event_id":"{event_id}","occurred_at":"{time}"'
            f"{did}{kind}{refs}{where}{assets}{code}{origin}{late}{end}".encode()
        )
    return made


def _attributes(attributes: dict[str, Any], parts: Parts) -> str | None:
    """What stands between the braces; None when it is for `tag_attributes`."""
    texts, names = parts.texts, parts.names
    shown = ""
    for name, value in attributes.items():
        if type(value) is str:
            text = texts[value]
        elif type(value) is int and -SMALL < value < SMALL:
            text = f'"{value}"'
        elif value is None:
            continue
        else:
            return None
        key = names[name]
        if key is None or text is None:
            return None
        shown += key + text
    return shown[1:]


def _times(
    events: Sequence[RawEvent], received: Sequence[datetime]
) -> tuple[Sequence[str], Sequence[str | None], Sequence[str]]:
    """Of each event the end of its head, its moment as text, and the tag of what is late.

    A moment is None where `validate` has to look: an id that is not canonical, an hour that cannot be.
    """
    moments = [event.occurred_at for event in events]
    first, last = min(received), max(received)
    heads = [_received(first)] * len(events) if first == last else [_received(each) for each in received]
    earliest, latest = min(moments), max(moments)
    text = _ENCODER.encode(moments).decode()
    if (
        earliest >= EPOCH_START
        and latest - first <= CLOCK_AHEAD_MAX
        and (last - earliest <= LATE_AFTER or first - latest > LATE_AFTER)
        and text.count('Z"') == len(moments)  # in UTC
        and text.count(".") == text.count('000Z"')  # to the millisecond
        and _are_canonical([event.event_id for event in events])
    ):
        return heads, text[2:-2].split('","'), [_LATE if first - latest > LATE_AFTER else ""] * len(events)
    return (
        heads,
        [_time(event, got) for event, got in zip(events, received, strict=True)],
        [_LATE if got - moment > LATE_AFTER else "" for moment, got in zip(moments, received, strict=True)],
    )


def _time(event: RawEvent, got: datetime) -> str | None:
    moment = event.occurred_at
    if (
        moment.tzinfo is not UTC
        or moment < EPOCH_START
        or moment - got > CLOCK_AHEAD_MAX
        or not _is_canonical(event.event_id)
    ):
        return None
    return _ENCODER.encode(moment.replace(microsecond=moment.microsecond // 1000 * 1000)).decode()[1:-1]


def _are_canonical(ids: Sequence[str]) -> bool:
    """Whether all are UUIDs as lines have them: by the kinds of all their characters, in one go."""
    text = "\n".join(ids) + "\n"
    return text.isascii() and text.encode().translate(_KINDS) == _ID * len(ids)


@lru_cache(maxsize=4096)
def _received(moment: datetime) -> str:
    return f',"received_at":{_ENCODER.encode(moment).decode()},"rules":"{RULES_VERSION}"'
