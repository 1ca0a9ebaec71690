"""What an importer yields: an event, or a line that could not become one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from trailhouse.producers.errors import InvalidEvent
from trailhouse.producers.event import AuditEvent

REASON_LENGTH_MAX: Final = 160


@dataclass(frozen=True, slots=True)
class Reject:
    """A line that is no event: its number (from 1), what is wrong with it, and the line itself, byte for byte.

    `header`: the line that names the file's columns, where it has one, so that rejects can be mended and imported.
    `reason` names the field and the rule, never the value: reasons are printed and logged, and values may be personal.
    """

    line: int
    reason: str
    raw: bytes
    header: bytes = b""

    @classmethod
    def of(cls, line: int, error: InvalidEvent, raw: bytes, header: bytes = b"") -> Reject:
        # A field's name may come from the line itself, so it is cut and cannot steer a terminal.
        return cls(line, f"{_shown(error.field)}: {_shown(error.rule)}", raw, header)


def _shown(text: str) -> str:
    cut = text if len(text) <= REASON_LENGTH_MAX else text[: REASON_LENGTH_MAX - 1] + "…"
    return cut if cut.isprintable() else ascii(cut)[1:-1]


Read = AuditEvent | Reject
