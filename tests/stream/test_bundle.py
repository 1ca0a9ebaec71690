"""`bundle`: one line out for every record in, in order, whatever the records hold, and no personal data where none belongs."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any, Final

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.stream.factories import (
    EPOCH,
    EVENT_ID,
    PARTITION,
    PEPPER,
    RECEIVED,
    RECEIVED_MS,
    RULES,
    RawRecord,
    at,
    encoded,
    enrich,
    line_of,
    with_text,
)
from tests.stream.test_enriched import landing_columns

from trailhouse.producers.event import EVENT_BYTES_MAX, FIELDS
from trailhouse.stream import bundle as module
from trailhouse.stream.bundle import Bundle, enrich_bundle
from trailhouse.stream.enriched import ENRICHED_BYTES_MAX, RULES_VERSION
from trailhouse.stream.persons import Pseudonyms
from trailhouse.stream.rejected import Reason
from trailhouse.stream.steps import STEPS, Rules

PLACE: Final = {"epoch": EPOCH, "partition": PARTITION, "received_at": "2026-03-02T10:00:00Z"}
# Small as an event, yet everyone it speaks of is listed in the line.
MANY_EMAILS: Final = " ".join(f"{n:x}@b.c" for n in range(28_000))


def read(bundle: Bundle) -> list[dict[str, Any]]:
    return [json.loads(line) for line in bundle.lines]


def run(records: list[RawRecord], from_offset: int, rules: Rules = RULES) -> Bundle:
    return enrich_bundle(records, epoch=EPOCH, partition=PARTITION, from_offset=from_offset, rules=rules)


def test_offsets_and_from_form_a_chain() -> None:
    """Each line accounts for the offsets since the line before; control records lie in between without a line."""
    records = [RawRecord(encoded(), offset) for offset in (7, 8, 12)]
    lines = read(run(records, 5))
    assert [(line["from"], line["offset"]) for line in lines] == [(5, 7), (8, 8), (9, 12)]


def test_a_rejected_record_keeps_its_turn() -> None:
    """Its envelope says where, why and how large; its content goes to the dead letter alone."""
    bad = encoded(actor_name="carla", action=5)
    headers = (("trace", b"1"), ("null", None))
    records = [
        RawRecord(encoded(), 4),
        RawRecord(bad, 6, key=b"key", headers=headers),
        RawRecord(encoded(), 7),
    ]
    bundle = run(records, 4)
    assert [line.get("reason") for line in read(bundle)] == [None, "invalid_field", None]
    assert read(bundle)[1] == PLACE | {
        "from": 5,
        "offset": 6,
        "reason": "invalid_field",
        "detail": "Expected `str`, got `int` - at `$.action`",
        "size": len(bad),
        "digest": hashlib.sha256(bad).hexdigest(),
        "rules": RULES_VERSION,
        "org_id": "acme",
    }
    (letter,) = bundle.dead_letters
    assert (letter.epoch, letter.partition, letter.offset) == (EPOCH, PARTITION, 6)
    assert (letter.reason, letter.detail) == (
        Reason.INVALID_FIELD,
        "Expected `str`, got `int` - at `$.action`",
    )
    assert (letter.key, letter.value, letter.headers) == (b"key", bad, headers)


def test_a_record_without_a_value_has_an_envelope_too() -> None:
    """Of no size, with the digest of nothing."""
    assert line_of(None) == PLACE | {
        "from": 0,
        "offset": 0,
        "reason": "empty",
        "detail": "no value",
        "digest": hashlib.sha256(b"").hexdigest(),
        "rules": RULES_VERSION,
    }


def reach(reason: Reason) -> Iterator[tuple[bytes | None, Rules]]:
    """Records that each end with this reason."""
    strict = Rules(RULES.pseudonyms, frozenset({"globex"}))
    found: dict[Reason, list[tuple[bytes | None, Rules]]] = {
        Reason.EMPTY: [(None, RULES), (b"", RULES)],
        Reason.MALFORMED: [(b"x", RULES), (b"[" * 200_000, RULES)],
        Reason.TOO_LARGE: [
            (b" " * (EVENT_BYTES_MAX + 1), RULES),
            (encoded(changes={"a": MANY_EMAILS}), RULES),
        ],
        Reason.INVALID_FIELD: [(b"{}", RULES), (encoded(action=""), RULES)],
        Reason.UNSUPPORTED_VERSION: [(encoded(schema_version=2), RULES)],
        Reason.CLOCK_SKEW: [(encoded(occurred_at=at(timedelta(hours=1))), RULES)],
        Reason.ORG_DENIED: [(encoded(), strict)],
        Reason.INTERNAL: [(encoded(), Rules(BrokenPseudonyms(PEPPER)))],
    }
    yield from found[reason]


class BrokenPseudonyms(Pseudonyms):
    """Fails where a step does not expect it."""

    def __init__(self, pepper: bytes) -> None:
        super().__init__(pepper)
        self.ref = self.fail

    def fail(self, org_id: str, identity: str) -> int:
        raise RuntimeError(org_id, identity)


@pytest.mark.parametrize(
    "reason", [reason for reason in Reason if reason not in {Reason.UNSTORABLE, Reason.CONFLICT}]
)
def test_every_reason_is_reached(reason: Reason) -> None:
    """By a record; `unstorable` is found by the sink, `conflict` by a person."""
    for value, rules in reach(reason):
        bundle = enrich(encoded(org_id="globex"), value, rules=rules)
        line = read(bundle)[1]
        assert (line["reason"], line["offset"]) == (reason.value, 1)
        assert [letter.offset for letter in bundle.dead_letters if letter.reason is reason][-1:] == [1]


def test_what_outgrows_a_record_is_rejected() -> None:
    """And the records around it are not."""
    value = encoded(changes={"a": MANY_EMAILS})
    assert len(value) < EVENT_BYTES_MAX
    bundle = enrich(encoded(), value, encoded())
    assert [line.get("reason") for line in read(bundle)] == [None, "too_large", None]
    assert max(map(len, bundle.lines)) < ENRICHED_BYTES_MAX
    assert [letter.value for letter in bundle.dead_letters] == [value]


@pytest.mark.parametrize(
    "error", [RuntimeError("carla"), RecursionError(), MemoryError(), KeyError("carla"), AssertionError()]
)
def test_a_step_that_fails_rejects_its_record_alone(
    error: Exception, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As `internal`, without the error's words, which may hold a value."""

    def fail(event: Any, out: Any, rules: Any) -> None:
        if out.offset == 1:
            raise error

    monkeypatch.setattr(module, "STEPS", (*STEPS, fail))
    lines = read(enrich(encoded(), encoded(), encoded()))
    assert [line.get("reason") for line in lines] == [None, "internal", None]
    assert lines[1]["detail"] == f"{type(error).__name__} in a step"


@pytest.mark.parametrize("error", [KeyboardInterrupt(), SystemExit()])
def test_what_ends_the_process_does(error: BaseException, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is rejected because somebody pressed Ctrl-C."""

    def stop(event: Any, out: Any, rules: Any) -> None:
        raise error

    monkeypatch.setattr(module, "STEPS", (stop,))
    with pytest.raises(type(error)):
        enrich(encoded())


def test_no_records_make_no_lines() -> None:
    """An empty bundle is one."""
    assert enrich() == Bundle([], [])


# Personal data


def canaries() -> dict[str, Any]:
    """An event with something personal in every place that can hold text; each holds `canary`."""
    email = "canary.{}@example.com"
    fields: dict[str, Any] = {
        field.name: f"canary {field.name}" for field in FIELDS if field.kind == "text" and field.is_pii
    }
    fields |= {
        field.name: f"see {email.format(field.name)}"
        for field in FIELDS
        if field.kind == "text" and not field.is_pii
    }
    return fields | {
        "actor_email": email.format("actor"),
        "action": f"mail {email.format('action')}",
        "user_agent": f"bot (+{email.format('agent')})",
        "changes": {"owner": {"before": "canary before"}, email.format("changed"): "canary after"},
        "attributes": {
            "user_name": "canary by name",
            "password": "canary secret",
            "note": f"by value {email.format('value')}",
            email.format("attribute"): "as a name",
            "token_value": "Bearer canarycanarycanary",
        },
        "later": f"unknown {email.format('later')}",
        email.format("unknown"): 1,
        "nested": {"a": [email.format("nested")]},
        "contact_email": "canary unknown by name",
    }


def test_no_personal_data_outside_pii() -> None:
    """Planted in every field, attribute, name and unknown field: it is in `pii` and `identity`, and nowhere else."""
    line = line_of(encoded(**canaries()))
    assert "reason" not in line
    kept = str(line.pop("pii")) + line.pop("identity")
    assert "canary" not in json.dumps(line)
    planted = json.dumps(canaries()).count("canary")
    assert kept.count("canary") >= planted


@pytest.mark.parametrize(
    "broken",
    [
        {"action": ""},
        {"action": 5},
        {"actor_type": "canary@example.com"},
        {"outcome": "canary@example.com"},
        {"occurred_at": "canary@example.com"},
        {"event_id": "canary@example.com"},
        {"org_id": "canary@example.com"},
        {"response_code": "canary@example.com"},
        {"schema_version": 2},
        {"attributes": {"canary@example.com": []}},
        {"attributes": {"canary@example.com": "\0"}},
        {"changes": {"canary@example.com\0": 1}},
        {"later": "canary" + "x" * 5000},
        {"canary@example.com": "x" * 5000},
        {"canary@example.com": "\0"},
    ],
)
def test_no_personal_data_in_a_rejection(broken: dict[str, Any]) -> None:
    """Neither in its envelope nor in its detail, whatever of it is broken."""
    bundle = enrich(encoded(**canaries() | broken))
    (letter,) = bundle.dead_letters
    assert "canary" not in bundle.lines[0].decode()
    assert "canary" not in letter.detail
    assert "canary" in (letter.value or b"").decode()


def test_no_personal_data_in_a_broken_document() -> None:
    """Cut anywhere."""
    value = encoded(**canaries())
    for end in range(1, len(value), 37):
        bundle = enrich(value[:end])
        assert "canary" not in bundle.lines[0].decode()


def test_nothing_of_one_event_reaches_another() -> None:
    """Also where both name the same people, whatever else the first one holds."""
    people = {"actor_user_id": "u1", "actor_email": "a@b.co", "actor_ip": "10.0.0.1", "user_asset": "u2"}
    plain = encoded(**people)
    alone = line_of(plain)
    rich = encoded(
        **people, changes={"a": "c@d.co"}, attributes={"note": "e@f.co"}, source="g@h.co", action="x i@j.co"
    )
    for line in (line_of(plain), *read(enrich(rich, plain, rich, plain))[1::2]):
        assert {name: value for name, value in line.items() if name not in {"from", "offset"}} == {
            name: value for name, value in alone.items() if name not in {"from", "offset"}
        }


# Anything at all


def scalars() -> st.SearchStrategy[Any]:
    texts = st.one_of(
        st.text(max_size=20), st.sampled_from(["a@b.co", "10.0.0.1", "\0", "\n", "é", "x" * 5000, EVENT_ID])
    )
    return st.one_of(st.none(), st.booleans(), st.integers(), st.floats(allow_nan=True), texts)


def documents() -> st.SearchStrategy[Any]:
    return st.recursive(
        scalars(),
        lambda inner: st.one_of(
            st.lists(inner, max_size=4), st.dictionaries(st.text(max_size=8), inner, max_size=4)
        ),
        max_leaves=8,
    )


@st.composite
def mutated_events(draw: st.DrawFn) -> bytes | None:
    """An event with some fields replaced, its bytes perhaps cut, swapped or doubled."""
    fields = {
        "event_id": EVENT_ID,
        "occurred_at": "2026-03-02T09:59:59Z",
        "org_id": "acme",
        "action": "run:delete",
        **draw(
            st.dictionaries(
                st.one_of(st.sampled_from([field.name for field in FIELDS]), st.text(max_size=6)),
                documents(),
                max_size=4,
            )
        ),
    }
    value = json.dumps(
        fields, ensure_ascii=draw(st.booleans()), indent=draw(st.sampled_from([None, None, 1]))
    )
    data = bytearray(value.encode(errors="surrogatepass"))
    for _ in range(draw(st.integers(0, 2))):
        place = draw(st.integers(0, len(data)))
        data[place : place + draw(st.integers(0, 3))] = draw(
            st.one_of(
                st.binary(max_size=3),
                st.sampled_from([b"{", b"}", b'"', b"\\", b"\n", b"[" * 1100, b"\\ud800"]),
            )
        )
    return draw(
        st.sampled_from(
            [bytes(data), bytes(data), bytes(data), bytes(data) * 2, bytes(data[: len(data) // 2])]
        )
    )


def values() -> st.SearchStrategy[bytes | None]:
    return st.one_of(
        st.just(encoded()),
        mutated_events(),
        st.sampled_from(
            [None, b"", b" ", b"\n", b"{", b"}", b"[]", b"\xff", encoded() + encoded(), encoded()[:30]]
        ),
        st.binary(max_size=30),
    )


COLUMNS: Final = set(landing_columns())


@settings(
    max_examples=1000,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.too_slow],
)
@given(st.lists(st.tuples(values(), st.integers(0, 3)), max_size=6), st.data())
def test_any_records_give_a_line_each(drawn: list[tuple[bytes | None, int]], data: st.DataObject) -> None:
    """Chained, in order, readable, with the columns of `landing` alone; the same in one bundle or in pieces."""
    records: list[RawRecord] = []
    offset = 100
    for value, control_records in drawn:
        offset += control_records
        records.append(RawRecord(value, offset, RECEIVED_MS))
        offset += 1
    bundle = run(records, 100)
    lines = read(bundle)
    assert [line["offset"] for line in lines] == [record.offset for record in records]
    assert all(line["from"] == before["offset"] + 1 for before, line in pairwise(lines))
    assert not lines or lines[0]["from"] == 100
    assert {key for line in lines for key in line} <= COLUMNS
    assert b"\n" not in b"".join(bundle.lines)
    rejected = {line["offset"]: line["reason"] for line in lines if "reason" in line}
    assert {letter.offset: letter.reason.value for letter in bundle.dead_letters} == rejected
    assert Reason.INTERNAL.value not in rejected.values()
    assert run(records, 100) == bundle
    assert run(records, 100, Rules(Pseudonyms(PEPPER))) == bundle, "caches may save time and nothing else"
    cut = data.draw(st.integers(0, len(records)))
    next_from = records[cut - 1].offset + 1 if cut else 100
    pieces = [run(records[:cut], 100), run(records[cut:], next_from)]
    assert [line for piece in pieces for line in piece.lines] == bundle.lines
    assert [letter for piece in pieces for letter in piece.dead_letters] == bundle.dead_letters


def test_a_line_is_read_by_any_reader() -> None:
    """Times and numbers too: what msgspec wrote, the standard library reads."""
    line = line_of(with_text(b'"actor_user_id":"u1","attributes":{"big":9223372036854775807}'))
    assert line["attributes"] == {"big": "9223372036854775807"}
    assert datetime.fromisoformat(line["occurred_at"]) < RECEIVED
    assert 0 < line["user_ref"] < 2**64
    assert msgspec.json.decode(msgspec.json.encode(line)) == line
