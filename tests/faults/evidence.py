"""What a failing fault test leaves behind: logs, marks, the books, the topics' offsets; and the run's seed and kills."""

from __future__ import annotations

import json
import shutil
from collections import Counter
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kafka import KafkaConsumer, TopicPartition
from tests.sinks.rig import Rig


@dataclass(frozen=True, slots=True)
class Evidence:
    """`seed` draws what a long test does; `folder` is where the evidence of a failure goes; `kills` survived so far."""

    seed: int
    folder: Path
    kills: Counter[str]

    def count(self, kills: Mapping[str, int]) -> None:
        """Add kills that were survived to the run's total."""
        self.kills.update(kills)

    def keep_logs(self, *sources: Path) -> None:
        """Copy every log under the folders."""
        for source in sources:
            for log in source.rglob("*.log"):
                # Kafka's own files in `logs` end in .log too, and are its data.
                if "00000" not in log.name:
                    target = self.folder / source.name / log.relative_to(source)
                    target.parent.mkdir(parents=True, exist_ok=True)
                    shutil.copyfile(log, target)

    def keep_books(self, rig: Rig) -> None:
        """Write marks, balance and offsets, as far as Kafka and ClickHouse answer."""
        self.folder.mkdir(parents=True, exist_ok=True)
        for name, read in (("marks", marks), ("balance", balance), ("offsets", offsets)):
            try:
                told = read(rig)
            except Exception as error:  # the test failed already: whatever is broken is evidence, too
                told = f"cannot be read: {type(error).__name__}: {error}"
            (self.folder / f"{name}.json").write_text(json.dumps(told, indent=1, default=str))


def marks(rig: Rig) -> Any:
    return {partition: rig.committed(partition) for partition in range(rig.partitions)}


def balance(rig: Rig) -> Any:
    return rig.balance().to_dict()


def offsets(rig: Rig) -> Any:
    """First and next offset of every partition of every topic."""
    topics = (rig.kafka.raw_topic, rig.kafka.enriched_topic, rig.kafka.rejected_topic)
    with closing(KafkaConsumer(bootstrap_servers=rig.kafka.bootstrap)) as consumer:
        found = {}
        for topic in topics:
            places = [
                TopicPartition(topic, each) for each in sorted(consumer.partitions_for_topic(topic) or ())
            ]
            starts, ends = consumer.beginning_offsets(places), consumer.end_offsets(places)
            found[topic] = {place.partition: (starts[place], ends[place]) for place in places}
        return found
