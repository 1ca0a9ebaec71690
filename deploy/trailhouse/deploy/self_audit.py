"""Commands that read or change something are recorded as what the API does is: who ran them, on whose data."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from trailhouse.deploy.stack import Stack
    from trailhouse.producers.event import Scalar
    from trailhouse.queries.self_audit import SelfAudit


@contextmanager
def self_audit(stack: Stack) -> Iterator[SelfAudit]:
    """The self-audit of a stack, with the spool its API has; at the end what was recorded is sent, or stays there."""
    from trailhouse.queries.self_audit import open_self_audit  # noqa: PLC0415 - keeps the command line quick

    spool = stack.folder.spool if stack.folder else None
    audit = open_self_audit(stack.kafka, os.environ, spool=spool)
    try:
        yield audit
    finally:
        audit.close()


def record(stack: Stack, action: str, *orgs: str, **details: Scalar) -> None:
    """Record what whoever runs this command does in each of `orgs`, of the installation without any.

    Raises `NotRecorded`: then it must not be done, or not be shown.
    """
    from trailhouse.queries.self_audit import Who  # noqa: PLC0415 - keeps the command line quick

    with self_audit(stack) as audit:
        for org in orgs or (None,):
            audit.record(action, org, Who.operator(), details=details)
