"""How far behind a role is."""

from __future__ import annotations

from trailhouse.deploy.lag import behind, lags
from trailhouse.deploy.ports import free_ports
from trailhouse.producers.settings import KafkaSettings
from trailhouse.stream.topics import create_topics


def test_records_between_committed_and_end() -> None:
    """Nothing committed counts from the first record there is, and so does what retention removed."""
    assert behind([(0, 10, 10), (0, 10, 4)]) == 6
    assert behind([(5, 10, -1)]) == 5
    assert behind([(5, 10, 2)]) == 5
    assert behind([]) == 0


def test_a_real_topic(kafka_settings: KafkaSettings) -> None:
    """An empty topic has no lag; a topic that does not exist, and a broker that is away, say nothing."""
    create_topics(kafka_settings, 2)
    groups = {"stream": ("nobody", kafka_settings.raw_topic)}
    assert lags(kafka_settings, groups, timeout_ms=20_000) == {"stream": 0}
    assert lags(kafka_settings, {"stream": ("nobody", "no-such-topic")}, timeout_ms=300) == {"stream": None}


def test_no_broker() -> None:
    """A broker that is away is no error here."""
    assert lags(KafkaSettings(f"127.0.0.1:{free_ports(1)[0]}"), {"stream": ("g", "t")}, timeout_ms=200) == {
        "stream": None
    }
