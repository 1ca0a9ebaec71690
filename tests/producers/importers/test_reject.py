from __future__ import annotations

import pytest

from trailhouse.producers.errors import InvalidEvent
from trailhouse.producers.importers.reject import REASON_LENGTH_MAX, Reject


def test_a_reject_keeps_the_line_and_names_field_and_rule_without_the_value() -> None:
    """The line goes to the file of rejects; what is printed must not hold personal data."""
    reject = Reject.of(7, InvalidEvent("actor_name", "Ada Lovelace", "must be text"), b"raw line")
    assert reject == Reject(7, "actor_name: must be text", b"raw line")


@pytest.mark.parametrize(("field", "length"), [("x" * 500, REASON_LENGTH_MAX), ("a\x1b[31m\nb", 12)])
def test_a_reason_is_short_and_harmless_to_print(field: str, length: int) -> None:
    """A field's name may come from the file: it is cut, and cannot steer a terminal."""
    reason = Reject.of(1, InvalidEvent(field, None, "no such field"), b"").reason
    assert reason.isprintable()
    assert length <= len(reason.removesuffix(": no such field")) <= REASON_LENGTH_MAX
