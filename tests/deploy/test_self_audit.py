"""What commands record: with the spool of the stack they work on."""

from __future__ import annotations

from pathlib import Path

from trailhouse.deploy.folder import StackFolder
from trailhouse.deploy.self_audit import record
from trailhouse.deploy.stack import Stack
from trailhouse.producers.settings import KafkaSettings


def test_what_a_command_did_waits_in_the_stacks_own_spool(tmp_path: Path) -> None:
    """Kafka is away: one record for each organisation is on disk, and the command neither waits long nor fails."""
    folder = StackFolder.at(tmp_path / "stack")
    folder.make()
    stack = Stack(KafkaSettings(bootstrap="127.0.0.1:9"), {}, folder)
    record(stack, "key:create", "acme", "beta", scopes="audit:read")
    kept = b"".join(path.read_bytes() for path in folder.spool.rglob("*") if path.is_file())
    assert [kept.count(f'"org_id":"{org}"'.encode()) for org in ("acme", "beta")] == [1, 1]
    assert kept.count(b'"scopes":"audit:read"') == 2
