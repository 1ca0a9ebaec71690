"""When so much of a partition is rejected that somebody should look before it goes on: pure arithmetic.

A worker that rejects most of what it reads is more likely at fault than all its senders: another version, another
`TRAILHOUSE_TOPIC_ORGS`, a step gone wrong. So above a share of rejects the breaker opens, and what it opened on is not
rejected yet: it waits on the raw topic, where a mended worker takes it as if nothing had been.
"""

from __future__ import annotations

import json
from collections import Counter, deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Self

REASONS_NOTED: Final = 5


@dataclass(slots=True)
class Window:
    """The last `records` records of one partition: more than `limit` rejects among them trip the breaker.

    `muted` = somebody let this stretch pass; it stays so until as many records went by with fewer rejects.
    """

    records: int
    limit: int
    seen: int = 0
    rejects: deque[int] = field(default_factory=deque)
    muted: bool = False
    muted_at: int = 0

    def take(self, count: int, rejected: Sequence[int]) -> bool:
        """Count the next `count` records, of which those at these indices (ascending) were rejected.

        True = they trip it; then nothing of them was counted, so they may come again.
        """
        marks = deque(self.rejects, maxlen=self.limit + 1)
        is_tripped = False
        for index in rejected:
            mark = self.seen + index
            marks.append(mark)
            if len(marks) > self.limit and mark - marks[0] < self.records:
                is_tripped = True
        if is_tripped and not self.muted:
            return True
        self.seen += count
        self.rejects = marks
        is_bad = len(marks) > self.limit and self.seen - marks[0] <= self.records
        if self.muted and not is_bad and self.seen - self.muted_at >= self.records:
            self.muted = False
        return False

    def mute(self) -> None:
        """Let what comes pass, until it has become better."""
        self.muted, self.muted_at = True, self.seen


class Breaker:
    """The windows of all partitions. `records` = 0 switches it off."""

    def __init__(self, records: int, share: float) -> None:
        self._records, self._limit = records, int(records * share)
        self._windows: dict[int, Window] = {}
        self._assignments: dict[int, Any] = {}

    def take(self, partition: int, assignment: Any, count: int, rejected: Sequence[int]) -> bool:
        """Whether the next `count` records, of which those at these indices were rejected, trip the breaker.

        What trips it is not counted, so it may come again. A new `assignment` begins to count anew: what lies between was another worker's.
        """
        if not self._records:
            return False
        window = self._windows.get(partition)
        if window is None or self._assignments.get(partition) is not assignment:
            is_muted = window is not None and window.muted
            window = self._windows[partition] = Window(self._records, self._limit, muted=is_muted)
            self._assignments[partition] = assignment
        return window.take(count, rejected)

    def mute(self, partition: int) -> None:
        """Let the partition's records pass until they have become better."""
        if partition in self._windows:
            self._windows[partition].mute()


@dataclass(frozen=True, slots=True)
class Note:
    """What is known outside the worker of a partition's breaker, kept as the metadata of a committed offset.

    Open: nothing is taken from `offset` on, since `since` (RFC 3339), because of `reasons`. Closed (`since` empty):
    records before `offset` may be rejected, however many. `epoch` is the raw topic's id.
    """

    epoch: str
    offset: int
    since: str = ""
    rejected: int = 0
    of: int = 0
    reasons: Mapping[str, int] = field(default_factory=dict)

    @property
    def is_open(self) -> bool:
        return self.since != ""

    def lets_pass(self, epoch: str, last_offset: int) -> bool:
        """Whether records up to `last_offset` were let pass."""
        return not self.is_open and self.epoch == epoch and last_offset < self.offset

    def to_metadata(self) -> str:
        """Everything but the offset."""
        said: dict[str, Any] = {"epoch": self.epoch}
        if self.is_open:
            reasons = dict(Counter(self.reasons).most_common(REASONS_NOTED))
            said |= {"since": self.since, "rejected": self.rejected, "of": self.of, "reasons": reasons}
        return json.dumps(said, separators=(",", ":"))

    @classmethod
    def from_metadata(cls, offset: int, text: str | None) -> Self | None:
        """Read it back; None for what is no note."""
        try:
            said = json.loads(text or "")
            return cls(
                str(said["epoch"]),
                offset,
                str(said.get("since", "")),
                int(said.get("rejected", 0)),
                int(said.get("of", 0)),
                {str(name): int(count) for name, count in dict(said.get("reasons", {})).items()},
            )
        except (ValueError, TypeError, KeyError, RecursionError):
            return None
