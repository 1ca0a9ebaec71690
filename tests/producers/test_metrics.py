"""What an application shows of its spool."""

from __future__ import annotations

from pathlib import Path

from prometheus_client import CollectorRegistry

from trailhouse.producers import AuditProducer, MemoryTransport, SpoolSettings
from trailhouse.producers.metrics import LIMIT, REFUSED, USED, SpoolMetrics, spool_bytes


def value(registry: CollectorRegistry, name: str) -> float:
    found = registry.get_sample_value(name)
    assert found is not None
    return found


def test_a_spool_is_measured_when_it_is_asked_for(tmp_path: Path) -> None:
    """Bytes of all who share the folder, the limit, and what Kafka will never take."""
    registry = CollectorRegistry()
    settings = SpoolSettings(dir=str(tmp_path), bytes=8 << 20)
    with AuditProducer(transport=MemoryTransport(), spool=settings) as trail:
        SpoolMetrics(registry).watch(trail)
        trail.emit("a:b", org_id="acme")
        assert trail.spool_folder is not None
        assert value(registry, LIMIT) == 8 << 20
        before = value(registry, USED)
        assert before == spool_bytes(trail.spool_folder)
        (trail.spool_folder / "another-process.seg").write_bytes(b"x" * 1000)
        (trail.spool_folder / "refused.ndjson").write_bytes(b"{}\n")
        assert value(registry, USED) == before + 1000
        assert value(registry, REFUSED) == 3
        (trail.spool_folder / "another-process.seg").unlink()


def test_without_a_spool_there_is_nothing_to_fill() -> None:
    """The gauges are 0, the limit too, so that no share of it can be asked for."""
    registry = CollectorRegistry()
    with AuditProducer(transport=MemoryTransport()) as trail:
        SpoolMetrics(registry).watch(trail)
        assert [value(registry, name) for name in (USED, LIMIT, REFUSED)] == [0, 0, 0]


def test_a_folder_that_is_gone_holds_nothing(tmp_path: Path) -> None:
    """Somebody may have removed it meanwhile."""
    assert spool_bytes(tmp_path / "gone") == 0
