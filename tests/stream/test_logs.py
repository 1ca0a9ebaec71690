"""How every role logs."""

from __future__ import annotations

import logging
import re
import subprocess
import sys

import orjson
import pytest
from tests.stream.otlp_collector import traced

from trailhouse.producers.errors import SettingsError
from trailhouse.stream import tracing
from trailhouse.stream.correlation import about
from trailhouse.stream.logs import REMEMBERED, TEXT, JsonLines, Repeats, TextLines, log_to_stderr
from trailhouse.stream.settings import LogSettings


def test_the_drivers_speak_up_from_warnings_on() -> None:
    """One line an event is ours; theirs would be thousands."""
    log_to_stderr()
    for driver in ("kafka", "aiokafka", "faust", "mode"):
        assert logging.getLogger(driver).getEffectiveLevel() >= logging.WARNING
    assert logging.getLogger("trailhouse.stream").getEffectiveLevel() <= logging.WARNING


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def warn(name: str, text: str, *values: object, level: int = logging.ERROR) -> logging.LogRecord:
    return logging.LogRecord(name, level, __file__, 1, text, values, None)


def test_a_driver_that_lost_its_broker_does_not_fill_the_log() -> None:
    """Once at once, then a line with the count, twice as seldom each time; after a pause it is news again."""
    clock = Clock()
    repeats = Repeats(clock)
    printed: list[tuple[float, str]] = []
    for second in range(500):
        clock.now = second / 2
        record = warn("aiokafka", "Unable connect to node with id %s: %s", second, "refused")
        if repeats.filter(record):
            printed.append((clock.now, record.getMessage()))
    assert printed == [
        (0.0, "Unable connect to node with id 0: refused"),
        (30.0, "Unable connect to node with id 60: refused (and 59 more in 30 s)"),
        (90.0, "Unable connect to node with id 180: refused (and 119 more in 60 s)"),
        (210.0, "Unable connect to node with id 420: refused (and 239 more in 120 s)"),
    ]
    clock.now = 5000.0
    assert repeats.filter(warn("aiokafka", "Unable connect to node with id %s: %s", 1, "x"))
    assert not repeats.filter(warn("aiokafka", "Unable connect to node with id %s: %s", 2, "x"))
    clock.now = 5031.0
    assert repeats.filter(warn("aiokafka", "Unable connect to node with id %s: %s", 3, "x"))


def test_what_we_say_ourselves_is_held_back_only_word_for_word() -> None:
    """Two gaps are two facts; and what is no warning is never held back."""
    repeats = Repeats(Clock())
    assert repeats.filter(warn("trailhouse.sinks", "GAP %d", 1))
    assert repeats.filter(warn("trailhouse.sinks", "GAP %d", 2))
    assert not repeats.filter(warn("trailhouse.sinks", "GAP %d", 2))
    assert all(repeats.filter(warn("trailhouse.sinks", "fine", level=logging.INFO)) for _ in range(3))


def test_what_is_remembered_is_bounded() -> None:
    """Texts that never repeat do not pile up."""
    repeats = Repeats(Clock())
    assert all(repeats.filter(warn("trailhouse", f"{number}")) for number in range(3 * REMEMBERED))
    assert len(repeats._said) <= REMEMBERED


def test_a_line_of_json() -> None:
    """Every line is an object that parses, whatever is said, and a time that anybody reads."""
    record = warn("trailhouse.sinks", 'a "text"\nof %d lines and \udc80', 2)
    record.created = 1_767_225_599.9996
    with about("topic/0/5-9"):
        line = JsonLines("sink").format(record)
    assert "\n" not in line
    assert orjson.loads(line) == {
        "time": "2025-12-31T23:59:59.999Z",
        "level": "ERROR",
        "logger": "trailhouse.sinks",
        "role": "sink",
        "message": 'a "text"\nof 2 lines and \\udc80',
        "correlation_id": "topic/0/5-9",
    }
    assert set(orjson.loads(JsonLines().format(record))) == {"time", "level", "logger", "message"}


def test_an_exception_is_part_of_its_line() -> None:
    """With its cause, as one text."""
    try:
        try:
            raise KeyError("inner")
        except KeyError as cause:
            raise ValueError("outer") from cause
    except ValueError:
        record = warn("trailhouse", "failed")
        record.exc_info = sys.exc_info()
    error = orjson.loads(JsonLines().format(record))["error"]
    assert (error["type"], error["text"]) == ("ValueError", "outer")
    assert "KeyError: 'inner'" in error["stack"]
    assert error["stack"].endswith("ValueError: outer\n")


def test_lines_for_people_end_with_what_they_belong_to() -> None:
    """Before the traceback; without anything where they belong to nothing."""
    form, record = TextLines(TEXT), warn("trailhouse", "failed")
    assert form.format(record).endswith(" ERROR trailhouse failed")
    with about("r-1"):
        assert form.format(record).endswith(" ERROR trailhouse failed [r-1]")


@pytest.mark.parametrize("name", ["", "r-1"])
def test_lines_within_a_span_lead_to_it(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """As text and as JSON; whether it is sent or not."""
    monkeypatch.setenv("OTEL_TRACES_SAMPLER", "always_off")
    record = warn("trailhouse", "failed")
    with traced("http://127.0.0.1:9"), about(name), tracing.span("a report"):
        trace_id, span_id = tracing.ids()
        text = TextLines(TEXT).format(record)
        line = orjson.loads(JsonLines().format(record))
    named = f"{name} " if name else ""
    assert text.endswith(f" failed [{named}trace_id={trace_id} span_id={span_id}]")
    assert (line["trace_id"], line["span_id"]) == (trace_id, span_id)
    assert (len(trace_id), len(span_id)) == (32, 16)


SAYS = """
import logging, sys, threading
from trailhouse.stream.logs import log_to_stderr
from trailhouse.stream.settings import LogSettings
log_to_stderr(LogSettings.from_env({"TRAILHOUSE_LOG_FORMAT": sys.argv[1]}), "sink")
for _ in range(3):
    logging.getLogger("trailhouse").warning("again")
logging.getLogger("kafka").info("chatter")
threading.Thread(target=lambda: 1 / 0).start()
raise SystemError("the end")
"""


def said(form: str) -> list[str]:
    """What a process writes on stderr that says one thing three times, loses a thread and ends with an error."""
    done = subprocess.run([sys.executable, "-c", SAYS, form], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    return done.stderr.splitlines()


def test_a_process_writes_nothing_but_json() -> None:
    """Nor of what it did not foresee; and says the same once."""
    lines = [orjson.loads(line) for line in said("json")]
    assert [(line["role"], line["message"]) for line in lines if "error" not in line] == [("sink", "again")]
    assert sorted(line["error"]["type"] for line in lines if "error" in line) == [
        "SystemError",
        "ZeroDivisionError",
    ]


def test_a_process_writes_text_unless_told_otherwise() -> None:
    """As it always did."""
    assert LogSettings.from_env({}).form == "text"
    first, *others = said("text")
    assert re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3} WARNING trailhouse again", first)
    assert not any("again" in line for line in others)


def test_other_formats_are_refused() -> None:
    """With what is allowed."""
    with pytest.raises(SettingsError, match="text or json"):
        LogSettings.from_env({"TRAILHOUSE_LOG_FORMAT": "xml"})
