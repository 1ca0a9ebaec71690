"""What the sinks miss now, and what was given up for good: the list behind `trailhouse gap`."""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass

from trailhouse.producers.settings import KafkaSettings
from trailhouse.sinks.clickhouse import Client, insert_rows
from trailhouse.sinks.errors import RangeRefused
from trailhouse.sinks.gap import Partition, gone, lost_end
from trailhouse.sinks.lookout import Sight, log_starts, look
from trailhouse.sinks.marks import Mark
from trailhouse.stream.gaps import GapRequests, GroupOffsets, Range
from trailhouse.stream.topics import TopicIds

REFILLING, GONE, LOST = "refilling", "gone", "lost"


@dataclass(frozen=True, slots=True)
class Loss:
    """A range of raw offsets that is missing: the stream is asked to write it again (`refilling`), its raw data are
    gone and the sink waits (`gone`), or it was accepted as `lost`, with the reason, by whom and when.
    """

    range: Range
    state: str
    reason: str = ""
    accepted_by: str = ""
    accepted_at: str = ""


def losses(kafka: KafkaSettings, client: Client, group: str) -> list[Loss]:
    """Open gaps of the sinks of `group`, then accepted losses; raises what Kafka or ClickHouse raise when away."""
    with closing(GapRequests(kafka, group)) as requests:
        asked = requests.read()
    accepted = accepted_losses(client)
    sight = log_starts(kafka) if asked else Sight()
    return [*(loss for missing in asked for loss in _split(missing, sight)), *accepted]


def missing_ranges(kafka: KafkaSettings, group: str, stream_group: str) -> list[Range]:
    """What the sinks of `group` wait for, and what the stream committed and the enriched log does not hold.

    The latter is found here whether or not a sink runs: the sinks' committed positions are read last.
    """
    with (
        closing(GapRequests(kafka, group)) as requests,
        closing(GroupOffsets(kafka)) as groups,
        closing(TopicIds(kafka)) as ids,
    ):
        sight = look(groups, ids, kafka, stream_group)
        found = {each[:2]: each for each in requests.read()}
        for number, at in groups.read(group, kafka.enriched_topic).items():
            mark = Mark.from_metadata(at.metadata)
            if mark is None or sight is None:
                continue
            if ending := lost_end(Partition(number, mark, at.offset), at.offset, sight):
                found[ending[:2]] = ending
    return sorted(found.values())


def _split(missing: Range, sight: Sight) -> list[Loss]:
    """The front whose raw data are gone, and the rest."""
    front = gone(missing, sight)
    if front is None:
        return [Loss(missing, REFILLING)]
    rest = missing._replace(first=front.last + 1)
    return [Loss(front, GONE), *([Loss(rest, REFILLING)] if rest.first <= rest.last else [])]


def accepted_losses(client: Client) -> list[Loss]:
    """Every range somebody accepted as lost, by place."""
    rows = client.query(
        "SELECT epoch, partition, first, last, reason, accepted_by, toString(accepted_at) FROM lost FINAL "
        "ORDER BY epoch, partition, first"
    ).result_rows
    return [
        Loss(Range(str(epoch), int(number), int(first), int(last)), LOST, *map(str, rest))
        for epoch, number, first, last, *rest in rows
    ]


def accept(  # noqa: PLR0913  # who, what, why and where
    kafka: KafkaSettings, client: Client, group: str, wanted: Range, *, reason: str, accepted_by: str
) -> None:
    """Record a range as lost; within seconds the sink goes on beyond it.

    Raises `RangeRefused` unless all of it is missing and its raw data are gone: what can still be refilled is not lost.
    """
    check_gone(kafka, client, group, wanted)
    columns = ["epoch", "partition", "first", "last", "reason", "accepted_by"]
    insert_rows(client, "lost", columns, [[*wanted, reason, accepted_by]])


def check_gone(kafka: KafkaSettings, client: Client, group: str, wanted: Range) -> None:
    """Raise `RangeRefused` for a range that cannot be accepted as lost."""
    found = [loss for loss in losses(kafka, client, group) if loss.state == GONE]
    if not any(
        loss.range[:2] == wanted[:2] and loss.range.first <= wanted.first <= wanted.last <= loss.range.last
        for loss in found
    ):
        shown = ", ".join(str(loss.range) for loss in found)
        raise RangeRefused(
            f"{wanted} is no range that a sink waits for and that is gone from the raw topic",
            f"those that are: {shown}"
            if shown
            else "there is none now; `trailhouse gap list` shows what is missing",
        )
