"""The logging handler."""

from __future__ import annotations

import logging

import pytest

from trailhouse.producers import AuditProducer, MemoryTransport
from trailhouse.producers.handler import AuditHandler


def test_records_that_are_events_are_emitted_and_others_are_not(capsys: pytest.CaptureFixture[str]) -> None:
    """A wrong one is reported as logging does it; the service goes on."""
    memory = MemoryTransport()
    logger = logging.getLogger("tests.audited_service")
    logger.setLevel(logging.INFO)
    with AuditProducer(transport=memory) as trail:
        logger.addHandler(AuditHandler(trail))
        logger.info("just a line")
        logger.info("deleted", extra={"audit": {"action": "project:delete", "org_id": "acme"}})
        logger.info("wrong", extra={"audit": {"org_id": "acme"}})
        logger.info("wrong", extra={"audit": {"action": "a:b", "org_id": "-"}})
    logger.handlers.clear()
    assert [event["action"] for event in memory.events] == ["project:delete"]
    reported = capsys.readouterr().err
    assert "must be a map with an action" in reported
    assert "InvalidEvent" in reported
