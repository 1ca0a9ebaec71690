"""The SDK's errors: what they say and carry."""

from __future__ import annotations

import pickle

import pytest

from trailhouse.producers.errors import (
    AuditBufferFull,
    AuditError,
    DeliveryFailed,
    DeliveryRefused,
    InvalidEvent,
    ProducerClosed,
    SettingsError,
)
from trailhouse.producers.field import FIELDS
from trailhouse.producers.settings import Secret


@pytest.mark.parametrize(
    "kind", [SettingsError, InvalidEvent, AuditBufferFull, DeliveryFailed, ProducerClosed]
)
def test_every_error_is_an_audit_error(kind: type[Exception]) -> None:
    """One `except AuditError` catches all."""
    assert issubclass(kind, AuditError)


def test_what_may_succeed_later_says_so() -> None:
    """A full buffer and a failed delivery may be tried again; the rest may not."""
    retriable = {AuditBufferFull, DeliveryFailed}
    for kind in (
        AuditBufferFull,
        DeliveryFailed,
        DeliveryRefused,
        InvalidEvent,
        ProducerClosed,
        SettingsError,
    ):
        assert kind.retriable == (kind in retriable)


def test_a_secret_that_cannot_be_used_is_told_but_not_shown() -> None:
    """Whether there is one is what one needs to know."""
    assert str(SettingsError("KEY", Secret(), "a key")) == "KEY is not set; wanted a key"
    said = str(SettingsError("KEY", Secret("hunter2"), "a key"))
    assert said == "KEY cannot be used (its value is not shown); wanted a key"


def test_invalid_event_names_field_value_and_rule() -> None:
    """The three things one needs to mend it."""
    error = InvalidEvent("response_code", "200", "must be a whole number")
    assert str(error) == "response_code is '200': must be a whole number"
    assert (error.field, error.shown, error.rule) == ("response_code", "'200'", "must be a whole number")


def test_invalid_event_cuts_long_values() -> None:
    """At most 80 characters of the value are shown."""
    error = InvalidEvent("action", "x" * 5000, "is too long")
    assert len(error.shown) == 80
    assert error.shown.endswith("…")


@pytest.mark.parametrize(
    ("field", "value", "shown"),
    [
        ("attributes", {"password": "hunter2"}, "a dict of 1"),
        ("actor_email", "hunter2", "text of length 7"),
        ("event", b'{"actor_name": "hunter2', "23 bytes"),
        ("changes", ["hunter2"], "a list of 1"),
        ("passwd", 17, "of type int"),
        ("actor_name", None, "None"),
    ],
)
def test_a_value_that_may_be_personal_is_not_in_the_text(field: str, value: object, shown: str) -> None:
    """Exceptions are logged: of people, free facts and fields nobody knows they tell the kind and the size."""
    error = InvalidEvent(field, value, "is wrong")
    assert str(error) == f"{field} is {shown}: is wrong"
    assert "hunter2" not in repr(error)
    assert "hunter2" not in repr(error.args)


def test_no_field_of_personal_data_is_shown() -> None:
    """What is shown are ids of events and organisations, times, actions and words from closed lists."""
    assert {each.name for each in FIELDS if not each.is_pii} >= InvalidEvent.SHOWN


@pytest.mark.parametrize(
    "error",
    [
        InvalidEvent("changes", lambda: None, "cannot be written as JSON"),
        SettingsError("TRAILHOUSE_X", "y", "a number"),
        DeliveryRefused("too large"),
    ],
)
def test_errors_cross_a_process_pool(error: AuditError) -> None:
    """An error raised in a worker process arrives with its words, even when its value cannot be pickled."""
    arrived = pickle.loads(pickle.dumps(error))
    assert type(arrived) is type(error)
    assert str(arrived) == str(error)
