"""`lines`: an ordinary event's line is, byte for byte, what the steps write of it; and every other event is left to them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any, Final

import msgspec
import pytest
from bench.events import REJECT_EVERY, events
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.fuzz.mutants import RECEIVED, bundle
from tests.stream.factories import (
    EPOCH,
    EVENT_ID,
    PARTITION,
    PEPPER,
    RECEIVED_MS,
    RULES,
    RawRecord,
    at,
    encoded,
)

from trailhouse.stream import bundle as module
from trailhouse.stream.bundle import Bundle, enrich_bundle
from trailhouse.stream.lines import STANDS_FOR, Places, lines_of
from trailhouse.stream.parts import Parts
from trailhouse.stream.persons import Pseudonyms
from trailhouse.stream.raw import decode
from trailhouse.stream.steps import STEPS, Rules

SHORT: Final = {"actor_email": "Ada@acme.example", "actor_ip": "203.0.113.5"}


def run(values: Sequence[bytes | None], rules: Rules = RULES, *, timestamp: int = RECEIVED_MS) -> Bundle:
    """The values as records with some offsets left out between them, as control records leave them out."""
    offset, records = 4, []
    for index, value in enumerate(values):
        offset += 1 + (index % 17 == 3)
        records.append(RawRecord(value, offset, timestamp + index // 20 * 7919))
    return enrich_bundle(records, epoch=EPOCH, partition=PARTITION, from_offset=3, rules=rules)


def by_steps(values: Sequence[bytes | None], rules: Rules = RULES, *, timestamp: int = RECEIVED_MS) -> Bundle:
    """The same, with every event through the steps as a whole."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "STANDS_FOR", ())
        return run(values, rules, timestamp=timestamp)


def is_short(**fields: Any) -> bool:
    """Whether such an event takes the short way."""
    event = decode(encoded(**fields))
    (line,) = lines_of([event], Places("{", [0], [0], [RECEIVED]), Parts(RULES))
    return line is not None


def test_it_stands_for_the_steps_there_are() -> None:
    """A step more, and it would leave that out: then nothing takes the short way."""
    assert STANDS_FOR == STEPS


@pytest.mark.parametrize("orgs", [None, frozenset({"acme", "globex"})], ids=["all", "some"])
def test_an_ordinary_stream_becomes_the_same_bytes(orgs: frozenset[str] | None) -> None:
    """Nearly all of it by the short way, whoever may be here."""
    values = list(events(3000, end=RECEIVED))
    rules = Rules(Pseudonyms(PEPPER), orgs)
    assert run(values, rules) == by_steps(values, rules)
    good = [decode(value) for index, value in enumerate(values) if index % REJECT_EVERY != REJECT_EVERY - 1]
    made = lines_of(
        good, Places("{", range(len(good)), range(len(good)), [RECEIVED] * len(good)), Parts(RULES)
    )
    assert sum(each is not None for each in made) > 0.97 * len(good)


@pytest.mark.parametrize("late", [False, True], ids=["now", "late"])
def test_mutated_records_become_the_same_bytes(late: bool) -> None:
    """Whatever stands beside them, and whatever was remembered before."""
    ordinary = list(events(2000, end=RECEIVED))
    timestamp = int((RECEIVED + timedelta(days=500 * late)).timestamp() * 1000)
    for number in range(20):
        values = [
            value for pair in zip(bundle(5, number), ordinary[number * 50 :], strict=False) for value in pair
        ]
        assert run(values, timestamp=timestamp) == by_steps(values, timestamp=timestamp), number


_TEXTS: Final = st.one_of(
    st.sampled_from(
        [
            "",
            "a",
            "team-1",
            "a@b.example",
            "Ada <a@b.example>",
            "203.0.113.5",
            "+44 20 7946 0958",
            'q"\\\n',
            "é\u2028",
            "x" * 600,
        ]
    ),
    st.text(max_size=12).filter(lambda text: "\x00" not in text and text.isprintable()),
)
_FIELDS: Final = tuple(
    name
    for name in decode(encoded()).__struct_fields__
    if name
    not in {
        "event_id",
        "occurred_at",
        "org_id",
        "action",
        "schema_version",
        "response_code",
        "changes",
        "attributes",
    }
)


@st.composite
def _events(draw: st.DrawFn) -> bytes:
    fields: dict[str, Any] = draw(st.dictionaries(st.sampled_from(_FIELDS), _TEXTS, max_size=8))
    fields["org_id"] = draw(st.sampled_from(["acme", "globex", "-"]))
    fields["action"] = draw(
        st.sampled_from(["page:view", "user:login", "roster:alias", "mail a@b.example", ""])
    )
    fields["event_id"] = draw(st.sampled_from([EVENT_ID, EVENT_ID.upper(), "urn:uuid:" + EVENT_ID, "no"]))
    fields["occurred_at"] = draw(
        st.sampled_from(
            [
                at(timedelta(minutes=9)),
                at(timedelta(minutes=11)),
                at(timedelta(days=-401)),
                "2026-03-02T09:59:59.123456Z",
                "2026-03-02T11:59:59.123+02:00",
                "1969-12-31T23:59:59Z",
            ]
        )
    )
    fields["schema_version"] = draw(st.sampled_from([None, None, 1, 2]))
    fields["response_code"] = draw(st.sampled_from([None, 200, 403]))
    fields["changes"] = draw(st.sampled_from([None, None, {}, {"a": "a@b.example"}]))
    fields["attributes"] = draw(
        st.none()
        | st.dictionaries(
            st.sampled_from(["page", "password", "extra.x", "a@b.example", "é", "alias_of_user"]),
            _TEXTS | st.sampled_from([None, True, 1.0, 1, 10**6, -5]),
            max_size=4,
        )
    )
    if draw(st.booleans()):  # unlikely for the others
        fields["actor_type"] = draw(st.sampled_from(["user", "anonymous", "system"]))
    if draw(st.booleans()):
        fields["outcome"] = draw(st.sampled_from(["success", "denied"]))
    return encoded(**fields)


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(_events(), min_size=1, max_size=8))
def test_any_events_become_the_same_bytes(values: list[bytes]) -> None:
    """Of fields in any combination, beside each other."""
    assert run(values) == by_steps(values)


@pytest.mark.parametrize(
    "fields",
    [
        {"user_agent": "call +44 20 7946 0958"},
        {"actor_role": "a@b.example"},
        {"correlation_id": "a@b.example"},
        {"entity_asset": "a@b.example"},
        {"project_name": "of a@b.example"},
        {"actor_ip": "a@b.example"},
        {"action": "mail a@b.example"},
        {"action": "roster:alias"},
        {"changes": {"a": 1}},
        {"attributes": {"password": "x"}},
        {"attributes": {"a@b.example": 1}},
        {"attributes": {"a": "a@b.example"}},
        {"attributes": {"extra.a": "b"}},
        {"attributes": {"a": 1.5}},
        {"attributes": {"a": True}},
        {"attributes": {"a": 4111111111111111}},
        {"actor_type": "robot"},
        {"outcome": "maybe"},
        {"org_id": "-"},
        {"event_id": EVENT_ID.upper()},
        {"occurred_at": at(timedelta(hours=1))},
        {"schema_version": 2},
        {"actor_name": " ".join(f"{each}@b.example" for each in range(9))},
    ],
    ids=str,
)
def test_what_is_not_ordinary_is_left_to_the_steps(fields: dict[str, Any]) -> None:
    """Personal data in texts, what the contract refuses, and what one part cannot tell."""
    assert is_short(**SHORT)
    assert not is_short(**SHORT | fields)


def test_a_part_holds_for_its_organisation_alone() -> None:
    """The same person and address in two organisations have nothing in common in the lines."""
    values = [encoded(org_id=org, **SHORT) for org in ("acme", "globex", "acme")]
    first, other, again = (msgspec.json.decode(line) for line in run(values).lines)
    refs = ("user_ref", "address_ref", "subject_refs")
    assert [first[each] for each in refs] == [again[each] for each in refs]
    assert not {str(first[each]) for each in refs} & {str(other[each]) for each in refs}
