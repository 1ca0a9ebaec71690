"""From batches to a transport: confirmed as a whole, sent again, given up; on a transport that does as it is told."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from trailhouse.producers.errors import DeliveryFailed, DeliveryRefused
from trailhouse.producers.transport import Receipt
from trailhouse.queries.intake import Delivery, Intake


@dataclass
class Slip:
    """A receipt that the test settles."""

    value: bytes
    is_done: bool = False
    exception: BaseException | None = None


class Line:
    """A transport. `flush` does what `on_flush` says with the open slips; `close` forgets them, as the driver does."""

    def __init__(self, on_flush: Callable[[list[Slip]], object]) -> None:
        self.on_flush = on_flush
        self.is_away = False
        self.kept: list[bytes] = []
        self.open: list[Slip] = []
        self.most_open = 0
        self.closed = 0

    def send(self, value: bytes) -> Receipt:
        if self.is_away:
            raise DeliveryFailed("away")
        if value.startswith(b"huge"):
            raise DeliveryRefused("huge")
        slip = Slip(value)
        self.open.append(slip)
        self.most_open = max(self.most_open, sum(len(each.value) for each in self.open))
        return slip

    def flush(self, timeout_s: float) -> None:
        self.on_flush(self.open)
        self.kept += [slip.value for slip in self.open if slip.is_done and slip.exception is None]
        self.open = [slip for slip in self.open if not slip.is_done]
        if self.open:
            time.sleep(0.001)

    def close(self, timeout_s: float) -> None:
        self.open, self.closed = [], self.closed + 1

    def explain(self, error: BaseException) -> DeliveryFailed:
        return error if isinstance(error, DeliveryFailed) else DeliveryFailed(str(error))


def confirm(slips: list[Slip]) -> None:
    for slip in slips:
        slip.is_done = True


@contextmanager
def intake_on(line: Line, **settings: int) -> Iterator[Intake]:
    intake = Intake(line, **settings)  # type: ignore[arg-type]
    try:
        yield intake
    finally:
        intake.close(10)


def outcome(delivery: Delivery) -> frozenset[int]:
    return delivery.outcome.result(20)


def test_a_batch_has_its_outcome_when_all_of_it_is_confirmed() -> None:
    """Not one event earlier."""
    allowed = threading.Event()

    def on_flush(slips: list[Slip]) -> None:
        for slip in slips:
            slip.is_done = slip.value != b"last" or allowed.is_set()

    line = Line(on_flush)
    with intake_on(line) as intake:
        delivery = intake.submit([b"a", b"b", b"last"])
        other = intake.submit([b"c"])
        assert outcome(other) == frozenset()
        assert not delivery.outcome.done()
        allowed.set()
        assert outcome(delivery) == frozenset()
    assert sorted(line.kept) == [b"a", b"b", b"c", b"last"]


def test_what_was_not_confirmed_goes_again() -> None:
    """Over a new connection, with the same bytes; what was confirmed does not."""
    failures = [2]

    def on_flush(slips: list[Slip]) -> None:
        for slip in slips:
            slip.is_done = True
            if slip.value == b"b" and failures[0]:
                failures[0] -= 1
                slip.exception = OSError("reset")

    line = Line(on_flush)
    with intake_on(line) as intake:
        assert outcome(intake.submit([b"a", b"b", b"c"])) == frozenset()
    assert sorted(line.kept) == [b"a", b"b", b"c"]
    assert line.closed >= 2


def test_a_transport_that_is_away_is_tried_until_it_is_back() -> None:
    """The batch waits, and so do those behind it."""
    line = Line(confirm)
    line.is_away = True
    with intake_on(line) as intake:
        first, second = intake.submit([b"a"]), intake.submit([b"b"])
        time.sleep(0.3)
        assert not first.outcome.done()
        line.is_away = False
        assert outcome(first) == outcome(second) == frozenset()
    assert line.kept == [b"a", b"b"]


def test_an_error_nobody_knows_is_no_end() -> None:
    """The thread goes on, and the batch with it."""
    troubles = [ValueError("?")]

    def on_flush(slips: list[Slip]) -> None:
        if troubles:
            raise troubles.pop()
        confirm(slips)

    with intake_on(Line(on_flush)) as intake:
        assert outcome(intake.submit([b"a"])) == frozenset()


def test_only_what_is_refused_alone_is_refused() -> None:
    """As the driver does it: a record that is too large fails all that are under way with it."""

    def on_flush(slips: list[Slip]) -> None:
        is_poisoned = any(slip.value.startswith(b"large") for slip in slips)
        for slip in slips:
            slip.is_done = True
            slip.exception = DeliveryRefused("too large") if is_poisoned else None

    line = Line(on_flush)
    with intake_on(line) as intake:
        first = intake.submit([b"a", b"large 1", b"b", b"huge", b"large 2"])
        second = intake.submit([b"c", b"d"])
        assert outcome(first) == {1, 3, 4}
        assert outcome(second) == frozenset()
    assert sorted(line.kept) == [b"a", b"b", b"c", b"d"]


def test_no_more_than_the_window_is_under_way() -> None:
    """But one batch always, however large."""
    with intake_on(line := Line(confirm), window=10) as intake:
        for delivery in [intake.submit([b"xxxx"]) for _ in range(50)] + [intake.submit([b"y" * 30])]:
            outcome(delivery)
    assert line.most_open <= 30
    assert len(line.kept) == 51


def test_a_batch_given_up_leaves_nothing_behind() -> None:
    """Its memory is free at once, the connection that holds its events is dropped, and others go on."""
    stuck = threading.Event()

    def on_flush(slips: list[Slip]) -> None:
        for slip in slips:
            slip.is_done = slip.value != b"stuck"
        if any(not slip.is_done for slip in slips):
            stuck.set()

    line = Line(on_flush)
    with intake_on(line, window=1) as intake:
        first, waiting = intake.submit([b"stuck"]), intake.submit([b"never"])
        assert stuck.wait(10)
        intake.forget(waiting)
        intake.forget(first)
        first.outcome.cancel()
        assert (first._values, waiting._values) == ((), ())
        assert outcome(intake.submit([b"a"])) == frozenset()
        assert line.open == []
    assert line.kept == [b"a"]


def test_it_ends_with_what_is_under_way() -> None:
    """Closing waits for nobody; a batch that is not confirmed has no outcome."""
    line = Line(list.copy)
    with intake_on(line) as intake:
        delivery = intake.submit([b"a"])
    assert not delivery.outcome.done()
    assert line.closed == 1


def test_an_outcome_nobody_waits_for_is_no_error() -> None:
    """A request that timed out at the very moment of its confirmation."""
    delivery = Delivery([b"a"])
    delivery.outcome.cancel()
    delivery.settle()
    assert delivery.outcome.cancelled()
