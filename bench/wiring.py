"""What a contender is told: where Kafka is, which topics are its own, and how it names persons."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict, dataclass
from typing import Final

PEPPER: Final = "a pepper for benchmarks"


@dataclass(frozen=True, slots=True)
class Wiring:
    """Passed to a contender as JSON in its first argument; `epoch` is the raw topic's id."""

    bootstrap: str
    raw: str
    enriched: str
    rejected: str
    group: str
    epoch: str
    folder: str
    clickhouse: str = ""

    def to_argument(self) -> str:
        return json.dumps(asdict(self))


def read_wiring() -> Wiring:
    return Wiring(**json.loads(sys.argv[1]))
