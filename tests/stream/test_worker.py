"""`worker`: how the process begins and how it ends."""

from __future__ import annotations

import logging
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import faust
import pytest

from trailhouse.producers.settings import Secret
from trailhouse.stream import worker as module
from trailhouse.stream.app import EXIT_INFRASTRUCTURE
from trailhouse.stream.settings import StreamSettings
from trailhouse.stream.topics import TopicError
from trailhouse.stream.worker import EXIT_STUCK, Worker, run

SETTINGS = StreamSettings(pepper=Secret("a pepper for tests only"))


@pytest.fixture(autouse=True)
def _logging_as_it_was() -> Iterator[None]:
    """The process's logging is set up by `run`; other tests have their own."""
    names = ("", "kafka", "aiokafka", "faust", "mode", "mode.timers", "urllib3", "clickhouse_connect")
    levels = {name: logging.getLogger(name).level for name in names}
    yield
    for name, level in levels.items():
        logging.getLogger(name).setLevel(level)


def test_topics_that_cannot_do_end_the_process(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Before anything is consumed, with what is wrong and what to run, and a status that is tried again."""

    def refuse(_: object) -> None:
        raise TopicError("topic audit.events does not exist", "run `trailhouse topics`")

    monkeypatch.setattr(module, "check_topics", refuse)
    monkeypatch.setattr(module, "create_app", pytest.fail)
    with pytest.raises(SystemExit) as ended:
        run(SETTINGS)
    assert ended.value.code == EXIT_INFRASTRUCTURE
    assert "topic audit.events does not exist; run `trailhouse topics`" in caplog.text


@pytest.mark.parametrize("handler", ["_on_sigterm", "_on_sigint"])
def test_a_stop_is_bounded(monkeypatch: pytest.MonkeyPatch, handler: str) -> None:
    """Faust is told to stop, and a timer that nothing can hold up ends the process after its grace."""
    timers: list[tuple[float, Any, tuple[int, ...]]] = []
    stops: list[Worker] = []

    class Timer:
        daemon = False

        def __init__(self, seconds: float, function: Any, arguments: tuple[int, ...]) -> None:
            timers.append((seconds, function, arguments))

        def start(self) -> None:
            assert self.daemon, "the timer itself must not hold up an end in time"

    monkeypatch.setattr("trailhouse.stream.worker.threading.Timer", Timer)
    monkeypatch.setattr(faust.Worker, "_on_sigterm", lambda self: stops.append(self))  # noqa: PLW0108  # a method
    made = Worker.__new__(Worker)
    made.grace_s = 4.0
    getattr(made, handler)()
    assert [(seconds, arguments) for seconds, _, arguments in timers] == [(4.0, (EXIT_STUCK,))]
    assert stops == [made]


def test_importing_it_does_nothing() -> None:
    """No app, no folder, no thread: other processes import the steps, and the command its help."""
    code = "import threading; import trailhouse.stream.worker; print(threading.active_count())"
    with_nothing = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code], capture_output=True, text=True, check=True
    )
    assert with_nothing.stdout.split()[0] == "1"


def test_the_steps_need_no_faust() -> None:
    """Whoever refills a gap runs them without it."""
    code = "import sys, trailhouse.stream.bundle; print(sorted({'faust', 'aiokafka', 'kafka'} & set(sys.modules)))"
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert shown.stdout.strip() == "[]"
