"""How far a partition's raw offsets are stored, and the rule that decides what an enriched record is.

A mark travels as the metadata of Kafka's offset commit: `{topic id: hwm}`, the two latest ids. Every committed pair
(offset, mark) is true by itself: all raw offsets up to hwm are stored, and reading on at `offset` meets what follows.
So no commit needs fencing, whoever wrote it (design §5).
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from enum import Enum
from typing import Final

EPOCHS_KEPT: Final = 2
OFFSETS_END: Final = 2**63


class Verdict(Enum):
    """What a record is to a sink that has stored everything up to hwm."""

    NEXT = "next"
    REPEAT = "repeat"
    BEYOND_GAP = "beyond a gap"


@dataclass(frozen=True, slots=True)
class Mark:
    """The high-water marks of one partition: topic id -> last raw offset up to which everything is stored."""

    hwms: dict[str, int]

    def judge(self, epoch: str, from_offset: int, offset: int) -> Verdict:
        """A record continues the stored range, repeats it, or lies beyond missing records.

        Every topic id starts at 0, because the worker reads a new topic from its beginning. Where the raw log of a
        partition never seen before had expired by then, its mark is put before what is left first (`gap.baseline`).
        """
        hwm = self.hwm(epoch)
        if offset <= hwm:
            return Verdict.REPEAT
        return Verdict.NEXT if from_offset <= hwm + 1 else Verdict.BEYOND_GAP

    def hwm(self, epoch: str) -> int:
        """The last raw offset up to which everything of topic id `epoch` is stored; -1 when nothing is."""
        return self.hwms.get(epoch, -1)

    @property
    def latest(self) -> tuple[str, int]:
        """The topic id that advanced last and its hwm; ('', -1) when nothing is stored."""
        return next(reversed(self.hwms.items()), ("", -1))

    def advanced(self, epoch: str, offset: int) -> Mark:
        """The mark after storing up to `offset`; the oldest topic id beyond two is forgotten."""
        hwms = {each: hwm for each, hwm in self.hwms.items() if each != epoch} | {epoch: offset}
        return Mark(dict(list(hwms.items())[-EPOCHS_KEPT:]))

    def to_metadata(self) -> str:
        return json.dumps(dict(self.hwms), separators=(",", ":"))

    @classmethod
    def from_metadata(cls, text: str | None) -> Mark | None:
        """The committed mark, or None when there is none that can be read: then the log is read again from its start."""
        try:
            hwms = json.loads(text or "")
        except (ValueError, RecursionError):
            return None
        if not isinstance(hwms, dict) or not all(
            type(hwm) is int and 0 <= hwm < OFFSETS_END for hwm in hwms.values()
        ):
            return None
        return cls(hwms)


NOTHING_STORED: Final = Mark({})
