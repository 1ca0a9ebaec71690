"""Errors: what they say, and what they become as HTTP status and exit code."""

from __future__ import annotations

import pytest

from trailhouse.queries.errors import (
    BadParameter,
    NotAllowed,
    QueryError,
    ReportBroken,
    StorageUnavailable,
    UnknownReport,
)


@pytest.mark.parametrize(
    ("error", "status", "exit_code"),
    [
        (ReportBroken("x", "lacks a title"), 500, 1),
        (UnknownReport("x", ["y"]), 404, 2),
        (BadParameter("last", "30", "30d"), 400, 2),
        (NotAllowed("acme"), 403, 4),
        (StorageUnavailable("away", "wait"), 503, 1),
    ],
)
def test_each_error_has_its_status_and_exit_code(error: QueryError, status: int, exit_code: int) -> None:
    """2 is wrong usage, 4 is not allowed, 1 is a failure."""
    assert (error.status, error.exit_code) == (status, exit_code)
    assert error.title


def test_a_bad_parameter_shows_at_most_eighty_characters_of_its_value() -> None:
    """A pasted file is not printed back."""
    error = BadParameter("org", "x" * 1000, "an id")
    assert str(error) == f"org is '{'x' * 78}…"
    assert error.hint == "wanted: an id"


def test_a_typo_gets_the_closest_name_and_anything_else_the_list() -> None:
    """So that the next try is the right one."""
    assert UnknownReport("active_user", ["active_users", "b"]).hint == "did you mean active_users?"
    assert UnknownReport("zzz", ["b", "a"]).hint == "the reports are a, b"
