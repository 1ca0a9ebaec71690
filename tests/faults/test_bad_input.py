"""Steps that fail in every way Python knows, dead letters that cannot be written, times far apart, clocks that are wrong."""

from __future__ import annotations

import asyncio
import builtins
import concurrent.futures
import decimal
import json
import re
import struct
import time
import zlib
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

import msgspec
import pytest
from tests.own_thread import stand_in
from tests.sinks.lines import enriched, event
from tests.stream.factories import encoded, enrich

from trailhouse.stream import bundle as module
from trailhouse.stream.raw import decode
from trailhouse.stream.steps import STEPS

if TYPE_CHECKING:
    from tests.sinks.rig import Rig

#: Those that cannot be made from one word, or that are meant to end the process.
_SPECIAL: Final = {
    "BaseException",
    "BaseExceptionGroup",
    "ExceptionGroup",
    "KeyboardInterrupt",
    "SystemExit",
    "UnicodeDecodeError",
    "UnicodeEncodeError",
    "UnicodeTranslateError",
}
FAILURES: Final[list[BaseException]] = [
    *(
        kind("canary")
        for name, kind in sorted(vars(builtins).items())
        if isinstance(kind, type) and issubclass(kind, BaseException) and name not in _SPECIAL
    ),
    ExceptionGroup("canary", [ValueError("canary")]),
    UnicodeDecodeError("utf-8", b"canary", 0, 1, "canary"),
    UnicodeEncodeError("utf-8", "canary", 0, 1, "canary"),
    asyncio.CancelledError("canary"),
    asyncio.InvalidStateError("canary"),
    concurrent.futures.CancelledError("canary"),
    concurrent.futures.BrokenExecutor("canary"),
    decimal.InvalidOperation("canary"),
    json.JSONDecodeError("canary", "canary", 0),
    msgspec.ValidationError("canary"),
    re.error("canary"),
    struct.error("canary"),
    zlib.error("canary"),
]


def test_there_are_forty_ways_to_fail() -> None:
    """The list is worth its name."""
    assert len({type(error) for error in FAILURES}) >= 40
    assert {RecursionError, MemoryError, asyncio.CancelledError} <= {type(error) for error in FAILURES}


@pytest.mark.parametrize("error", FAILURES, ids=lambda each: type(each).__name__)
@pytest.mark.parametrize("step", range(len(STEPS)))
def test_a_step_that_fails_rejects_its_record_alone(
    step: int, error: BaseException, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whichever step: one rejected record, in its turn, without the error's words; nothing is kept alive by it."""

    def fail(event: Any, out: Any, rules: Any) -> None:
        if out.offset == 1:
            raise error

    monkeypatch.setattr(module, "STEPS", (*STEPS[:step], fail, *STEPS[step:]))
    bundle = enrich(encoded(), encoded(), encoded())
    lines = [json.loads(line) for line in bundle.lines]
    assert [line.get("reason") for line in lines] == [None, "internal", None]
    assert [line["offset"] for line in lines] == [0, 1, 2]
    assert lines[1]["detail"] == f"{type(error).__name__} in a step"
    assert [letter.value for letter in bundle.dead_letters] == [encoded()]


@pytest.mark.parametrize("kind", [RecursionError, MemoryError, asyncio.CancelledError])
def test_a_decoder_that_fails_rejects_its_record_alone(
    kind: type[BaseException], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same where a record is decoded by itself."""

    def fail(value: bytes | None) -> Any:
        if value == b"{}":
            raise kind
        return decode(value)

    monkeypatch.setattr(module, "decode", fail)
    lines = [json.loads(line) for line in enrich(encoded(), b"{}", encoded()).lines]
    assert [line.get("reason") for line in lines] == [None, "internal", None]


def test_months_over_a_century_do_not_block_a_batch(rig: Rig) -> None:
    """More months than ClickHouse takes in any one insert, in one batch: all stored, none refused."""
    from tests.sinks.rig import drive, sinking, value

    first = datetime(1970, 1, 1, tzinfo=UTC)
    moments = [first + timedelta(days=31 * month) for month in range(600)]
    texts = [moment.isoformat(timespec="milliseconds").replace("+00:00", "Z") for moment in moments]
    lines = enriched([event(n, occurred_at=text) for n, text in enumerate(texts)], epoch=rig.epoch)
    rig.produce(lines)
    with sinking(rig, batch_rows=600, batch_age_ms=2000) as (sink, metrics):
        drive(sink, lambda: rig.committed()[0] == len(lines), "all committed", 180)
    assert rig.landed() == len(lines)
    assert value(metrics, "trailhouse_sink_poison_total") == 0
    ((months,),) = rig.client.query("SELECT uniqExact(toYYYYMM(occurred_at)) FROM events FINAL").result_rows
    assert months > 580


# Clocks


def test_no_line_depends_on_this_machines_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    """ "Now" is the broker's: with the clock an hour off, standing still, or gone, the same records give the same lines."""
    values = [
        encoded(),
        encoded(occurred_at="2026-03-02T10:09:59Z"),
        encoded(occurred_at="2026-03-02T10:11:00Z"),
        b"x",
    ]
    wanted = enrich(*values)

    class NoClock(datetime):
        @classmethod
        def now(cls, tz: Any = None) -> Any:  # noqa: ARG003  # the overridden method's
            raise AssertionError("somebody looked at the clock")

        utcnow = today = now

    def no_clock(*_: Any) -> Any:
        raise AssertionError("somebody looked at the clock")

    for name in ("time", "time_ns", "monotonic", "monotonic_ns", "localtime", "gmtime"):
        stand_in(monkeypatch, time, name, no_clock)
    for name in ("bundle", "steps", "raw", "persons", "pii", "enriched"):
        stage = __import__(f"trailhouse.stream.{name}", fromlist=["datetime"])
        if hasattr(stage, "datetime"):
            monkeypatch.setattr(stage, "datetime", NoClock)
    assert enrich(*values) == wanted
