"""What the collector takes and what it refuses: the contract, the organisations, the ids. No HTTP, no Kafka."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.queries.recording import Recorded

from trailhouse.producers import AuditEvent
from trailhouse.producers.event import FIELD
from trailhouse.queries.batch_text import Unreadable
from trailhouse.queries.collector import Batch, collect, counts
from trailhouse.queries.key import Key, Scope, new_key
from trailhouse.queries.self_audit import Who

NOW = datetime(2026, 1, 31, 12, tzinfo=UTC)
AT = "2026-01-31T12:34:56.789Z"
GOOD = {"action": "project:delete", "actor_email": "alice@example.com"}


def key_of(*orgs: str, username: str = "svc") -> Key:
    return new_key(username, orgs or ("acme",), [Scope.EVENTS_WRITE], now=NOW)[0]


def take(*found: Any, key: Key | None = None, idempotency_key: str | None = None) -> Batch:
    return collect(found, key or key_of(), idempotency_key)


def sent(batch: Batch) -> list[dict[str, Any]]:
    """The events as they go to Kafka, each held to the contract once more."""
    for value in batch.values:
        AuditEvent.from_bytes(value)
    return [json.loads(value) for value in batch.values]


def test_the_organisation_comes_from_the_key() -> None:
    """Left out or named, it is the key's only one; an id and a time are made when there are none."""
    batch = take(GOOD, GOOD | {"org_id": "acme"}, GOOD | {"org_id": None})
    events = sent(batch)
    assert [event["org_id"] for event in events] == ["acme"] * 3
    assert batch.ids == [event["event_id"] for event in events]
    assert len(set(batch.ids)) == 3
    assert all(event["occurred_at"].endswith("Z") for event in events)
    assert batch.size == sum(map(len, batch.values))


@pytest.mark.parametrize("org", ["beta", "ACME", "acme2", "Acme", "acme."])
def test_another_organisation_is_refused_by_item(org: str) -> None:
    """Its neighbours are taken, and nothing of it goes anywhere."""
    batch = take(GOOD, GOOD | {"org_id": org}, GOOD)
    assert [event["org_id"] for event in sent(batch)] == ["acme", "acme"]
    assert batch.ids[1] is None
    (refusal,) = batch.to_dict()["errors"]
    assert refusal == {
        "index": 1,
        "status": 403,
        "field": "org_id",
        "rule": "is not an organisation of this key",
    }
    assert counts(batch) == {"org": 1}


def test_nobody_speaks_for_trailhouse() -> None:
    """An event that says it comes from the self-audit is refused; other sources are anybody's."""
    batch = take(GOOD | {"source": "trailhouse"}, GOOD | {"source": "api"})
    assert [(each.index, each.field) for each in batch.refusals] == [(0, "source")]
    assert len(batch.values) == 1


def test_who_is_who_is_not_for_any_sender_to_say() -> None:
    """A roster's alias would make erasing and exporting follow it: only a key with `admin` sends one."""
    alias = {"action": "roster:alias", "user_asset": "boss", "attributes": {"alias_of_user": "anna"}}
    items = (alias, GOOD, alias | {"action": " Roster:user"}, GOOD | {"action": "rosters:read"})
    batch = take(*items)
    assert [(each.index, each.status, each.field) for each in batch.refusals] == [
        (0, 422, "action"),
        (2, 422, "action"),
    ]
    assert len(batch.values) == 2
    admin, _ = new_key("svc", ["acme"], [Scope.ADMIN], now=NOW)
    assert take(alias, key=admin).refusals == []


@pytest.mark.parametrize("spell", [str.lower, str.upper])
def test_nobody_claims_the_id_of_a_record_of_trailhouse(spell: Callable[[str], str]) -> None:
    """An event of another day with that id would stand beside the record, and could be taken for it."""
    recorded = Recorded()
    event_id = recorded.audit.record("audit:read", "acme", Who.operator())
    (told,) = recorded.take()
    assert (told["event_id"], uuid.UUID(event_id).version) == (event_id, 8)
    batch = take(GOOD | {"event_id": spell(event_id), "occurred_at": AT}, GOOD)
    assert [(each.index, each.field) for each in batch.refusals] == [(0, "event_id")]
    assert len(batch.values) == 1


def test_a_default_organisation_is_meant_where_none_is_named() -> None:
    """And another one of the key's is still that one's."""
    key, _ = new_key("svc", ["acme", "beta"], [Scope.EVENTS_WRITE], now=NOW, default_org="beta")
    batch = take(GOOD, GOOD | {"org_id": "acme"}, GOOD | {"org_id": "zeta"}, key=key)
    assert [event["org_id"] for event in sent(batch)] == ["beta", "acme"]
    assert [each.status for each in batch.refusals] == [403]


def test_a_key_of_several_organisations_names_one() -> None:
    """One of its own; left out is a mistake, and so it is with a key of every organisation."""
    batch = take(GOOD, GOOD | {"org_id": "beta"}, GOOD | {"org_id": "zeta"}, key=key_of("acme", "beta"))
    assert [event["org_id"] for event in sent(batch)] == ["beta"]
    assert [(each.index, each.status) for each in batch.refusals] == [(0, 422), (2, 403)]
    batch = take(GOOD, GOOD | {"org_id": "beta"}, GOOD | {"org_id": "b c"}, key=key_of("*"))
    assert [event["org_id"] for event in sent(batch)] == ["beta"]
    assert [(each.index, each.status) for each in batch.refusals] == [(0, 422), (2, 422)]


def test_the_same_idempotency_key_makes_the_same_events() -> None:
    """Byte by byte; the ids differ by user, organisation, key and place, not by the API key."""
    items = [GOOD | {"occurred_at": AT}, GOOD | {"occurred_at": AT}]
    first = take(*items, idempotency_key="k1")
    assert take(*items, idempotency_key="k1", key=key_of()).values == first.values
    others = [
        take(*items, idempotency_key="k2"),
        take(*items, idempotency_key="k1", key=key_of(username="other")),
        take(*items, idempotency_key="k1", key=key_of("beta")),
        take(*items),
    ]
    ids = [event_id for batch in (first, *others) for event_id in batch.ids]
    assert len(set(ids)) == len(ids) == 10
    assert all(uuid.UUID(event_id or "").version == 5 for event_id in first.ids)


def test_a_bad_event_moves_no_id() -> None:
    """The place in the request counts, so mending one event leaves the others what they were."""
    good = GOOD | {"occurred_at": AT}
    broken, mended = take({}, good, idempotency_key="k"), take(good, good, idempotency_key="k")
    assert broken.ids[1] == mended.ids[1]


def test_an_id_of_ones_own_stays() -> None:
    """In its usual spelling, whatever the Idempotency-Key."""
    own = "01920F0E-7C5A-7B3E-8F43-0123456789AB"
    batch = take(
        GOOD | {"event_id": own, "occurred_at": "2026-01-31T13:34:56.7891+01:00"}, idempotency_key="k"
    )
    (event,) = sent(batch)
    assert event["event_id"] == own.lower()
    assert event["occurred_at"] == "2026-01-31T12:34:56.789Z"


@pytest.mark.parametrize(("extra", "idempotency_key"), [({}, "k"), ({"event_id": str(uuid.uuid4())}, None)])
def test_what_may_be_sent_again_has_its_time(extra: dict[str, str], idempotency_key: str | None) -> None:
    """Else the repeat would be another event with the same id: a conflict."""
    batch = take(GOOD | extra, idempotency_key=idempotency_key)
    (refusal,) = batch.refusals
    assert refusal.field == "occurred_at"
    assert refusal.rule.startswith("is required with an Idempotency-Key or an event_id")


@pytest.mark.parametrize(
    ("item", "field"),
    [
        ([], "event"),
        (None, "event"),
        (7, "event"),
        ("x", "event"),
        (Unreadable("is not JSON"), "event"),
        ({}, "action"),
        ({"action": ""}, "action"),
        ({"action": 7}, "action"),
        ({"action": "a\u202eb"}, "action"),
        (GOOD | {"org_id": 7}, "org_id"),
        (GOOD | {"org_id": ""}, "org_id"),
        (GOOD | {"org_id": ["acme"]}, "org_id"),
        (GOOD | {"event_id": "7"}, "event_id"),
        (GOOD | {"event_id": 7, "occurred_at": AT}, "event_id"),
        (GOOD | {"event_id": "{01920f0e-7c5a-7b3e-8f43-0123456789ab}", "occurred_at": AT}, "event_id"),
        (GOOD | {"occurred_at": "yesterday"}, "occurred_at"),
        (GOOD | {"occurred_at": "2026-01-31T12:34:56"}, "occurred_at"),
        (GOOD | {"occurred_at": 1769862896}, "occurred_at"),
        (GOOD | {"actor_name": "x\x00"}, "actor_name"),
        (GOOD | {"actor_name": "\ud800"}, "actor_name"),
        (GOOD | {"actor_name": {"a": 1}}, "actor_name"),
        (GOOD | {"response_code": 7}, "response_code"),
        (GOOD | {"response_code": True}, "response_code"),
        (GOOD | {"outcome": ["success"]}, "outcome"),
        (GOOD | {"attributes": {"a": {}}}, "attributes"),
        (GOOD | {"attributes": {"a": 2**64}}, "attributes"),
        (GOOD | {"changes": {"a": 2**64}}, "changes"),
        (GOOD | {"changes": {"a": "\ud800"}}, "changes"),
        (GOOD | {"schema_version": 2}, "schema_version"),
        (GOOD | {"colour": "red"}, "colour"),
        (GOOD | {"attributes": {f"a{n}": "x" * 4096 for n in range(100)}}, "event"),
    ],
)
def test_what_breaks_the_contract_is_named(item: Any, field: str) -> None:
    """Field and rule, in its place; the event beside it is taken."""
    batch = take(item, GOOD)
    assert len(batch.values) == 1
    (refusal,) = batch.refusals
    assert (refusal.index, refusal.field, refusal.status) == (0, field, 422)
    assert refusal.rule


def test_no_refusal_says_what_was_sent() -> None:
    """A canary in every field, as value, as a name of a field, and as a name of an attribute."""
    canary = "Canary Person <canary@example.com>"
    values: tuple[Any, ...] = ({}, [canary], canary + "\x00", 2**64, canary * 300)
    broken: list[Any] = [
        *({**GOOD, "occurred_at": AT, name: [canary]} for name in FIELD if name != "changes"),
        *({**GOOD, name: canary + "\x00"} for name in FIELD),
        {**GOOD, canary: 1},
        {**GOOD, "changes": {"a": [canary, "\ud800"]}},
        *(
            {**GOOD, "attributes": {name: value}}
            for name in (canary, f"{canary} must be", f"key {canary}", canary * 9, "")
            for value in values
        ),
        canary,
        [canary],
    ]
    batch = take(*broken)
    assert len(batch.refusals) == len(broken)
    assert "canary" not in json.dumps(batch.to_dict()).lower()
    assert all(len(each.rule) < 200 for each in batch.refusals)


SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text()
TREES = st.recursive(SCALARS, lambda t: st.lists(t) | st.dictionaries(st.text(), t), max_leaves=8)
NAMES = st.sampled_from([*FIELD, "colour"]) | st.text()


@settings(max_examples=25, deadline=None)
@given(st.lists(st.dictionaries(NAMES, TREES) | TREES, max_size=5))
def test_whatever_is_sent_has_one_outcome(found: list[Any]) -> None:
    """An id or a refusal for each; what goes to Kafka keeps the contract and has the key's organisation."""
    batch = take(*found)
    assert len(batch.ids) == len(found)
    assert {each.index for each in batch.refusals} == {
        place for place, each in enumerate(batch.ids) if each is None
    }
    assert all(event["org_id"] == "acme" for event in sent(batch))
