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

POLL_S: Final = 0.05
#: A drain of fewer says little about the rate: its first batch meets empty tables, its last one nobody beside it.
COUNT_LEAST: Final = 300_000


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

    def is_reading(self) -> bool:
        """Whether the group's members have their partitions."""
        try:
            found = self._admin.describe_groups([self._group])[self._group]
        except KafkaError:
            return False
        return bool(found["group_state"] == "Stable")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._admin.close()


def wait_for_readers(bootstrap: str, group: str, processes: Sequence[Measured]) -> None:
    """Return when the group has its partitions; raises `RunFailed`."""
    started = time.monotonic()
    with Committed(bootstrap, group) as members:
        while not members.is_reading():
            time.sleep(POLL_S)
            if time.monotonic() - started > START_TIMEOUT_S or not all(each.is_alive for each in processes):
                raise RunFailed("\n".join(["nobody reads", *(each.end_of_log() for each in processes)]))


def follow_commits(
    committed: Committed,
    count: int,
    processes: Sequence[Measured],
    cpu_of: Callable[[], list[float]],
) -> tuple[float, list[float]]:
    """Wait until `count` records are committed: (records a second, CPU seconds per million of each in `cpu_of`).

    Both are counted from now, when the readers have their partitions, to the last commit: what a process does before its
    first commit, or while another still works, is in them.
    """
    began = moved = time.monotonic()
    before, seen = cpu_of(), 0
    while seen < count:
        time.sleep(POLL_S)
        now, last = time.monotonic(), seen
        seen = committed.count()
        if seen > last:
            moved = now
        if now - moved > (STALL_TIMEOUT_S if seen else START_TIMEOUT_S) or not all(
            each.is_alive for each in processes
        ):
            raise RunFailed(
                f"{seen} of {count} records committed after {now - began:.0f} s, then nothing\n"
                + "\n".join(each.end_of_log() for each in processes)
            )
        for each in processes:
            each.cpu_seconds()
    seconds, after = time.monotonic() - began, cpu_of()
    return count / seconds, [(end - begin) / count * 1e6 for begin, end in zip(before, after, strict=True)]
