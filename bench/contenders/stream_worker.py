"""The stream worker as shipped."""

from __future__ import annotations

from bench.wiring import PEPPER, read_wiring

from trailhouse.producers.settings import KafkaSettings, Secret
from trailhouse.stream.settings import StreamSettings
from trailhouse.stream.worker import run

if __name__ == "__main__":
    wiring = read_wiring()
    kafka = KafkaSettings(
        bootstrap=wiring.bootstrap,
        raw_topic=wiring.raw,
        enriched_topic=wiring.enriched,
        rejected_topic=wiring.rejected,
    )
    run(StreamSettings(kafka=kafka, pepper=Secret(PEPPER), group=wiring.group, datadir=wiring.folder))
