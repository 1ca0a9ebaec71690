"""A report's own parameters: texts become values, or a refusal that says what is allowed."""

from __future__ import annotations

import pytest

from trailhouse.queries.errors import BadParameter
from trailhouse.queries.parameter import Parameter

TOP = Parameter("top", "UInt32", 3, "how many", minimum=1, maximum=9)
KIND = Parameter("kind", "String", "a", "which", choices=("a", "b"))


def test_texts_become_values() -> None:
    """A number for bounds, the text itself for choices."""
    assert (TOP.parse("1"), TOP.parse("9"), KIND.parse("b")) == (1, 9, "b")


@pytest.mark.parametrize("text", ["0", "10", "-1", "1.0", "", "\u0663", "1e0", "99999999999"])
def test_a_number_outside_its_bounds_is_refused(text: str) -> None:
    """Plain ASCII digits between minimum and maximum."""
    with pytest.raises(BadParameter) as caught:
        TOP.parse(text)
    assert caught.value.hint == "wanted: a whole number from 1 to 9"


@pytest.mark.parametrize("text", ["", "c", "A", "a "])
def test_a_choice_there_is_not_is_refused(text: str) -> None:
    """Choices are spelled exactly."""
    with pytest.raises(BadParameter) as caught:
        KIND.parse(text)
    assert caught.value.hint == "wanted: one of a, b"


def test_what_is_allowed_as_json_schema() -> None:
    """For OpenAPI and the list of reports."""
    assert TOP.to_schema() == {"type": "integer", "minimum": 1, "maximum": 9}
    assert KIND.to_schema() == {"type": "string", "enum": ["a", "b"]}
