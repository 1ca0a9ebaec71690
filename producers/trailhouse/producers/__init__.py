"""The SDK: emit audit events to Kafka.

with AuditProducer(bootstrap="127.0.0.1:9092") as trail:
    trail.emit("project:delete", org_id="acme", actor_user_id="u1", attributes={"page": "/settings"})
"""

from trailhouse.producers.buffer import Flushed
from trailhouse.producers.client import AuditProducer
from trailhouse.producers.errors import (
    AuditBufferFull,
    AuditError,
    DeliveryFailed,
    DeliveryRefused,
    InvalidEvent,
    ProducerClosed,
    SettingsError,
)
from trailhouse.producers.event import ActorType, AuditEvent, Outcome
from trailhouse.producers.settings import BufferSettings, KafkaSettings
from trailhouse.producers.transport import MemoryTransport, Transport

__all__ = [
    "ActorType",
    "AuditBufferFull",
    "AuditError",
    "AuditEvent",
    "AuditProducer",
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
    "Transport",
]
