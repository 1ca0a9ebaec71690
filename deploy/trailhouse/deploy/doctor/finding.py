"""What the doctor says: one finding for each thing it looked at."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

#: One line, whatever a driver says: its texts are pages, and may quote what was asked.
_LONGEST: Final = 200


class Level(StrEnum):
    """`fail` must be mended, `warn` could be better, `ok` is well."""

    OK = "ok"
    WARN = "warn"
    FAIL = "fail"


@dataclass(frozen=True, slots=True)
class Finding:
    """`area` and `name` say what was looked at, `found` what is there, `advice` what to do (empty when all is well)."""

    area: str
    name: str
    level: Level
    found: str
    advice: str = ""


def ok(area: str, name: str, found: str) -> Finding:
    return Finding(area, name, Level.OK, found)


def warn(area: str, name: str, found: str, advice: str) -> Finding:
    return Finding(area, name, Level.WARN, found, advice)


def fail(area: str, name: str, found: str, advice: str) -> Finding:
    return Finding(area, name, Level.FAIL, found, advice)


def examined(area: str, look: Callable[[], Iterable[Finding]], advice: str) -> Iterator[Finding]:
    """The findings of `look`; what it raises is one more: a doctor that stops at the first ill is of little help."""
    try:
        yield from look()
    except Exception as error:  # whatever a driver or the system raises is what was found
        line = str(error).strip().partition("\n")[0][:_LONGEST]
        hint = str(getattr(error, "hint", "") or advice)
        yield fail(area, "answers", f"{type(error).__name__}: {line}".removesuffix(": "), hint)
