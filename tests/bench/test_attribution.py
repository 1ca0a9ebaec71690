"""From sampled stacks to what the time was for."""

from __future__ import annotations

from pathlib import Path

import pytest
from bench.profiles.attribution import (
    EXACTNESS,
    OTHER,
    SINK,
    WORKER,
    Frame,
    Rule,
    Sample,
    hottest,
    of_path,
    parse,
    purpose,
    shares,
)

LOOP = "run_forever (asyncio/base_events.py:607)"
AGENT = "enrich (stream/app.py:240)"
BUNDLE = "enrich_bundle (stream/bundle.py:78)"
TEXT = f"""\
{LOOP};{AGENT};{BUNDLE};_decoded (stream/bundle.py:100);decode_many (stream/raw.py:40) 20
{LOOP};{AGENT};{BUNDLE};_run (stream/bundle.py:110);classify (stream/steps.py:9) 30
{LOOP};{AGENT};{BUNDLE};_encode (stream/bundle.py:170) 20
{LOOP};{AGENT};confirm (stream/app.py:77) 5
{LOOP};_run_once (asyncio/base_events.py:1922);select (selectors.py:468) 900
{LOOP};write (stream/app.py:190);_write (stream/app.py:300);append (aiokafka/record/default_records.py:400) 25
"""


def test_a_stack_is_read_as_samplers_write_it() -> None:
    """Frames from the outermost, the count at the end; a line that is none is passed over."""
    assert parse("main (app.py:3);a (b) (x/y.py:12) 7\n\nnonsense\n") == [
        Sample((Frame("main", "app.py"), Frame("a (b)", "x/y.py")), 7)
    ]
    assert parse("<built-in> 3")[0].frames == (Frame("<built-in>", ""),)


def test_the_innermost_named_frame_takes_the_time() -> None:
    """What a function calls outside our code counts for it, and what nobody names is told as such."""
    rules = (Rule("inner", "b.py"), Rule("outer", "a.py", ("f",)))
    assert purpose([Frame("f", "a.py"), Frame("g", "b.py"), Frame("h", "c.py")], rules) == "inner"
    assert purpose([Frame("f", "a.py"), Frame("h", "c.py")], rules) == "outer"
    assert purpose([Frame("g", "a.py")], rules) == OTHER


def test_shares_leave_waiting_out() -> None:
    """A hundred samples of work and nine hundred of waiting: shares of the hundred."""
    assert shares(parse(TEXT), WORKER) == {
        "enrich": 0.30,
        "produce": 0.25,
        "decode": 0.20,
        "encode": 0.20,
        EXACTNESS: 0.05,
    }
    assert shares(parse(f"{LOOP};select (selectors.py:468) 900"), WORKER) == {}


def test_the_hottest_functions_are_told_with_their_purpose() -> None:
    """The table under the shares."""
    assert hottest(parse(TEXT), WORKER, 2) == [
        (0.30, "classify (stream/steps.py)", "enrich"),
        (0.25, "append (aiokafka/record/default_records.py)", "produce"),
    ]


@pytest.mark.parametrize(
    ("frame", "wanted"),
    [
        (Frame("read_heads", "sinks/head.py"), EXACTNESS),
        (Frame("entries", "sinks/ledger.py"), EXACTNESS),
        (Frame("Sink._take", "sinks/consumer.py"), EXACTNESS),
        (Frame("raw_insert", "clickhouse_connect/driver/httpclient.py"), "insert"),
        (Frame("_unpack", "kafka/consumer/fetcher.py"), "fetch"),
        (Frame("Sink.step", "sinks/consumer.py"), "other of ours"),
        (Frame("_poll", "aiokafka/client.py"), OTHER),
    ],
    ids=lambda value: value if isinstance(value, str) else value.function,
)
def test_the_sinks_frames(frame: Frame, wanted: str) -> None:
    """Books are exactness, bytes to ClickHouse are the insert."""
    assert purpose([frame], SINK) == wanted


def test_exactness_of_the_path_is_weighed_with_each_roles_cpu() -> None:
    """By hand: 20 x 0.05 + 12 x 0.25 + 28 x 0.1 of 64 seconds; unknown while a role's share is."""
    cpu = {"stream": 20.0, "sink": 12.0, "clickhouse": 28.0, "kafka": 4.0}
    found = of_path({"stream": 0.05, "sink": 0.25, "clickhouse": 0.1}, cpu)
    assert found == pytest.approx((1 + 3 + 2.8) / 64)
    assert of_path({"stream": 0.05, "sink": 0.25}, cpu) is None
    assert of_path({}, {}) is None


def test_the_rules_name_files_and_functions_that_exist() -> None:
    """A function that was renamed would silently be counted elsewhere."""
    root = Path(__file__).parents[2]
    ours = {
        rule for rule in (*WORKER, *SINK) if rule.file.startswith(("stream/", "sinks/")) and rule.functions
    }
    assert ours
    for rule in ours:
        stage = rule.file.partition("/")[0]
        text = (root / stage / "trailhouse" / rule.file).read_text()
        assert [name for name in rule.functions if f"def {name}(" not in text] == [], rule
