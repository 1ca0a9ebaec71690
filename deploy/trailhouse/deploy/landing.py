"""Waiting until everything on the raw topic is queryable."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from trailhouse.deploy.errors import DeployError

if TYPE_CHECKING:
    from trailhouse.producers.settings import KafkaSettings

POLL_S: Final = 0.25


class NotLanded(DeployError):
    """What was sent is in Kafka but not in ClickHouse yet."""


@dataclass(frozen=True, slots=True)
class Positions:
    """Of the raw topic called `epoch`, by partition: where its log ends, and the last offset the sink has stored."""

    epoch: str
    ends: Mapping[int, int]
    stored: Mapping[int, int]


def read_positions(kafka: KafkaSettings, group: str) -> Positions:
    """Ask Kafka; raises what kafka-python raises when it is away."""
    from trailhouse.sinks.balance import read_positions as read  # noqa: PLC0415  loads the Kafka driver

    marks, logs, epoch = read(kafka, group)
    return Positions(
        epoch,
        {partition: end for partition, (_, end) in logs.items()},
        {partition: mark.hwms[epoch] for partition, mark in marks.items() if epoch in mark.hwms},
    )


def await_landing(
    read: Callable[[], Positions],
    *,
    timeout_s: float,
    on_progress: Callable[[int, int], None],
    clock: Callable[[], float] = time.monotonic,
    pause: Callable[[float], None] = time.sleep,
) -> int:
    """Wait until all that is on the raw topic now is stored; returns how many records that took.

    The sink commits a mark only after its INSERT was acknowledged, so a stored offset is a queryable one. What others
    send meanwhile is not waited for. `on_progress(done, of)` is called at each look. Raises `NotLanded` when nothing
    moves for `timeout_s`, or the topic was created anew.
    """
    first = read()
    goals = {partition: end - 1 for partition, end in first.ends.items() if end > 0}
    total = _behind(goals, first.stored)
    behind, moved = total, clock()
    positions = first
    while behind:
        on_progress(total - behind, total)
        if clock() - moved > timeout_s:
            raise NotLanded(
                f"{behind} records are in Kafka but not in ClickHouse yet",
                cause=f"the stream or the sink has not moved for {timeout_s:g} s",
                hint="nothing is lost; see which role lags: trailhouse status",
            )
        pause(POLL_S)
        positions = read()
        if positions.epoch != first.epoch:
            raise NotLanded("the raw topic was created anew while we waited", hint="import again")
        now_behind = _behind(goals, positions.stored)
        if now_behind != behind:
            behind, moved = now_behind, clock()
    on_progress(total, total)
    return total


def _behind(goals: Mapping[int, int], stored: Mapping[int, int]) -> int:
    """Records up to the goals that are not stored; a partition without a mark counts from its beginning."""
    return sum(max(0, goal - stored.get(partition, -1)) for partition, goal in goals.items())
