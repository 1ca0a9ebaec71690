"""Errors of the sinks.

SinkError
├── MigrationError     a migration was edited after it ran, is missing, or failed
├── ConflictRefused    an event is in no conflict that could be settled
├── RangeRefused       a range of raw offsets cannot be accepted as lost
└── StorageRefused     ClickHouse refused an insert because of a row in it
"""

from __future__ import annotations


class SinkError(Exception):
    """Root; the message says what happened, with which value, `hint` what to do."""

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.hint = hint


class MigrationError(SinkError):
    """A migration was edited after it was applied, is missing, or failed."""


class ConflictRefused(SinkError):
    """An event is in no open conflict."""


class RangeRefused(SinkError):
    """A range of raw offsets is not missing, or not gone for good."""


class StorageRefused(SinkError):
    """ClickHouse refused an insert with error `code` because of a row in it."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(f"ClickHouse refused the insert: code {code}: {message}")
        self.code = code
