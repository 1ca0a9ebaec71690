from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trailhouse.producers.importers.errors import BadMapping
from trailhouse.producers.importers.expression import Expression, as_text

KEYS = st.text("abcdefghijklmnopqrstuvwxyz_", min_size=1, max_size=8)
LEAVES = st.one_of(st.integers(), st.text(min_size=1, max_size=20).filter(bool), st.booleans())


def value_at(expression: str, row: dict[str, Any]) -> Any:
    return Expression.parse(expression)(row)


@given(st.lists(KEYS, min_size=1, max_size=6), LEAVES)
def test_a_dotted_path_finds_any_nested_value(keys: list[str], leaf: Any) -> None:
    """Whatever nests, the path of its keys joined with dots leads to it."""
    row: Any = leaf
    for key in reversed(keys):
        row = {key: row}
    assert value_at(".".join(keys), row) == leaf


@given(st.lists(KEYS, min_size=2, max_size=5), LEAVES, st.integers(1, 4))
def test_json_text_in_a_cell_is_read_through(keys: list[str], leaf: Any, depth: int) -> None:
    """A level that is JSON text rather than an object is read like the object it holds."""
    row: Any = leaf
    for level, key in enumerate(reversed(keys)):
        row = {key: json.dumps(row) if level == min(depth, len(keys) - 1) else row}
    assert value_at(".".join(keys), row) == leaf


@given(st.lists(st.one_of(st.none(), st.just(""), st.text(min_size=1)), min_size=1, max_size=6))
def test_the_first_present_alternative_wins(values: list[str | None]) -> None:
    """Missing, null and empty values are passed over; the first other one is taken."""
    row = {f"k{index}": value for index, value in enumerate(values) if index % 3 or value is not None}
    expected = next((value for value in values if value), None)
    assert value_at("|".join(f"k{index}" for index in range(len(values))), row) == expected


def test_a_present_zero_or_false_is_a_value() -> None:
    """Falsy is not absent."""
    assert value_at("a|b", {"a": 0, "b": 1}) == 0
    assert value_at("a|b", {"a": False, "b": True}) is False


def test_lists_are_indexed() -> None:
    """A number in a path picks from a list; beyond its end there is nothing."""
    row = {"Parameters": [{"Name": "first"}, {"Name": "second"}]}
    assert value_at("Parameters.1.Name", row) == "second"
    assert value_at("Parameters.2.Name", row) is None
    assert value_at("Parameters.x.Name", row) is None


def test_keys_that_hold_dots_are_found() -> None:
    """Flattened exports have dots in their own column names, on top or further in."""
    assert value_at("user.name", {"user.name": "flat"}) == "flat"
    assert value_at("a.user.name", {"a": {"user.name": "deep"}}) == "deep"


@pytest.mark.parametrize("row", [{}, {"a": None}, {"a": "no json"}, {"a": 5}, {"a": [1]}, {"a": '"text"'}])
def test_a_path_that_leads_nowhere_is_absent(row: dict[str, Any]) -> None:
    """Scalars, broken JSON and missing keys on the way are nothing, not an error."""
    assert value_at("a.b.c", row) is None


def test_a_regular_expression_takes_the_part_that_matches() -> None:
    """`~` gives the match, or its first group; without a match the alternative is absent."""
    assert value_at("source~^[^.]+", {"source": "kms.example.com"}) == "kms"
    assert value_at("source~^[^.]+\\.(.+)$", {"source": "kms.example.com"}) == "example.com"
    assert value_at("source~^x|other", {"source": "kms", "other": "o"}) == "o"
    assert value_at("code~^4\\d{2}$", {"code": 404}) == "404"


def test_a_match_may_stand_for_another_text() -> None:
    """`=>` replaces what matched, so kinds of rows become actions."""
    expression = Expression.parse("InvoiceNo~^C=>cancel|InvoiceNo~^[0-9]=>purchase")
    assert [expression({"InvoiceNo": text}) for text in ("C536379", "536365", "A1")] == [
        "cancel",
        "purchase",
        None,
    ]


def test_a_template_needs_all_its_values() -> None:
    """`{path}` fills in values; one missing makes the whole text absent."""
    expression = Expression.parse("{eventSource~^[^.]+}:{eventName}|eventName")
    assert expression({"eventSource": "kms.example.com", "eventName": "Decrypt"}) == "kms:Decrypt"
    assert expression({"eventName": "Decrypt"}) == "Decrypt"
    assert value_at("{a|b}/{n}", {"b": "x", "n": 7}) == "x/7"


def test_a_bar_inside_brackets_belongs_to_the_expression() -> None:
    """`|` separates alternatives outside of brackets only; a list of alternatives needs no such care."""
    assert value_at("kind~^(?:a|b)$=>ab|kind", {"kind": "b"}) == "ab"
    assert value_at("kind~^[a|b]+$=>ab|kind", {"kind": "c"}) == "c"
    assert value_at("kind~\\||other", {"kind": "a|b"}) == "|"
    assert Expression.parse(["kind~^a|^b=>ab", "kind"])({"kind": "b"}) == "ab"


@pytest.mark.parametrize("text", ["", "a|", "|a", "~x", "a~(", "{a", "{}"])
def test_a_broken_expression_is_refused(text: str) -> None:
    """Mistakes are told before anything is read."""
    with pytest.raises(BadMapping):
        Expression.parse(text)


def test_paths_lists_everything_that_may_be_read() -> None:
    """The paths of all alternatives and templates are known, for checking them against a header."""
    assert Expression.parse("{a.b~x}:{c}|d~^e=>f").paths == ("a.b", "c", "d")


@given(st.one_of(st.integers(-(2**53), 2**53), st.booleans(), st.lists(st.integers(-(2**53), 2**53))))
def test_values_become_text_as_json_writes_them(value: Any) -> None:
    """Numbers, truth values and lists read in events as they do in the file."""
    assert json.loads(as_text(value)) == value
