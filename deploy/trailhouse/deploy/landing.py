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


class NotAnswering(DeployError):
    """Kafka cannot say the positions now; it may in a moment."""


def read_positions(kafka: KafkaSettings, group: str) -> Positions:
    """Ask Kafka. Raises `NotAnswering` while it is away or its coordinator still starts, else what kafka-python raises."""
    from kafka.errors import KafkaError  # noqa: PLC0415 - loads the Kafka driver

    from trailhouse.sinks.balance import read_positions as read  # noqa: PLC0415
    from trailhouse.stream.topics import TopicError  # noqa: PLC0415

    try:
        marks, logs, epoch = read(kafka, group)
    except TopicError as error:
        raise NotAnswering(str(error)) from error
    except KafkaError as error:
        if not error.retriable:
            raise
        raise NotAnswering(f"Kafka does not answer: {type(error).__name__}") from error
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
    first: Positions | None = None
    goals: dict[int, int] = {}
    total = behind = -1
    trouble = f"the stream or the sink has not moved for {timeout_s:g} s"
    moved = clock()
    while behind:
        try:
            positions = read()
        except NotAnswering as error:
            trouble = str(error.args[0])
        else:
            if first is None:
                first = positions
                goals = {partition: end - 1 for partition, end in positions.ends.items() if end > 0}
                total = _behind(goals, positions.stored)
            elif positions.epoch != first.epoch:
                raise NotLanded("the raw topic was created anew while we waited", hint="import again")
            now_behind = _behind(goals, positions.stored)
            if now_behind != behind:
                behind, moved = now_behind, clock()
            on_progress(total - behind, total)
        if behind and clock() - moved > timeout_s:
            raise NotLanded(
                f"{max(behind, 0):,} records are in Kafka but not in ClickHouse yet"
                if first
                else "it is not known what is queryable",
                cause=trouble,
                hint="nothing is lost; see which role lags: trailhouse status",
            )
        if behind:
            pause(POLL_S)
    return total


def _behind(goals: Mapping[int, int], stored: Mapping[int, int]) -> int:
    """Records up to the goals that are not stored; a partition without a mark counts from its beginning."""
    return sum(max(0, goal - stored.get(partition, -1)) for partition, goal in goals.items())
