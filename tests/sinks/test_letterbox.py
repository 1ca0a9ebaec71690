"""`letterbox`: a dead letter is found by the place of its record, and the raw record while the topic keeps it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from kafka import KafkaProducer
from kafka.admin import KafkaAdminClient, NewPartitions
from tests.stream.factories import Name

from trailhouse.producers.settings import KafkaSettings
from trailhouse.sinks.letterbox import find_letters, read_raw
from trailhouse.stream.letter import Letter, Place
from trailhouse.stream.topics import MissingTopic, TopicIds, create_topics

if TYPE_CHECKING:
    from collections.abc import Iterable


def post(kafka: KafkaSettings, letters: Iterable[Letter]) -> None:
    producer = KafkaProducer(bootstrap_servers=kafka.bootstrap, acks="all")
    for letter in letters:
        key, value, headers = letter.to_record()
        producer.send(
            kafka.rejected_topic, value, key=key, headers=[(name, each or b"") for name, each in headers]
        )
    producer.flush()
    producer.close()


def letter(number: int, value: bytes = b"x") -> Letter:
    return Letter(Place("an-epoch", number % 5, number), "malformed", "", None, value, (("n", b"1"),))


def test_letters_are_found_wherever_they_lie(kafka_settings: KafkaSettings) -> None:
    """In any partition of a long topic, whatever else is on it; what is not there is missing from the answer."""
    create_topics(kafka_settings, 3)
    before = datetime.now(UTC)
    wanted = [letter(number, b"wanted %d" % number) for number in (7, 1200, 2999)]
    post(kafka_settings, (letter(number) for number in range(3000) if number not in {7, 1200, 2999}))
    strange = KafkaProducer(bootstrap_servers=kafka_settings.bootstrap, acks="all")
    for each in wanted:  # something else writes under their keys
        strange.send(kafka_settings.rejected_topic, b"strange", key=str(each.place).encode())
        strange.send(
            kafka_settings.rejected_topic,
            b"forged",
            key=str(each.place).encode(),
            headers=[("audit.err.place", b"e/0/1")],
        )
    strange.close()
    post(kafka_settings, wanted)
    received = {each.place: before for each in wanted}
    assert find_letters(kafka_settings, received | {Place("an-epoch", 0, 4000): before}) == {
        each.place: each for each in wanted
    }
    assert find_letters(kafka_settings, {}) == {}


def test_letters_are_found_after_the_topic_grew(kafka_settings: KafkaSettings) -> None:
    """Their keys then belong to other partitions than they lie in."""
    create_topics(kafka_settings, 1)
    post(kafka_settings, map(letter, range(20)))
    admin = KafkaAdminClient(bootstrap_servers=kafka_settings.bootstrap)
    admin.create_partitions({kafka_settings.rejected_topic: NewPartitions(total_count=4)})
    admin.close()
    now = datetime.now(UTC)
    assert len(find_letters(kafka_settings, {letter(number).place: now for number in range(20)})) == 20


def test_nothing_is_read_that_is_older_than_the_record(kafka_settings: KafkaSettings) -> None:
    """A letter is written after its record was received, so what lies before is passed over."""
    create_topics(kafka_settings, 1)
    post(kafka_settings, map(letter, range(20)))
    later = datetime.now(UTC) + timedelta(hours=1)
    assert find_letters(kafka_settings, {letter(3).place: later}) == {}


def test_a_missing_topic_is_named(kafka_settings: KafkaSettings) -> None:
    """With what to run."""
    with pytest.raises(MissingTopic, match=kafka_settings.rejected_topic):
        find_letters(kafka_settings, {letter(1).place: datetime.now(UTC)})


def test_raw_records_are_read_by_place(kafka_settings: KafkaSettings) -> None:
    """As they came, while the topic keeps them; not those of another topic of that name."""
    create_topics(kafka_settings, 2)
    producer = KafkaProducer(bootstrap_servers=kafka_settings.bootstrap, acks="all")
    for number in range(10):
        name = Name(b"h\xff" if number == 9 else b"h")
        producer.send(
            kafka_settings.raw_topic, b"%d" % number, key=b"k", headers=[(name, b"\xff")], partition=1
        )
    producer.flush()
    producer.close()
    ids = TopicIds(kafka_settings)
    epoch = ids.read(kafka_settings.raw_topic)
    ids.close()
    admin = KafkaAdminClient(bootstrap_servers=kafka_settings.bootstrap)
    from kafka import TopicPartition

    admin.delete_records({TopicPartition(kafka_settings.raw_topic, 1): 3})
    admin.close()
    places = [Place(epoch, 1, offset) for offset in (2, 3, 9, 10)]
    found = read_raw(kafka_settings, [*places, Place("another", 1, 5), Place(epoch, 0, 0)])
    assert {place.offset: (each.key, each.value, each.headers) for place, each in found.items()} == {
        3: (b"k", b"3", (("h", b"\xff"),)),
        9: (b"k", b"9", (("h\\xff", b"\xff"),)),
    }
