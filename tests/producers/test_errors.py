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
    error = InvalidEvent("actor_name", "x" * 5000, "is too long")
    assert len(error.shown) == 80
    assert error.shown.endswith("…")


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
