"""Of several processes one leads: on a real broker, as loops and as processes of which one is killed with -9."""

from __future__ import annotations

import os
import signal
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace

import httpx
import pytest
from tests.queries.alerts.receivers import free_port, receiving, wait_for
from tests.queries.alerts.test_role import running
from tests.queries.alerts.yard import Yard

from trailhouse.producers.settings import KafkaSettings
from trailhouse.queries.alerts.leader import MARGIN_S, Leader
from trailhouse.queries.alerts.settings import AlertsSettings
from trailhouse.stream.topics import create_topics

SESSION_S = 6.0


class Clock:
    """A clock that tests move on."""

    def __init__(self) -> None:
        self.more = 0.0

    def __call__(self) -> float:
        return time.monotonic() + self.more


@pytest.fixture
def settings(kafka_settings: KafkaSettings) -> AlertsSettings:
    """A group of this test's own; a receiver may take a second."""
    create_topics(kafka_settings, 2)
    group = f"alerts-{uuid.uuid4().hex[:8]}"
    return AlertsSettings(kafka=kafka_settings, group=group, session_timeout_s=SESSION_S, timeout_s=1.0)


@contextmanager
def turning(settings: AlertsSettings, clock: Clock | None = None) -> Iterator[Leader]:
    """A leader or not, that takes its turns in a thread."""
    leader, is_over = Leader(settings, clock or Clock()), threading.Event()

    def turn() -> None:
        while not is_over.is_set():
            leader.turn()
            is_over.wait(0.02)
        leader.leave()

    thread = threading.Thread(target=turn)
    thread.start()
    try:
        yield leader
    finally:
        is_over.set()
        thread.join(60)


def watched(leaders: list[Leader], until: Callable[[], object]) -> None:
    """Wait; at no moment two lead."""

    def look() -> object:
        assert sum(each.leads for each in leaders) <= 1
        return until()

    wait_for(look)


def test_one_leads_and_when_it_leaves_the_other_does(settings: AlertsSettings) -> None:
    """Never two at a time, and none has to wait for what was ended in good order."""
    with ExitStack() as others:
        with turning(settings) as first:
            wait_for(lambda: first.leads)
            second = others.enter_context(turning(settings))
            leaders = [first, second]
            wait_for(lambda: second._consumer is not None and (second._place or first._place))
            watched(leaders, lambda: any(each.leads for each in leaders) and first._consumer.assignment())
        watched(leaders, lambda: second.leads)
        assert second._begins <= time.monotonic()


def test_who_hears_nothing_of_kafka_leads_no_longer_than_a_session(settings: AlertsSettings) -> None:
    """By its own clock, as after a process was stopped for a while: before it asks again, not after."""
    clock = Clock()
    leader = Leader(settings, clock)
    wait_for(leader.turn)
    clock.more += SESSION_S
    assert not leader.leads
    assert leader.turn()  # the broker still knows it
    leader._consumer.close(autocommit=False)
    clock.more += SESSION_S
    assert not leader.leads


def test_after_one_that_vanished_the_next_waits_for_what_it_had_sent(settings: AlertsSettings) -> None:
    """As long as a receiver may take; and where no broker is nobody leads, without an error."""
    gone = Leader(settings)
    wait_for(gone.turn)
    gone._consumer.close(autocommit=False)  # without a word, as the group sees it
    began = time.monotonic()
    with turning(settings) as heir:
        wait_for(lambda: heir.leads)
    assert time.monotonic() - began >= settings.timeout_s + MARGIN_S
    nowhere = replace(settings.kafka, bootstrap=f"127.0.0.1:{free_port()}")
    began = time.monotonic()
    assert Leader(replace(settings, kafka=nowhere)).turn() is False
    assert time.monotonic() - began < 20  # it can be told to stop in between; the driver would try for 30 s


def test_two_processes_deliver_each_notice_once_and_one_takes_over_from_the_dead(
    yard: Yard, settings: AlertsSettings
) -> None:
    """Killed with -9 between two deliveries: none is lost, none comes twice, and the other goes on in time."""
    with ExitStack() as stack:
        receiver = stack.enter_context(receiving())
        yard.webhook(receiver.url)
        yard.alert(quiet="0", rate=1000)
        ports = [free_port(), free_port()]
        roles = {port: stack.enter_context(running(yard, port, settings)) for port in ports}

        def land(count: int) -> None:
            for _ in range(count):
                yard.land({})
                wait_for(lambda: sum(each.json["data"]["count"] for each in receiver.requests) == sent())
            wait_for(lambda: {each["status"] for each in yard.notices()} == {"delivered"})

        def sent() -> int:
            return yard.landed[0]

        land(4)
        # While the second joins nobody leads for a moment.
        leaders: list[int] = []

        def is_settled() -> bool:
            leaders[:] = [port for port in ports if is_leading(port)]
            return len(leaders) == 1

        wait_for(is_settled)
        leading = roles[leaders[0]]
        os.kill(leading.pid, signal.SIGKILL)
        leading.wait(30)
        died = time.monotonic()
        land(4)
        assert (
            time.monotonic() - died < 60
        )  # stated: session timeout + receiver's timeout + some seconds; the machine is slow
        assert len(receiver.ids()) == len(set(receiver.ids()))
        assert sum(each.json["data"]["count"] for each in receiver.requests) == 8


def is_leading(port: int) -> bool | None:
    """As a process's own metrics say; None = it does not answer yet."""
    try:
        return (
            "trailhouse_alerts_leading 1.0" in httpx.get(f"http://127.0.0.1:{port}/metrics", timeout=30).text
        )
    except httpx.HTTPError:
        return None
