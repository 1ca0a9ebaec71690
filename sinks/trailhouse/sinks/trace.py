"""One event's way: when it happened, reached Kafka, was enriched and stored, and what became of each of its copies.

The ledger knows where every copy lay (`landed`) and which batch brought it (`batches`); Kafka is asked for the record
and the line themselves as long as it keeps them. What has not landed is looked for among the records in flight and the
dead letters.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final

from kafka import KafkaConsumer, TopicPartition

from trailhouse.producers.kafka_socket import connecting
from trailhouse.producers.settings import KafkaSettings
from trailhouse.sinks.balance import read_positions
from trailhouse.sinks.clickhouse import Client
from trailhouse.sinks.head import read_heads
from trailhouse.sinks.letterbox import read_raw
from trailhouse.stream.header_name import read_any_header_name
from trailhouse.stream.letter import Letter, Place
from trailhouse.stream.raw import org_of

STORED, REPEAT, CONFLICT, REJECTED, IN_FLIGHT, EXPIRED = (
    "stored",
    "repeat",
    "conflict",
    "rejected",
    "in flight",
    "expired",
)
MISSING: Final = "missing"
COPIES_MAX: Final = 100
#: Records in flight, and dead letters, that are searched for an event at most.
SEARCHED_MAX: Final = 200_000
POLL_MS: Final = 1000


@dataclass(frozen=True, slots=True)
class Step:
    """One step of the way: when (None = not known any more), where, and what there is to say."""

    name: str
    at: datetime | None
    where: str = ""
    note: str = ""


@dataclass(frozen=True, slots=True)
class Way:
    """What became of one copy of an event. `reason` says why a record was `rejected`.

    `place` is where its raw record lies, None while it is in flight; `occurred_at` when it happened, as it is stored.
    """

    org_id: str
    became: str
    steps: tuple[Step, ...]
    reason: str = ""
    place: Place | None = None
    occurred_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class _Copy:
    """A landed copy: its place, when it was received, its content's hash; the batch that brought it."""

    org_id: str
    place: Place
    received_at: datetime
    content: int
    occurred_at: datetime | None
    batch: Mapping[str, Any] = field(default_factory=dict)


_LANDED: Final = f"""
SELECT org_id, epoch, partition, offset, received_at, content
FROM landed FINAL
WHERE reason = '' AND event_id = {{id:UUID}} AND ({{org:String}} = '' OR org_id = {{org:String}})
ORDER BY org_id, received_at, partition, offset LIMIT {COPIES_MAX}
"""

_EVENTS: Final = """
SELECT org_id, epoch, partition, offset, occurred_at FROM events FINAL
WHERE event_id = {id:UUID} AND ({org:String} = '' OR org_id = {org:String})
"""

_EXPIRED: Final = """
SELECT DISTINCT org_id FROM expired
WHERE class = 'events' AND ({org:String} = '' OR org_id = {org:String}) AND id = sipHash64(org_id, {id:UUID})
"""

_NOTES: Final = {
    STORED: "",
    EXPIRED: "retention let it go",
    MISSING: "it landed, and `events` does not hold it",
}

_BATCH: Final = """
SELECT first, last, enriched_first, enriched_last, sink, inserted_at FROM batches FINAL
WHERE epoch = {epoch:String} AND partition = {partition:UInt16} AND first <= {offset:UInt64} AND last >= {offset:UInt64}
ORDER BY inserted_at LIMIT 1
"""


def trace(kafka: KafkaSettings, client: Client, group: str, event_id: str, org: str = "") -> list[Way]:
    """The way of every copy of the event, the first received of each organisation first; [] when nothing knows it.

    `event_id` in its canonical form; `org` '' = whosever it is. Raises what Kafka or ClickHouse raise when away.
    """
    asked = {"id": event_id, "org": org}
    landed = client.query(_LANDED, parameters=asked).result_rows
    if not landed:
        return [*_in_flight(kafka, group, event_id, org), *_dead(kafka, event_id, org)]
    events = client.query(_EVENTS, parameters=asked).result_rows
    expired = {str(row[0]) for row in client.query(_EXPIRED, parameters=asked).result_rows}
    ways: list[Way] = []
    first: dict[str, _Copy] = {}
    for row in landed:
        copy = _copy(client, row, events)
        kept = first.setdefault(copy.org_id, copy)
        absent = EXPIRED if copy.org_id in expired else MISSING
        became = STORED if any(each[0] == copy.org_id for each in events) else absent
        ways.append(_way(kafka, copy, kept, became))
    return ways


def _copy(client: Client, row: Any, events: Any) -> _Copy:
    org, epoch, number, offset, received_at, content = row
    place = Place(str(epoch), int(number), int(offset))
    # The winner's own row of `events`, else the one that stands for it.
    event = next((each for each in events if Place(*each[1:4]) == place), None) or next(
        (each for each in events if each[0] == org), (None,) * 5
    )
    batches = client.query(_BATCH, parameters=place._asdict())
    batch = next((dict(zip(batches.column_names, each, strict=True)) for each in batches.result_rows), {})
    return _Copy(
        str(org),
        place,
        received_at,
        int(content),
        event[4],
        batch=batch,
    )


def _way(kafka: KafkaSettings, copy: _Copy, kept: _Copy, became: str) -> Way:
    """The copy's way; `became` is what became of the one that was kept."""
    original = read_raw(kafka, [copy.place]).get(copy.place)
    line = _find_line(kafka, copy)
    occurred_at = line[2] if line is not None else copy.occurred_at
    if copy is kept:
        note = _NOTES[became]
    elif copy.content and kept.content and copy.content != kept.content:
        became, note = CONFLICT, f"another content came first, at {kept.place}"
    else:
        became, note = REPEAT, f"came first at {kept.place}"
    batch = copy.batch
    steps = (
        Step("occurred", occurred_at),
        Step(
            "received",
            copy.received_at,
            f"{kafka.raw_topic} {copy.place.partition}/{copy.place.offset}",
            f"{len(original.value or b'')} bytes" if original else "not on the raw topic any more",
        ),
        Step(
            "enriched",
            line[1] if line else None,
            f"{kafka.enriched_topic} {copy.place.partition}/{line[0]}" if line else "",
            "" if line else "not on the enriched topic any more",
        ),
        Step(
            "stored",
            batch.get("inserted_at"),
            f"by {batch['sink']}, with {copy.place.partition}/{batch['first']}-{batch['last']}"
            if batch
            else "",
            "" if batch else "in no batch of the ledger: stored a moment ago, or before there was one",
        ),
        Step("became", None, became, note),
    )
    return Way(
        copy.org_id,
        became,
        steps,
        place=copy.place,
        occurred_at=_utc(copy.occurred_at) if became == STORED and copy.occurred_at else None,
    )


def _find_line(kafka: KafkaSettings, copy: _Copy) -> tuple[int, datetime, datetime | None] | None:
    """The copy's line on the enriched topic: its offset, the broker's time, when the event occurred."""
    if not copy.batch:
        return None
    tp = TopicPartition(kafka.enriched_topic, copy.place.partition)
    with _consumer(kafka) as consumer:
        for records in _records(consumer, tp, copy.batch["enriched_first"], copy.batch["enriched_last"] + 1):
            for record, head in zip(records, read_heads([each.value for each in records]), strict=True):
                if head is not None and (head.epoch, head.partition, head.offset) == copy.place:
                    occurred_at = datetime.fromisoformat(head.occurred_at) if head.occurred_at else None
                    return record.offset, _moment(record.timestamp), occurred_at
    return None


def _in_flight(kafka: KafkaSettings, group: str, event_id: str, org: str) -> Iterator[Way]:
    """Records above the sinks' marks that hold the id: received, and not stored yet."""
    marks, ends, epoch = read_positions(kafka, group)
    with _consumer(kafka) as consumer:
        for number, (start, end) in ends.items():
            first = max(start, marks[number].hwm(epoch) + 1 if number in marks else start, end - SEARCHED_MAX)
            for records in _records(consumer, TopicPartition(kafka.raw_topic, number), first, end):
                for record in records:
                    if _holds(record.value, event_id, org):
                        where = f"{kafka.raw_topic} {number}/{record.offset}"
                        received = Step(
                            "received", _moment(record.timestamp), where, f"{len(record.value)} bytes"
                        )
                        became = Step("became", None, IN_FLIGHT, "the sink has not stored it yet")
                        yield Way(org_of(record.value), IN_FLIGHT, (received, became))


def _dead(kafka: KafkaSettings, event_id: str, org: str) -> Iterator[Way]:
    """Dead letters that hold the id, the newest `SEARCHED_MAX` of each partition."""
    with _consumer(kafka) as consumer:
        for number in sorted(consumer.partitions_for_topic(kafka.rejected_topic) or ()):
            tp = TopicPartition(kafka.rejected_topic, number)
            start, end = consumer.beginning_offsets([tp])[tp], consumer.end_offsets([tp])[tp]
            for records in _records(consumer, tp, max(start, end - SEARCHED_MAX), end):
                for record in records:
                    letter = Letter.from_record(record.value, record.headers)
                    if letter is None or not _holds(letter.value, event_id, org):
                        continue
                    place = letter.place
                    steps = (
                        Step("received", None, f"{kafka.raw_topic} {place.partition}/{place.offset}"),
                        Step(
                            "rejected",
                            _moment(record.timestamp),
                            f"{kafka.rejected_topic} {number}/{record.offset}",
                        ),
                        Step("became", None, REJECTED, f"{letter.reason}: {letter.detail}"),
                    )
                    yield Way(org_of(letter.value), REJECTED, steps, letter.reason, place)


def _holds(value: bytes | None, event_id: str, org: str) -> bool:
    return value is not None and event_id.encode() in value.lower() and (not org or org_of(value) == org)


def _records(consumer: Any, tp: TopicPartition, first: int, end: int) -> Iterator[list[Any]]:
    """The records of a partition from `first` up to `end` (excluded), as far as the log has them."""
    consumer.assign([tp])
    start, last = consumer.beginning_offsets([tp])[tp], consumer.end_offsets([tp])[tp]
    end = min(end, last)
    consumer.seek(tp, max(first, start))
    while consumer.position(tp) < end:
        yield [record for record in consumer.poll(POLL_MS).get(tp, []) if record.offset < end]


def _utc(moment: datetime) -> datetime:
    """The driver gives instants without a zone, and means UTC."""
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _moment(milliseconds: int) -> datetime:
    return datetime.fromtimestamp(milliseconds / 1000, UTC)


@contextmanager
def _consumer(kafka: KafkaSettings) -> Iterator[Any]:
    read_any_header_name()
    with closing(
        KafkaConsumer(
            client_id="trailhouse-trace",
            group_id=None,
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            isolation_level="read_committed",
            **connecting(kafka),
        )
    ) as consumer:
        yield consumer
