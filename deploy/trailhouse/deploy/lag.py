"""How far behind each role is, in records: the end of its topic minus where its group has committed."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterable, Mapping
from typing import Any, Final

import kafka
import kafka.admin
from kafka.errors import KafkaError

from trailhouse.producers.kafka_socket import connecting
from trailhouse.producers.settings import KafkaSettings

_KAFKA: Final[Any] = kafka  # untyped
_PAUSE_S: Final = 0.1


def lags(
    settings: KafkaSettings, groups: Mapping[str, tuple[str, str]], timeout_ms: int = 3000
) -> dict[str, int | None]:
    """The lag of every role; `groups` maps a role to its group and the topic it reads.

    None where Kafka does not say within `timeout_ms`: a status must not fail because a broker is starting. A
    partition nothing was committed for counts from its first record.
    """
    result: dict[str, int | None] = dict.fromkeys(groups)
    deadline = time.monotonic() + timeout_ms / 1000
    with contextlib.suppress(KafkaError):
        admin = _KAFKA.KafkaAdminClient(
            request_timeout_ms=timeout_ms,
            bootstrap_timeout_ms=timeout_ms,
            **connecting(settings),
        )
        try:
            for role, (group, topic) in groups.items():
                result[role] = _lag(admin, group, topic, deadline)
        finally:
            admin.close()
    return result


def _lag(admin: Any, group: str, topic: str, deadline: float) -> int | None:
    while True:
        try:
            if positions := _positions(admin, group, topic):
                return behind(positions)
        except KafkaError as error:
            if not getattr(error, "retriable", False):
                return None
        if time.monotonic() > deadline:
            return None
        time.sleep(_PAUSE_S)


def _positions(admin: Any, group: str, topic: str) -> list[tuple[int, int, int]]:
    """(start, end, committed) of each partition; none while the broker does not know the topic (yet)."""
    (described,) = admin.describe_topics([topic])
    places = [_KAFKA.TopicPartition(topic, number) for number in range(len(described["partitions"]))]
    if not places:
        return []
    starts = admin.list_partition_offsets(dict.fromkeys(places, _KAFKA.admin.OffsetSpec.EARLIEST))
    ends = admin.list_partition_offsets(dict.fromkeys(places, _KAFKA.admin.OffsetSpec.LATEST))
    committed = admin.list_group_offsets([group]).get(group, {})
    return [
        (starts[each].offset, ends[each].offset, committed[each].offset if each in committed else -1)
        for each in places
    ]


def behind(positions: Iterable[tuple[int, int, int]]) -> int:
    """Records between what was committed and the end, over (start, end, committed) of each partition; -1 = nothing."""
    return sum(max(0, end - max(start, committed)) for start, end, committed in positions)
