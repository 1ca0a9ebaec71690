"""How far a consumer group has committed: what the sink says is stored."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import Final, Self

from kafka.admin import KafkaAdminClient
from kafka.errors import KafkaError

from bench.process import Measured
from bench.stage import STALL_TIMEOUT_S, START_TIMEOUT_S, RunFailed
from trailhouse.sinks.settings import SinkSettings

POLL_S: Final = 0.05
#: As many as two of the sink's batches.
LEFT_OUT: Final = 2 * SinkSettings().batch_rows
#: A drain of fewer says nothing about the rate.
COUNT_LEAST: Final = 3 * LEFT_OUT


class Committed:
    """The sum of a group's committed offsets, asked cheaply and often."""

    def __init__(self, bootstrap: str, group: str) -> None:
        self._admin, self._group = KafkaAdminClient(bootstrap_servers=bootstrap), group

    def count(self) -> int:
        """Records committed over all partitions."""
        try:
            offsets = self._admin.list_group_offsets([self._group]).get(self._group, {})
        except KafkaError:  # the first group of a broker waits for its coordinator
            return 0
        return sum(max(0, int(each.offset)) for each in offsets.values())

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._admin.close()


def follow_commits(
    committed: Committed,
    count: int,
    processes: Sequence[Measured],
    cpu_of: Callable[[], list[float]],
) -> tuple[float, list[float]]:
    """Wait until `count` records are committed: (records a second, CPU seconds per million of each in `cpu_of`).

    Both are counted from the commit that makes it `LEFT_OUT` (of short drains a third) to the last, so neither start-up nor
    the first batches are in them. Batches that are stored two at a time are committed two at a time: counted from the
    first, the second was free.
    """
    started = moved = time.monotonic()
    first, seen, at_first = 0.0, 0, 0
    before = cpu_of()
    while seen < count:
        time.sleep(POLL_S)
        now, last = time.monotonic(), seen
        seen = committed.count()
        if seen > last:
            moved = now
            if not at_first and seen >= min(LEFT_OUT, count // 3):
                first, at_first, before = now, seen, cpu_of()
        if now - moved > (STALL_TIMEOUT_S if seen else START_TIMEOUT_S) or not all(
            each.is_alive for each in processes
        ):
            raise RunFailed(
                f"{seen} of {count} records committed after {now - started:.0f} s, then nothing\n"
                + "\n".join(each.end_of_log() for each in processes)
            )
        for each in processes:
            each.cpu_seconds()
    if at_first >= count:
        raise RunFailed(f"{count} records came in one commit, which leaves nothing to measure: more --events")
    done, after = time.monotonic(), cpu_of()
    rest = max(1, count - at_first)
    return rest / max(0.001, done - first), [
        (end - begin) / rest * 1e6 for begin, end in zip(before, after, strict=True)
    ]
