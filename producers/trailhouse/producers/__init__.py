"""The SDK: emit audit events to Kafka.

with AuditProducer(bootstrap="127.0.0.1:9092") as trail:
    trail.emit("project:delete", org_id="acme", actor_user_id="u1", attributes={"page": "/settings"})
"""

from trailhouse.producers.buffer import Flushed
from trailhouse.producers.client import AuditProducer
from trailhouse.producers.errors import (
    AuditBufferFull,
    AuditError,
    AuditSpoolFull,
    DeliveryFailed,
    DeliveryRefused,
    InvalidEvent,
    ProducerClosed,
    SettingsError,
    SpoolFailed,
)
from trailhouse.producers.event import ActorType, AuditEvent, Outcome
from trailhouse.producers.identity import derive_id
from trailhouse.producers.settings import BufferSettings, KafkaSettings, SpoolSettings
from trailhouse.producers.transport import MemoryTransport, Transport

__all__ = [
    "ActorType",
    "AuditBufferFull",
    "AuditError",
    "AuditEvent",
    "AuditProducer",
    "AuditSpoolFull",
    "BufferSettings",
    "DeliveryFailed",
    "DeliveryRefused",
    "Flushed",
    "InvalidEvent",
    "KafkaSettings",
    "MemoryTransport",
    "Outcome",
    "ProducerClosed",
    "SettingsError",
    "SpoolFailed",
    "SpoolSettings",
    "Transport",
    "derive_id",
]
