"""`gaps`: ranges as people write them, and requests for refills as Kafka keeps them."""

from __future__ import annotations

import uuid
from typing import Any

import pytest
from kafka import TopicPartition
from kafka.errors import (
    CoordinatorLoadInProgressError,
    CoordinatorNotAvailableError,
    NoError,
    NotCoordinatorError,
    UnknownMemberIdError,
)
from kafka.structs import OffsetAndMetadata

from trailhouse.producers.settings import KafkaSettings
from trailhouse.stream import gaps
from trailhouse.stream.gaps import GapRequests, GroupOffsets, Range
from trailhouse.stream.topics import create_topics


def test_a_range_is_read_back_as_it_was_written() -> None:
    """`EPOCH/PARTITION/FIRST-LAST`, both ends included."""
    found = Range("n3w/id", 2, 5, 9)
    assert str(found) == "n3w/id/2/5-9"
    assert Range.parse(str(found)) == found
    assert found.records == 5


@pytest.mark.parametrize("text", ["", "e/0", "e/0/5", "e/0/9-5", "e/x/1-2", "/0/1-2", "e/-1/1-2", "e/0/-3-2"])
def test_what_is_no_range_is_refused(text: str) -> None:
    """Nothing that could name something else by mistake."""
    with pytest.raises(ValueError):
        Range.parse(text)


def test_requests_are_open_until_the_mark_passed_them(kafka_settings: KafkaSettings) -> None:
    """Asked, shrunk by the sinks' own mark, passed, taken back: each as the stream will see it."""
    create_topics(kafka_settings, 3)
    group = f"sink-{uuid.uuid4().hex[:6]}"
    requests, marks = GapRequests(kafka_settings, group), GroupOffsets(kafka_settings)

    def mark(metadata: str) -> None:
        marks.write(group, kafka_settings.enriched_topic, {2: OffsetAndMetadata(7, metadata, -1)})

    assert requests.read() == []
    first, second = Range("id", 0, 3, 4), Range("id", 2, 10, 20)
    requests.write({0: first, 2: second})
    assert requests.read() == [first, second]
    mark('{"id":14}')
    assert requests.read() == [first, Range("id", 2, 15, 20)]
    mark('{"other":99}')
    assert requests.read() == [first, second]
    requests.write({0: None})
    mark('{"id":20}')
    assert requests.read() == []
    for broken in ("no JSON", "[]", '{"epoch":"id"}'):
        marks.write(f"{group}-gaps", kafka_settings.enriched_topic, {0: OffsetAndMetadata(3, broken, -1)})
        assert requests.read() == []
    requests.close()
    marks.close()


def test_a_refused_commit_is_an_error(kafka_settings: KafkaSettings, monkeypatch: pytest.MonkeyPatch) -> None:
    """A request nobody holds would never be answered."""
    create_topics(kafka_settings, 1)
    offsets = GroupOffsets(kafka_settings)
    monkeypatch.setattr(offsets.client, "alter_group_offsets", lambda *_: {0: UnknownMemberIdError})
    with pytest.raises(UnknownMemberIdError):
        offsets.write("group", kafka_settings.enriched_topic, {0: OffsetAndMetadata(1, "", -1)})
    offsets.close()


def test_a_broker_that_just_started_is_waited_for(
    kafka_settings: KafkaSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing committed and not known yet are two things; one that stays so is an error."""
    create_topics(kafka_settings, 1)
    offsets, topic = GroupOffsets(kafka_settings), kafka_settings.enriched_topic
    monkeypatch.setattr(gaps, "LOADING_PAUSE_S", 0.001)
    answers: list[type[Exception]] = [CoordinatorLoadInProgressError, NotCoordinatorError]

    def committed(groups: dict[str, None]) -> dict[str, dict[TopicPartition, OffsetAndMetadata]]:
        if answers:
            raise answers.pop(0)
        return {each: {TopicPartition(topic, 0): OffsetAndMetadata(7, "", -1)} for each in groups}

    monkeypatch.setattr(offsets.client, "list_group_offsets", committed)
    assert offsets.read("sink", topic)[0].offset == 7
    answers.append(CoordinatorNotAvailableError)
    assert offsets.read("sink", topic) == {}
    monkeypatch.setattr(gaps, "LOADING_TIMEOUT_S", -1.0)
    answers.append(CoordinatorLoadInProgressError)
    with pytest.raises(CoordinatorLoadInProgressError):
        offsets.read("sink", topic)
    offsets.close()


def test_a_broker_that_just_started_takes_a_commit_later(
    kafka_settings: KafkaSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whether it refuses the whole or a partition; one that goes on refusing is an error."""
    create_topics(kafka_settings, 1)
    offsets, topic, taken = GroupOffsets(kafka_settings), kafka_settings.enriched_topic, []
    monkeypatch.setattr(gaps, "LOADING_PAUSE_S", 0.001)
    answers: list[Any] = [CoordinatorNotAvailableError, {0: CoordinatorLoadInProgressError}, {0: NoError}]

    def commit(group: str, places: Any) -> Any:
        answer = answers.pop(0)
        if not isinstance(answer, dict):
            raise answer
        taken.append(places)
        return answer

    monkeypatch.setattr(offsets.client, "alter_group_offsets", commit)
    asked = {0: OffsetAndMetadata(1, "", -1)}
    offsets.write("group", topic, asked)
    assert taken == [{TopicPartition(topic, 0): asked[0]}] * 2
    monkeypatch.setattr(gaps, "LOADING_TIMEOUT_S", -1.0)
    answers.append({0: NotCoordinatorError})
    with pytest.raises(NotCoordinatorError):
        offsets.write("group", topic, asked)
    offsets.close()
