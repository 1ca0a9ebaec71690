"""Three brokers that keep every record twice at least: `python cluster.py FOLDER PORT CONTROLLER_PORT NUMBER CLUSTER_ID VOTERS`.

The local stack's broker, with a number, a quorum and replicas; the process is one of them.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final, NoReturn, Self

from trailhouse.deploy.kafka import LocalKafka
from trailhouse.deploy.kafka.jars import fetch_jars
from trailhouse.deploy.kafka.java import find_java
from trailhouse.deploy.kafka.properties import new_cluster_id, server_properties
from trailhouse.deploy.ports import LOOPBACK, free_ports
from trailhouse.deploy.tether import die_with_parent
from trailhouse.producers.settings import KafkaSettings
from trailhouse.stream.topics import admin

NODES: Final = 3
LAUNCHER: Final = str(Path(__file__))
JAVA: Final = ("-Xmx192m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1")


def properties(logs: Path, port: int, controller_port: int, number: int, voters: str) -> str:
    """The local stack's, but for what a cluster needs: an acknowledged record lies on two brokers."""
    lines = server_properties(logs, port, controller_port).splitlines()
    pairs = dict(line.split("=", 1) for line in lines) | {
        "node.id": str(number),
        "controller.quorum.voters": voters,
        "default.replication.factor": str(NODES),
        "min.insync.replicas": "2",
        "offsets.topic.replication.factor": str(NODES),
        "transaction.state.log.replication.factor": str(NODES),
        "transaction.state.log.min.isr": "2",
        "log.cleaner.dedupe.buffer.size": str(4 << 20),  # else 128 MB of the heap
    }
    return "".join(f"{key}={value}\n" for key, value in pairs.items())


def become(folder: Path, ports: tuple[int, int], number: int, cluster: str, voters: str) -> NoReturn:
    """Format the folder if it is new, and be the broker."""
    die_with_parent()
    logs, settings = folder / "logs", folder / "server.properties"
    logs.mkdir(parents=True, exist_ok=True)
    settings.write_text(properties(logs.resolve(), *ports, number, voters))
    java = [str(find_java(os.environ)), *JAVA, "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn"]
    java += ["-cp", f"{fetch_jars(os.environ)}/*"]
    if not (logs / "meta.properties").exists():
        tool = ["kafka.tools.StorageTool", "format", "-t", cluster, "-c", str(settings)]
        subprocess.run([*java, *tool], check=True)
    os.execv(java[0], [*java, "kafka.Kafka", str(settings)])


class Node(LocalKafka):
    """One of them; `number` is its id."""

    def __init__(self, folder: Path, number: int, ports: tuple[int, int], cluster: str, voters: str) -> None:
        super().__init__(folder, port=ports[0], controller_port=ports[1])
        self.number = number
        self._child._argv[1:] = [LAUNCHER, str(folder), *map(str, ports), str(number), cluster, voters]

    def begin(self) -> None:
        """Start without waiting: alone it has no quorum."""
        self._child.start()


class Cluster:
    """Each node is broker and controller."""

    def __init__(self, folder: Path) -> None:
        drawn, cluster = free_ports(2 * NODES), new_cluster_id()
        ports = list(zip(drawn[:NODES], drawn[NODES:], strict=True))
        voters = ",".join(f"{number}@{LOOPBACK}:{own}" for number, (_, own) in enumerate(ports, start=1))
        self.nodes = {
            number: Node(folder / f"kafka-{number}", number, own, cluster, voters)
            for number, own in enumerate(ports, start=1)
        }

    @property
    def bootstrap(self) -> str:
        return ",".join(node.bootstrap for node in self.nodes.values())

    @contextlib.contextmanager
    def running(self) -> Iterator[Self]:
        try:
            for node in self.nodes.values():
                node.begin()
            for node in self.nodes.values():
                node.start()
            yield self
        finally:
            for node in self.nodes.values():
                node.kill()


def described(kafka: KafkaSettings, *topics: str) -> dict[tuple[str, int], dict[str, Any]]:
    """What the brokers say of each partition: its leader, its replicas, those in sync."""
    with admin(kafka) as client:
        return {
            (topic["name"], each["partition_index"]): each
            for topic in client.describe_topics(list(topics))
            for each in topic["partitions"]
        }


if __name__ == "__main__":
    own, port, controller_port, node, cluster_id, quorum = sys.argv[1:]
    become(Path(own), (int(port), int(controller_port)), int(node), cluster_id, quorum)
