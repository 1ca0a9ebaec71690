"""Errors that end an import; a bad line is no error but a `Reject`.

ImportFailed
├── BadMapping        the mapping cannot be used; nothing was read
└── UnreadableInput   a file or repository cannot be read, or not to its end
"""

from __future__ import annotations

from typing import ClassVar

from trailhouse.producers.errors import AuditError


class ImportFailed(AuditError):
    """An import cannot start or go on; `hint` says what to do."""

    def __init__(self, text: str, hint: str = "") -> None:
        super().__init__(text)
        self.hint = hint


class BadMapping(ImportFailed):
    """The mapping names something that does not exist, or leaves out something every event needs."""

    exit_code: ClassVar[int] = 2


class UnreadableInput(ImportFailed):
    """A file or repository cannot be opened, or breaks off in the middle."""
