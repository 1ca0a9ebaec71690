"""`server.properties`."""

from __future__ import annotations

import base64
from pathlib import Path

from trailhouse.deploy.kafka.properties import new_cluster_id, server_properties


def test_a_broker_on_loopback_alone() -> None:
    """Nothing listens on the network, no topic is made by accident."""
    pairs = dict(
        line.split("=", 1) for line in server_properties(Path("/data/logs"), 1001, 1002).splitlines()
    )
    assert pairs["listeners"] == "PLAINTEXT://127.0.0.1:1001,CONTROLLER://127.0.0.1:1002"
    assert pairs["advertised.listeners"] == "PLAINTEXT://127.0.0.1:1001"
    assert pairs["auto.create.topics.enable"] == "false"
    assert pairs["log.dirs"] == "/data/logs"


def test_cluster_ids_are_sixteen_bytes_and_no_options() -> None:
    """An id is never mistaken for an option of the command that formats the folder."""
    ids = {new_cluster_id() for _ in range(500)}
    assert len(ids) == 500
    assert not any(each.startswith("-") for each in ids)
    assert all(len(base64.urlsafe_b64decode(each + "==")) == 16 for each in ids)
