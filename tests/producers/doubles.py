"""A transport whose outcomes a test decides."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

from trailhouse.producers.errors import DeliveryFailed, DeliveryRefused
from trailhouse.producers.transport import Receipt


@dataclass
class Slip:
    """A receipt a test settles."""

    is_done: bool = False
    exception: BaseException | None = None


class Refusal(Exception):
    """What the broker says to a record it will never take."""


class ScriptedTransport:
    """Each `send` takes the next of `outcomes`; without any, it succeeds at `flush`.

    An outcome is "ok" (at flush), "late" (at the flush after), "hang" (never), an exception to be raised by `send`, or (exception,) for the receipt.
    """

    def __init__(self, *outcomes: object) -> None:
        self.outcomes = deque(outcomes)
        self.sent: list[bytes] = []
        self.closed = 0
        self.flushed = 0
        self.under_way_at_most = 0
        self._open: list[Slip] = []
        self._late: list[Slip] = []

    def send(self, value: bytes) -> Receipt:
        outcome = self.outcomes.popleft() if self.outcomes else "ok"
        if isinstance(outcome, Exception):
            raise outcome
        self.sent.append(value)
        slip = Slip()
        if isinstance(outcome, tuple):
            slip = Slip(is_done=True, exception=outcome[0])
        elif outcome == "late":
            self._late.append(slip)
        elif outcome == "ok":
            self._open.append(slip)
            self.under_way_at_most = max(self.under_way_at_most, len(self._open))
        return slip

    def flush(self, timeout_s: float) -> None:
        self.flushed += 1
        for slip in self._open:
            slip.is_done = True
        self._open, self._late = self._late, []

    def close(self, timeout_s: float) -> None:
        self.closed += 1
        for slip in self._open:
            slip.is_done, slip.exception = True, ConnectionError("closed")
        self._open.clear()

    def explain(self, error: BaseException) -> DeliveryFailed:
        return DeliveryRefused(str(error)) if isinstance(error, Refusal) else DeliveryFailed(str(error))
