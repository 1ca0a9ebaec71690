"""The sink as a process; its stops and kills on a real broker are in `tests/faults/test_sink_kills.py`."""

from __future__ import annotations

import subprocess
import sys

import pytest

from trailhouse.producers.settings import KafkaSettings
from trailhouse.sinks.settings import SinkSettings
from trailhouse.sinks.worker import EXIT_INFRASTRUCTURE, run


class Ended(BaseException):
    """In place of the end of the process."""


def test_without_kafka_it_ends_for_the_supervisor(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Status 70, and the log says which broker does not answer and what to check."""

    def end(status: int) -> None:
        raise Ended(status)

    monkeypatch.setattr("trailhouse.sinks.worker.os._exit", end)
    monkeypatch.setattr("trailhouse.sinks.worker.signal.signal", lambda *_: None)
    monkeypatch.setattr("trailhouse.sinks.worker.logging.shutdown", lambda: None)
    with pytest.raises(Ended, match=str(EXIT_INFRASTRUCTURE)):
        run(SinkSettings(kafka=KafkaSettings(bootstrap="127.0.0.1:1")))
    assert "127.0.0.1:1" in caplog.text
    assert "TRAILHOUSE_KAFKA_BOOTSTRAP" in caplog.text


def test_the_status_is_the_processes() -> None:
    """`exit_now` ends with the status it is given and waits for no thread."""
    code = (
        "import threading, time; threading.Thread(target=time.sleep, args=(60,)).start();"
        "from trailhouse.sinks.worker import exit_now; exit_now(7)"
    )
    done = subprocess.run([sys.executable, "-W", "ignore", "-c", code], check=False, timeout=30)
    assert done.returncode == 7


def test_it_needs_no_faust() -> None:
    """The sink starts without the stream's framework."""
    code = "import sys, trailhouse.sinks.worker; print('faust' in sys.modules)"
    shown = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code], capture_output=True, text=True, check=True
    )
    assert shown.stdout.strip() == "False"
