"""`parts`: a memory that is bounded, and answers that do not depend on what was asked before."""

from __future__ import annotations

from tests.stream.factories import PEPPER

from trailhouse.stream.enriched import Enriched
from trailhouse.stream.parts import DEED_COLUMNS, PERSON_FIELDS, THING_FIELDS, Memory, Parts, parts_of
from trailhouse.stream.persons import PEOPLE_FIELDS, Pseudonyms
from trailhouse.stream.raw import RawEvent
from trailhouse.stream.steps import NAME_FIELDS, TEXT_FIELDS, Rules


def test_a_memory_asks_once() -> None:
    """Also for what the answer to is None."""
    asked: list[str] = []

    def make(key: str) -> str | None:
        asked.append(key)
        return None if key == "none" else key * 2

    memory: Memory[str, str | None] = Memory(make, 8)
    assert [memory[key] for key in ("a", "none", "a", "none")] == ["aa", None, "aa", None]
    assert asked == ["a", "none"]


def test_a_memory_is_bounded_and_keeps_what_is_asked_for() -> None:
    """However much is asked for once, what comes again and again stays; the rest is forgotten."""
    asked: list[int] = []

    def make(key: int) -> int:
        asked.append(key)
        return key

    memory: Memory[int, int] = Memory(make, 8)
    for key in range(100):
        assert memory[key] == key
        assert memory[-1] == -1
        assert memory.size <= 8
    assert asked.count(-1) == 1
    assert asked == [0, -1, *range(1, 100)]
    assert memory[1] == 1
    assert asked[-1] == 1  # it was forgotten


def test_the_rules_have_their_parts() -> None:
    """The same ones each time, and other rules others."""
    rules = Rules(Pseudonyms(PEPPER))
    assert parts_of(rules) is parts_of(rules)
    assert parts_of(rules) is not parts_of(Rules(Pseudonyms(PEPPER)))


def test_every_field_of_an_event_is_some_part_s() -> None:
    """A field more in the contract, and the short way would leave it out of the line."""
    of_parts = {*PERSON_FIELDS, *THING_FIELDS, "action", "outcome", "response_code"}
    by_themselves = {"actor_ip", "actor_role", "user_agent", "correlation_id", "attributes"}
    asked_for = {"event_id", "occurred_at", "schema_version", "changes"}
    assert set(RawEvent.__struct_fields__) == of_parts | by_themselves | asked_for
    assert set(PEOPLE_FIELDS) | set(NAME_FIELDS) | set(TEXT_FIELDS) <= of_parts | by_themselves
    assert set(DEED_COLUMNS) <= set(Enriched.__struct_fields__)


def test_an_organisation_that_may_not_be_here_has_no_parts() -> None:
    """Nor has one whose id breaks the contract."""
    parts = Parts(Rules(Pseudonyms(PEPPER), frozenset({"acme"})))
    assert [parts.orgs[org] for org in ("acme", "globex", "-")] == [True, False, False]
