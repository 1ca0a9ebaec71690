"""`server.properties` of a one-node cluster on loopback."""

from __future__ import annotations

import base64
import uuid
from pathlib import Path

from trailhouse.deploy.kafka.secure import SecureListeners
from trailhouse.deploy.ports import LOOPBACK


def server_properties(
    logs: Path, port: int, controller_port: int, secure: SecureListeners | None = None
) -> str:
    """The text of `server.properties`: one node, broker and controller, its logs in `logs`."""
    more = f",{secure.listeners()}" if secure else ""
    pairs = {
        "process.roles": "broker,controller",
        "node.id": "1",
        "controller.quorum.voters": f"1@{LOOPBACK}:{controller_port}",
        "listeners": f"PLAINTEXT://{LOOPBACK}:{port},CONTROLLER://{LOOPBACK}:{controller_port}{more}",
        "advertised.listeners": f"PLAINTEXT://{LOOPBACK}:{port}{more}",
        "controller.listener.names": "CONTROLLER",
        "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT,SSL:SSL,SASL_SSL:SASL_SSL",
        "log.dirs": str(logs),
        "auto.create.topics.enable": "false",
        "offsets.topic.replication.factor": "1",
        "offsets.topic.num.partitions": "4",
        "transaction.state.log.replication.factor": "1",
        "transaction.state.log.min.isr": "1",
        "transaction.state.log.num.partitions": "4",
        "share.coordinator.state.topic.replication.factor": "1",
        "share.coordinator.state.topic.min.isr": "1",
        "group.initial.rebalance.delay.ms": "0",
        # A killed broker may only come back when its last session is over: 9 s by default.
        "broker.session.timeout.ms": "3000",
        "broker.heartbeat.interval.ms": "500",
    }
    pairs |= secure.properties() if secure else {}
    return "".join(f"{key}={value}\n" for key, value in pairs.items())


def new_cluster_id() -> str:
    """A random cluster id in Kafka's form; never one that begins with `-`, which a command line would misread."""
    while (text := base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")).startswith("-"):
        pass
    return text
