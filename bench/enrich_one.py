"""The product's enrichment, one record at a time: what a peer calls where the worker calls `enrich_bundle`.

Decoding, `STEPS` and encoding are the product's own functions, so that a peer is compared for what it adds to them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import msgspec

from bench.wiring import PEPPER
from trailhouse.stream.bundle import envelope, run_steps
from trailhouse.stream.enriched import Enriched
from trailhouse.stream.persons import Pseudonyms
from trailhouse.stream.raw import decode
from trailhouse.stream.rejected import Rejection
from trailhouse.stream.steps import Rules

_ENCODER = msgspec.json.Encoder()
RULES = Rules(Pseudonyms(PEPPER.encode()))


@dataclass(slots=True)
class OneRecord:
    """A record as the product's functions want it; `timestamp` in Unix milliseconds."""

    offset: int
    timestamp: int
    key: bytes | None
    value: bytes | None
    headers: Sequence[tuple[str, bytes | None]] = ()


def enrich_one(epoch: str, partition: int, offset: int, timestamp_ms: int, value: bytes | None) -> bytes:
    """The enriched line of one record, or its envelope when it is rejected."""
    out = Enriched(epoch, partition, offset, offset, datetime.fromtimestamp(timestamp_ms / 1000, UTC))
    try:
        run_steps(decode(value), out, RULES)
    except Rejection as rejection:
        out = envelope(OneRecord(offset, timestamp_ms, None, value), out, rejection)
    return _ENCODER.encode(out)
