"""How far behind each role is, in records: the end of its topic minus where its group has committed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

import kafka
import kafka.admin

_KAFKA: Final[Any] = kafka  # untyped


def lags(
    bootstrap: str, groups: Mapping[str, tuple[str, str]], timeout_ms: int = 5000
) -> dict[str, int | None]:
    """The lag of every role; `groups` maps a role to its group and the topic it reads.

    None where Kafka does not say. A partition nothing was committed for counts from its first record.
    """
    result: dict[str, int | None] = dict.fromkeys(groups)
    try:
        admin = _KAFKA.KafkaAdminClient(bootstrap_servers=bootstrap.split(","), request_timeout_ms=timeout_ms)
        try:
            for role, (group, topic) in groups.items():
                result[role] = _lag(admin, group, topic)
        finally:
            admin.close()
    except Exception:  # a status line must not fail because a broker is starting
        return result
    return result


def _lag(admin: Any, group: str, topic: str) -> int:
    (described,) = admin.describe_topics([topic])
    places = [_KAFKA.TopicPartition(topic, number) for number in range(len(described["partitions"]))]
    starts = admin.list_partition_offsets(dict.fromkeys(places, _KAFKA.admin.OffsetSpec.EARLIEST))
    ends = admin.list_partition_offsets(dict.fromkeys(places, _KAFKA.admin.OffsetSpec.LATEST))
    committed = admin.list_group_offsets([group]).get(group, {})
    return behind(
        (starts[place].offset, ends[place].offset, committed[place].offset if place in committed else -1)
        for place in places
    )


def behind(positions: Iterable[tuple[int, int, int]]) -> int:
    """Records between what was committed and the end, over (start, end, committed) of each partition; -1 = nothing."""
    return sum(max(0, end - max(start, committed)) for start, end, committed in positions)
