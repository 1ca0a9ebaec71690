"""Errors in ClickHouse's own form, so that every client understands them: a code, a name, an HTTP status."""

from __future__ import annotations

import re
from typing import Final

UNKNOWN: Final = 1002
STATUS: Final[dict[int, int]] = {
    46: 404,  # UNKNOWN_FUNCTION
    47: 404,  # UNKNOWN_IDENTIFIER
    60: 404,  # UNKNOWN_TABLE
    81: 404,  # UNKNOWN_DATABASE
    115: 404,  # UNKNOWN_SETTING
    159: 408,  # TIMEOUT_EXCEEDED
    164: 403,  # READONLY
    193: 401,  # WRONG_PASSWORD
    241: 507,  # MEMORY_LIMIT_EXCEEDED
    373: 409,  # SESSION_IS_LOCKED
    497: 403,  # ACCESS_DENIED
    516: 403,  # AUTHENTICATION_FAILED
    **dict.fromkeys(
        (6, 27, 33, 36, 38, 41, 43, 53, 62, 70, 72, 89, 117, 456, 457), 400
    ),  # the caller's text or data
}


class EngineError(Exception):
    """An error to answer with; `code` is ClickHouse's number for it, `status` the HTTP status that goes with it."""

    def __init__(self, text: str, code: int) -> None:
        super().__init__(text)
        self.text, self.code = text, code

    @property
    def status(self) -> int:
        return STATUS.get(self.code, 500)

    @classmethod
    def from_engine(cls, error: RuntimeError) -> EngineError:
        """What chDB raised: its text already has the form `Code: 60. DB::Exception: … (UNKNOWN_TABLE)`."""
        text = str(error)
        found = re.search(r"Code: (\d+)", text)
        return cls(text, int(found[1]) if found else UNKNOWN)


def refused(code: int, name: str, message: str) -> EngineError:
    """An error of our own, worded as the server words it."""
    return EngineError(f"Code: {code}. DB::Exception: {message}. ({name})", code)
