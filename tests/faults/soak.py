"""`make soak`: the local stack under load through the SDK, while one process is killed every 20 seconds.

In order when every event whose `emit` returned is stored once, nothing else is, the counts per organisation and action
equal a count in plain Python, the books close, and the newest stored event is under a minute old within two minutes of
the last kill. Prints what it did, and the memory of every role; exit status 1, and the state folder kept, when not.
"""

from __future__ import annotations

import argparse
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil
from kafka.errors import KafkaError
from tests.faults.checker import total_queue

from trailhouse.deploy import launch
from trailhouse.deploy.folder import StackFolder
from trailhouse.deploy.stack import Stack
from trailhouse.deploy.supervisor import Supervisor
from trailhouse.producers import AuditProducer
from trailhouse.sinks.balance import Balance, balance
from trailhouse.sinks.clickhouse import ClickHouseError, connect
from trailhouse.stream.topics import TopicError

EMITTER = Path(__file__).with_name("emitter.py")
FRESH_S, FRESH_WITHIN_S, SETTLED_WITHIN_S, DELIVERED_WITHIN_S = 60.0, 120.0, 300.0, 60.0
SAMPLE_EVERY_S = 5.0


@dataclass
class Soak:
    """One run. `kills` by role; `megabytes` = resident memory of each role over time; `stale_s` = age of the newest row."""

    stack: Stack
    folder: Path
    rate: float
    kills: Counter[str] = field(default_factory=Counter)
    megabytes: dict[str, list[int]] = field(default_factory=lambda: defaultdict(list))
    stale_s: list[float] = field(default_factory=list)
    emitter: subprocess.Popen[bytes] | None = None

    @property
    def journal(self) -> Path:
        return self.folder / "journal"

    def emit(self) -> None:
        """Start the emitter, on the spool that the one before left."""
        arguments = [
            self.stack.kafka.bootstrap,
            str(self.folder / "spool"),
            str(self.journal),
            str(self.rate),
        ]
        with (self.folder / "emitter.log").open("ab") as log:
            self.emitter = subprocess.Popen(
                [sys.executable, str(EMITTER), *arguments], stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )

    def pids(self) -> dict[str, int]:
        assert self.stack.folder is not None
        assert self.emitter is not None
        found = {each.name: each.pid for each in Supervisor(self.stack.folder).processes() if each.pid}
        return found | {"emitter": self.emitter.pid}

    def kill(self, role: str) -> None:
        """SIGKILL; the supervisor starts a role again, this the emitter."""
        pid = self.pids().get(role)
        if pid is None:
            return
        with suppress(psutil.NoSuchProcess):
            psutil.Process(pid).kill()
            self.kills[role] += 1
        if role == "emitter":
            assert self.emitter is not None
            self.emitter.wait()
            self.emit()

    def sample(self) -> None:
        for role, pid in self.pids().items():
            with suppress(psutil.NoSuchProcess):
                self.megabytes[role].append(psutil.Process(pid).memory_info().rss >> 20)
        self.stale_s.append(self.staleness())

    def staleness(self) -> float:
        """Age of the newest stored event in seconds; infinite while ClickHouse is away."""
        query = "SELECT toUnixTimestamp64Milli(max(occurred_at)) FROM events"
        try:
            client = connect(self.stack.clickhouse("reader"), timeout_s=5)
            try:
                return time.time() - float(client.query(query).result_rows[0][0]) / 1000
            finally:
                client.close()
        except (ClickHouseError, OSError):
            return float("inf")

    def run(self, seconds: float, every_s: float, seed: int) -> float:
        """Load and kills for so long; returns how many seconds after the last kill the tables were fresh."""
        chance = random.Random(seed)
        roles = ["kafka", "clickhouse", "stream", "sink", "api", "emitter"]
        self.emit()
        began, last, order = time.monotonic(), time.monotonic(), list[str]()
        while time.monotonic() - began < seconds:
            time.sleep(SAMPLE_EVERY_S)
            self.sample()
            if time.monotonic() - last >= every_s:
                if not order:
                    order = chance.sample(roles, len(roles))
                self.kill(order.pop())
                last = time.monotonic()
        while self.staleness() > FRESH_S or time.monotonic() - last < 1:
            if time.monotonic() - last > FRESH_WITHIN_S:
                return float("inf")
            time.sleep(0.2)
        return time.monotonic() - last

    def stop(self) -> None:
        """Tell the emitter to stop; what is left in the spool is delivered by the next who opens it, Kafka permitting."""
        assert self.emitter is not None
        self.emitter.terminate()
        self.emitter.wait(120)
        spool, deadline = self.folder / "spool", time.monotonic() + DELIVERED_WITHIN_S
        with AuditProducer(self.stack.kafka, spool=spool) as rest:
            rest.flush(0)
            while any(spool.rglob("*.seg")) and time.monotonic() < deadline:
                time.sleep(0.2)

    def settle(self) -> Balance:
        """The books once nothing is in flight, or when that takes too long."""
        deadline, found = time.monotonic() + SETTLED_WITHIN_S, None
        while time.monotonic() < deadline:
            with suppress(KafkaError, ClickHouseError, TopicError, OSError):
                client = connect(self.stack.clickhouse("reader"))
                found = balance(self.stack.kafka, client, "trailhouse-sink")
                client.close()
                if found.in_flight == 0:
                    return found
            time.sleep(1)
        raise AssertionError(f"not settled: {found}")

    def journals(self) -> tuple[dict[str, tuple[str, str]], set[str]]:
        """(Organisation, action) of each event attempted, and the ids of those accepted."""
        attempted, accepted = dict[str, tuple[str, str]](), set[str]()
        for line in self.journal.read_text().splitlines():
            sign, event_id, org, action = line.split(" ")
            attempted[event_id] = org, action
            if sign == "+":
                accepted.add(event_id)
        return attempted, accepted

    def faults(self, fresh_s: float) -> tuple[dict[str, Any], str]:
        """What is not in order, and a line of counts."""
        books = self.settle()
        attempted, accepted = self.journals()
        client = connect(self.stack.clickhouse("reader"))
        rows = client.query(
            "SELECT org_id, toString(event_id), count() FROM events FINAL GROUP BY ALL"
        ).result_rows
        read = {(str(org), str(event)): int(times) for org, event, times in rows}
        counts = client.query(
            "SELECT org_id, action, uniqExactMerge(events) FROM action_slots GROUP BY ALL"
        ).result_rows
        client.close()
        queue = total_queue(
            [(org, id_) for id_, (org, _) in attempted.items()],
            [(attempted[id_][0], id_) for id_ in accepted],
            read,
        )
        wanted = Counter(place for id_, place in attempted.items() if (place[0], id_) in read)
        found: dict[str, Any] = {
            name: queue[name][:5] for name in ("lost", "duplicated", "unexpected") if queue[name]
        }
        if {(org, action): int(n) for org, action, n in counts} != wanted:
            found["aggregate error"] = counts, wanted
        if books.unaccounted or books.rejected:
            found["balance"] = books.to_dict()
        if fresh_s > FRESH_WITHIN_S:
            found["lag"] = f"not under {FRESH_S:g} s within {FRESH_WITHIN_S:g} s of the last kill"
        words = ", ".join(f"{name} {len(ids)}" for name, ids in queue.items())
        return (
            found,
            f"accepted {len(accepted)}: {words}; unaccounted {books.unaccounted}, resent {books.repeats}",
        )


@contextmanager
def stack_in(folder: Path) -> Iterator[Stack]:
    place = StackFolder.at(folder)
    environ = {**os.environ, "TRAILHOUSE_STATE_HOME": str(folder / "home")}
    try:
        yield launch.start(place, environ, choice="auto")
    finally:
        launch.stop(place)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=20.0)
    parser.add_argument("--rate", type=float, default=500.0, help="events a second")
    parser.add_argument("--every", type=float, default=20.0, help="seconds between two kills")
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(1_000_000))
    asked = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="trailhouse-soak-"))
    print(
        f"soak: seed {asked.seed}, {asked.minutes:g} minutes at {asked.rate:g} events/s, state in {folder}",
        flush=True,
    )
    with stack_in(folder / "stack") as stack:
        soak = Soak(stack, folder, asked.rate)
        try:
            fresh_s = soak.run(asked.minutes * 60, asked.every, asked.seed)
            soak.stop()
        finally:
            if soak.emitter is not None and soak.emitter.poll() is None:
                soak.emitter.kill()
                soak.emitter.wait()
        found, told = soak.faults(fresh_s)
    print("kills:", ", ".join(f"{role} {times}" for role, times in sorted(soak.kills.items())))
    print(told)
    away = sum(each == float("inf") for each in soak.stale_s)
    oldest = max((each for each in soak.stale_s if each != float("inf")), default=0.0)
    print(
        f"newest row at most {oldest:.1f} s old (ClickHouse did not answer {away} of {len(soak.stale_s)} times); "
        f"under {FRESH_S:g} s again {fresh_s:.1f} s after the last kill"
    )
    for role, sizes in sorted(soak.megabytes.items()):
        print(f"memory of {role}: {sizes[0]} MB first, {max(sizes)} MB most, {sizes[-1]} MB last")
    if found:
        print("NOT IN ORDER:", found, f"\nkept: {folder}")
        return 1
    shutil.rmtree(folder)
    print("in order: nothing lost, nothing twice, the books close")
    return 0


if __name__ == "__main__":
    sys.exit(main())
