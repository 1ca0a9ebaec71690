"""What may stand in text, and that every field has a check."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trailhouse.producers.field import CHECKS, FIELDS, is_printable, is_storable


def test_every_field_has_its_check() -> None:
    """A field without a check would take anything."""
    assert list(CHECKS) == [field.name for field in FIELDS]


def test_the_nineteen_keys_of_the_audit_log_api_are_fields() -> None:
    """W&B's keys map one to one (`timestamp` is `occurred_at`), requirements §4."""
    wandb = [
        "action",
        "actor_email",
        "actor_ip",
        "actor_user_id",
        "artifact_asset",
        "artifact_digest",
        "artifact_qualified_name",
        "artifact_sequence_asset",
        "cli_version",
        "entity_asset",
        "entity_name",
        "project_asset",
        "project_name",
        "report_asset",
        "report_name",
        "response_code",
        "user_asset",
        "user_email",
        "occurred_at",
    ]
    assert len(wandb) == 19
    assert set(wandb) <= set(CHECKS)


@pytest.mark.parametrize("text", ["a", "", "Ünïcode ✓", "e\u0301", "\U0001f469"])
def test_printable_text(text: str) -> None:
    """Letters, marks, symbols and spaces print."""
    assert is_printable(text)


@pytest.mark.parametrize(
    "text", ["\n", "\x7f", "a\u200b", "\u202e", "\u2028", "\u2029", "\ue000", "\ud800", "é\x85"]
)
def test_unprintable_text(text: str) -> None:
    """Control, format, separator, private and surrogate characters do not."""
    assert not is_printable(text)


@given(st.characters())
def test_printable_is_decided_by_category(character: str) -> None:
    """The quick way for ASCII agrees with the definition."""
    assert is_printable(character) == (
        unicodedata.category(character) not in {"Cc", "Cf", "Cs", "Co", "Zl", "Zp"}
    )


@given(st.text(st.characters(codec=None), max_size=20))
def test_storable_is_what_utf8_can_write_without_nul(text: str) -> None:
    """Storable = encodes as UTF-8 and holds no NUL."""
    try:
        text.encode()
        encodes = True
    except UnicodeEncodeError:
        encodes = False
    assert is_storable(text) == (encodes and "\x00" not in text)
