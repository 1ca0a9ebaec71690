"""`topics`: created as exactness needs them, checked, grown in the right order, told apart by id; on a real broker."""

from __future__ import annotations

import contextlib
import dataclasses
import re
from typing import Any

import pytest
from kafka.admin import KafkaAdminClient
from kafka.errors import KafkaConnectionError, KafkaError, KafkaTimeoutError

from trailhouse.producers.settings import KafkaSettings
from trailhouse.stream.topics import (
    REJECTED_BYTES_MAX,
    Topic,
    TopicError,
    TopicIds,
    admin,
    check_topics,
    create_topics,
    open_admin,
    problems,
    wanted_configs,
)

NAMES = KafkaSettings()


def topics(raw: int = 4, enriched: int = 4) -> dict[str, Topic]:
    """The three topics with so many partitions."""
    return {
        NAMES.raw_topic: Topic(NAMES.raw_topic, "1", raw),
        NAMES.enriched_topic: Topic(NAMES.enriched_topic, "2", enriched),
        NAMES.rejected_topic: Topic(NAMES.rejected_topic, "3", 1),
    }


def configs(**changed: dict[str, str]) -> dict[str, dict[str, str]]:
    """What is wanted, with one topic's settings changed: `raw`, `enriched` or `rejected`."""
    return {
        name: wanted | changed.get(name.removeprefix("audit.").replace("events", "raw"), {})
        for name, wanted in wanted_configs(NAMES).items()
    }


def test_topics_as_wanted_have_no_problems() -> None:
    """More enriched partitions than raw ones are fine, and so are larger limits."""
    assert list(problems(NAMES, topics(), configs())) == []
    assert list(problems(NAMES, topics(enriched=9), configs())) == []
    assert list(problems(NAMES, topics(), configs(rejected={"max.message.bytes": "99999999"}))) == []


@pytest.mark.parametrize("topic", ["raw", "enriched", "rejected"])
@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("message.timestamp.type", "CreateTime"),
        ("cleanup.policy", "compact"),
        ("cleanup.policy", "compact,delete"),
    ],
)
def test_clock_and_policy_are_the_same_everywhere(topic: str, key: str, value: str) -> None:
    """A producer's clock, or a record that disappears before its time, would make the books a matter of opinion."""
    (problem,) = problems(NAMES, topics(), configs(**{topic: {key: value}}))
    assert (key in problem, value in problem, wanted_configs(NAMES)[NAMES.raw_topic][key] in problem) == (
        True,
        True,
        True,
    )


@pytest.mark.parametrize("topic", ["enriched", "rejected"])
def test_what_was_accepted_must_fit_further_on(topic: str) -> None:
    """The raw topic's own limit is the owner's business."""
    assert len(list(problems(NAMES, topics(), configs(**{topic: {"max.message.bytes": "1000"}})))) == 1
    assert list(problems(NAMES, topics(), configs(raw={"max.message.bytes": "1000"}))) == []


def test_every_raw_partition_needs_its_twin() -> None:
    """An enriched record keeps its partition's number."""
    (problem,) = problems(NAMES, topics(raw=5), configs())
    assert "4 partitions" in problem


def test_topics_are_created_once_and_pass_the_check(kafka_settings: KafkaSettings) -> None:
    """A second call has nothing to do; the ids are those that the worker reads."""
    done = create_topics(kafka_settings, 3)
    assert sorted(done) == sorted(
        f"created {name} with 3 partitions" for name in wanted_configs(kafka_settings)
    )
    assert create_topics(kafka_settings, 3) == []
    assert create_topics(kafka_settings, 2) == []
    checked = check_topics(kafka_settings)
    assert {topic.partitions for topic in checked.values()} == {3}
    ids = TopicIds(kafka_settings)
    read = {name: ids.read(name) for name in checked}
    ids.close()
    assert read == {name: topic.id for name, topic in checked.items()}
    assert len({topic.id for topic in checked.values()}) == 3


def test_topics_grow_with_the_enriched_one_first(kafka_settings: KafkaSettings) -> None:
    """While it grows there is no moment in which a raw partition has no twin."""
    create_topics(kafka_settings, 1)
    done = create_topics(kafka_settings, 3)
    assert [re.sub(r"grew (\w+)-.*", r"\1", each) for each in done] == ["enriched", "rejected", "raw"]
    assert {topic.partitions for topic in check_topics(kafka_settings).values()} == {3}


@dataclasses.dataclass
class Late:
    """An admin client of a broker that tells of new partitions only when asked for the third time."""

    client: Any
    told: list[int] = dataclasses.field(default_factory=list)
    grown: list[str] = dataclasses.field(default_factory=list)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.client, name)

    def create_partitions(self, wanted: dict[str, int]) -> Any:
        self.grown.append(f"{[*wanted]} after {len(self.told)}")
        return self.client.create_partitions(wanted)

    def describe_topics(self, names: list[str]) -> Any:
        described = self.client.describe_topics(names)
        if self.grown and len(names) == 1:
            self.told.append(len(described[0]["partitions"]))
            if len(self.told) % 3:
                return [{**each, "partitions": each["partitions"][:1]} for each in described]
        return described


def test_a_topic_is_seen_to_have_grown_before_the_next_grows(
    kafka_settings: KafkaSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The broker says yes before it tells of the partitions, and a worker that starts meanwhile would find no twin."""
    create_topics(kafka_settings, 1)
    opened: list[Late] = []

    def open_late(settings: KafkaSettings, timeout_ms: int) -> Late:
        opened.append(Late(open_admin(settings, timeout_ms)))
        return opened[0]

    monkeypatch.setattr("trailhouse.stream.topics.open_admin", open_late)
    create_topics(kafka_settings, 2)
    assert [each.rpartition(" ")[2] for each in opened[0].grown] == ["0", "3", "6"]
    monkeypatch.undo()
    assert {topic.partitions for topic in check_topics(kafka_settings).values()} == {2}


def test_a_topic_that_does_not_grow_is_told(
    kafka_settings: KafkaSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    create_topics(kafka_settings, 1)
    monkeypatch.setattr("trailhouse.stream.topics.GROWN_S", 0.2)
    monkeypatch.setattr(KafkaAdminClient, "create_partitions", lambda *_: None)
    with pytest.raises(TopicError, match="grow to 2 partitions and the broker tells of 1"):
        create_topics(kafka_settings, 2)


def test_a_missing_topic_is_named_with_what_to_run(kafka_settings: KafkaSettings) -> None:
    """By the check and by whoever wants its id."""
    with pytest.raises(TopicError, match="does not exist") as caught:
        check_topics(kafka_settings)
    assert caught.value.hint == "run `trailhouse topics`"
    ids = TopicIds(kafka_settings)
    with pytest.raises(TopicError, match=kafka_settings.raw_topic):
        ids.read(kafka_settings.raw_topic)
    ids.close()


def test_topics_set_up_otherwise_are_refused(kafka_settings: KafkaSettings) -> None:
    """With the setting, its value and the wanted one."""
    create_topics(kafka_settings, 1)
    replace(kafka_settings, kafka_settings.raw_topic, {"message.timestamp.type": "CreateTime"})
    with pytest.raises(TopicError, match=r"message.timestamp.type=CreateTime; wanted LogAppendTime"):
        check_topics(kafka_settings)


def test_retention_can_be_chosen(kafka_settings: KafkaSettings) -> None:
    """For all three; limits are as wanted whatever else is asked."""
    create_topics(kafka_settings, 1, retention_ms=3_600_000)
    with admin(kafka_settings) as client:
        found = described(client, kafka_settings.rejected_topic)
    assert (found["retention.ms"], found["max.message.bytes"]) == ("3600000", str(REJECTED_BYTES_MAX))


def test_a_topic_made_again_has_another_id(kafka_settings: KafkaSettings) -> None:
    """So its offsets are not taken for the old one's."""
    create_topics(kafka_settings, 1)
    ids = TopicIds(kafka_settings)
    first = ids.read(kafka_settings.raw_topic)
    replace(kafka_settings, kafka_settings.raw_topic, {})
    second = ids.read(kafka_settings.raw_topic)
    ids.close()
    assert second not in {first, ""}


def test_no_broker_is_said_with_its_address(monkeypatch: pytest.MonkeyPatch) -> None:
    """And with the variable that says where it is."""

    def refuse(**_: object) -> None:
        raise KafkaTimeoutError

    monkeypatch.setattr("trailhouse.stream.topics.KafkaAdminClient", refuse)
    nowhere = dataclasses.replace(NAMES, bootstrap="127.0.0.1:1")
    with pytest.raises(TopicError, match=r"127\.0\.0\.1:1:") as caught:
        check_topics(nowhere)
    assert "TRAILHOUSE_KAFKA_BOOTSTRAP" in caught.value.hint


def test_a_broker_that_dies_while_it_is_asked_is_said(
    monkeypatch: pytest.MonkeyPatch, kafka_settings: KafkaSettings
) -> None:
    """As one that was never there: roles end with the status that is tried again, not with a traceback."""

    def die(*_: object, **__: object) -> None:
        raise KafkaConnectionError("reset by peer")

    monkeypatch.setattr(KafkaAdminClient, "describe_topics", die)
    with pytest.raises(TopicError, match=f"{kafka_settings.bootstrap} broke off: KafkaConnectionError"):
        check_topics(kafka_settings)


def replace(settings: KafkaSettings, name: str, configs: dict[str, str]) -> None:
    """Delete a topic and create it again; deletion is not instant."""
    with admin(settings) as client:
        client.delete_topics([name])
        for _ in range(100):
            try:
                client.create_topics(
                    {name: {"num_partitions": 1, "replication_factor": 1, "configs": configs}}
                )
            except KafkaError:
                continue
            break
    ids = TopicIds(settings)
    for _ in range(100):
        with contextlib.suppress(TopicError):
            ids.read(name)
            break
    ids.close()


def described(client: KafkaAdminClient, name: str) -> dict[str, Any]:
    from trailhouse.stream.topics import read_configs

    return dict(read_configs(client, [name])[name])
