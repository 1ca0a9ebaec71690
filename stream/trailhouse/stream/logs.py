"""How every role logs: one line an event on stderr, where the supervisor or the container collects it."""

from __future__ import annotations

import logging
import sys
import threading
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from types import TracebackType
from typing import Any, Final

import orjson

from trailhouse.stream import tracing
from trailhouse.stream.correlation import current
from trailhouse.stream.settings import LogSettings

TEXT: Final = "%(asctime)s %(levelname)s %(name)s %(message)s"
DRIVERS: Final = ("kafka", "aiokafka", "faust", "mode", "urllib3", "clickhouse_connect", "opentelemetry")
FIRST_SILENCE_S: Final = 30.0
LONGEST_SILENCE_S: Final = 600.0
REMEMBERED: Final = 1000


def log_to_stderr(settings: LogSettings | None = None, role: str = "") -> None:
    """One line an event on stderr; the drivers speak up from warnings on, and nobody says the same all the time.

    As JSON, what ends a thread or the process unforeseen is a line as well.
    """
    form = (settings or LogSettings()).form
    handler = logging.StreamHandler(sys.stderr)
    handler.addFilter(Repeats())
    handler.setFormatter(JsonLines(role) if form == "json" else TextLines(TEXT))
    logging.basicConfig(level=logging.INFO, handlers=[handler])
    if form == "json":
        sys.excepthook = _ended
        threading.excepthook = lambda ended: _ended(
            ended.exc_type, ended.exc_value or ended.exc_type(), ended.exc_traceback
        )
    for driver in DRIVERS:
        logging.getLogger(driver).setLevel(logging.WARNING)
    # What they warn of they raise as well, and we say it in a line of ours.
    for driver in ("urllib3", "clickhouse_connect"):
        logging.getLogger(driver).setLevel(logging.ERROR)
    # A busy worker's commit timer runs late; lag shows that better than a line each time.
    logging.getLogger("mode.timers").setLevel(logging.ERROR)


def _ended(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    logging.getLogger("trailhouse").critical("ended by %s", kind.__qualname__, exc_info=(kind, error, trace))


class TextLines(logging.Formatter):
    """Lines for people; the correlation id and the ids of a span stand at the end, in brackets, where there are any."""

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 - logging's name
        line = super().formatMessage(record)
        trace_id, span_id = tracing.ids()
        found = [current(), f"trace_id={trace_id} span_id={span_id}" if trace_id else ""]
        return f"{line} [{' '.join(filter(None, found))}]" if any(found) else line


class JsonLines(logging.Formatter):
    """One JSON object a line: `time` (RFC 3339, UTC, milliseconds), `level`, `logger`, `role`, `message`.

    `correlation_id` is there where something holds (`correlation`), `trace_id` and `span_id` within a span (`tracing`),
    `error` with `type`, `text` and `stack` where an exception is told of.
    """

    def __init__(self, role: str = "") -> None:
        super().__init__()
        self._role = role

    def format(self, record: logging.LogRecord) -> str:
        trace_id, span_id = tracing.ids()
        moment = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
        line: dict[str, Any] = {
            "time": moment.replace("+00:00", "Z"),
            "level": record.levelname,
            "logger": record.name,
            "role": self._role,
            "message": _sound(record.getMessage()),
            "correlation_id": _sound(current()),
            "trace_id": trace_id,
            "span_id": span_id,
        }
        kind, error, trace = record.exc_info or (None, None, None)
        if kind is not None:
            stack = "".join(traceback.format_exception(kind, error, trace))
            line["error"] = {"type": kind.__qualname__, "text": _sound(str(error)), "stack": _sound(stack)}
        optional = ("role", "correlation_id", "trace_id", "span_id")
        shown = {name: value for name, value in line.items() if value or name not in optional}
        return orjson.dumps(shown).decode()


def _sound(text: str) -> str:
    """A text that UTF-8 can say: half a character, as names of files may have, is written as its escape."""
    return text.encode("utf-8", "backslashreplace").decode()


@dataclass(slots=True)
class _Said:
    """When a warning was printed last, for how long it is not printed again, and how many were not since."""

    at: float
    silence_s: float
    hidden: int = 0


class Repeats(logging.Filter):
    """Lets a warning through once, then counts it for 30 s, and while it goes on for twice as long each time.

    A driver that lost its broker says so several times a second, and what was said before scrolls away. Of a driver
    the same warning is the same template, whatever its values; of ours, the same text.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self._clock, self._lock = clock, threading.Lock()
        self._said: dict[tuple[str, str], _Said] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether to print it; what was hidden meanwhile is said at its end."""
        if record.levelno < logging.WARNING:
            return True
        is_driver = record.name.partition(".")[0] in DRIVERS
        key = (record.name, str(record.msg) if is_driver else record.getMessage())
        with self._lock:
            now, said = self._clock(), self._said.get(key)
            if said is None:
                if len(self._said) >= REMEMBERED:
                    self._said.clear()
                self._said[key] = _Said(now, FIRST_SILENCE_S)
                return True
            passed = now - said.at
            if passed < said.silence_s:
                said.hidden += 1
                return False
            is_over = passed >= 2 * said.silence_s
            silence_s = FIRST_SILENCE_S if is_over else min(2 * said.silence_s, LONGEST_SILENCE_S)
            self._said[key] = _Said(now, silence_s)
        if said.hidden:
            record.msg, record.args = f"{record.getMessage()} (and {said.hidden} more in {passed:.0f} s)", ()
        return True
