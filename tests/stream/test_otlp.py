"""Spans as a collector gets them, and what becomes of them where none does."""

from __future__ import annotations

import socket
import threading
from collections.abc import Sequence
from contextvars import copy_context
from typing import Any

import pytest
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult
from tests.stream.listening import listening
from tests.stream.otlp_collector import PATIENCE_S, collecting, traced
from tests.waiting import turns

from trailhouse.producers.errors import SettingsError
from trailhouse.stream import otlp, tracing
from trailhouse.stream.otlp import _Calm
from trailhouse.stream.settings import TracesSettings
from trailhouse.stream.tracing import begin, ids, span

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
PARENT = "00f067aa0ba902b7"


def test_a_span_arrives(monkeypatch: pytest.MonkeyPatch) -> None:
    """With its kind, its attributes, its age, who sends it, and the ids that a line of the log has."""
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_HEADERS", "x-team=audit")
    with collecting() as collector:
        with traced(collector.url, "sink"), span("outer", "consumer", age_s=3.0) as outer:
            outer.set({"trailhouse.rows": 7, "trailhouse.ranges": ("0/1-2", "3/4-5")})
            outer.rename("outer, renamed")
            seen = ids()
            with span("inner"):
                pass
            with span("idle") as idle:
                idle.drop()
        inner, sent = collector.spans
        assert collector.headers[0]["x-team"] == "audit"
    assert (sent.name, sent.kind, sent.parent, sent.is_error, sent.rest) == (
        "outer, renamed",
        5,
        "",
        False,
        "",
    )
    assert (sent.trace_id, sent.span_id) == seen
    assert sent.attributes == {"trailhouse.rows": 7, "trailhouse.ranges": ["0/1-2", "3/4-5"]}
    assert 3.0 <= sent.seconds < 60
    assert (inner.trace_id, inner.parent) == seen
    assert sent.resource["service.name"] == "trailhouse-sink"
    assert sent.resource["trailhouse.role"] == "sink"
    # Nothing of this machine, its user or its command line.
    assert {name for name in sent.resource if not name.startswith("telemetry.sdk.")} <= {
        "service.name",
        "service.version",
        "service.instance.id",
        "trailhouse.role",
    }


def test_the_fields_own_names_hold(monkeypatch: pytest.MonkeyPatch) -> None:
    """A service's name and attributes of the resource are the operator's to choose."""
    monkeypatch.setenv("OTEL_SERVICE_NAME", "audit-trail")
    monkeypatch.setenv("OTEL_RESOURCE_ATTRIBUTES", "deployment.environment.name=staging")
    found = otlp.resource_of("api").attributes
    assert (found["service.name"], found["deployment.environment.name"]) == ("audit-trail", "staging")
    assert found["trailhouse.role"] == "api"


@pytest.mark.parametrize(
    ("given", "parent"),
    [
        (f"00-{TRACE}-{PARENT}-01", PARENT),
        (f"00-{TRACE}-{'0' * 16}-01", ""),
        ("00-ann@leak.example-x-01", ""),
        ("", ""),
    ],
)
def test_a_sender_may_name_the_trace(given: str, parent: str) -> None:
    """By the W3C's form alone; anything else begins a trace of its own."""
    with collecting() as collector:
        with traced(collector.url):
            copy_context().run(begin, "GET", "server", given).end()
        (sent,) = collector.spans
    assert (sent.parent, sent.trace_id == TRACE) == (parent, bool(parent))


def test_a_sender_that_traces_nothing_is_followed() -> None:
    """Its trace was not chosen, and so this part of it is not sent; its id still is in our log."""
    with collecting() as collector:
        with traced(collector.url):
            made = copy_context().run(begin, "GET", "server", f"00-{TRACE}-{PARENT}-00")
            made.end()
            assert made.ids[0] == TRACE
        assert collector.spans == []


def test_an_error_is_a_status_and_a_type() -> None:
    """No event with a traceback, no message."""
    with collecting() as collector:
        with traced(collector.url), pytest.raises(ValueError, match="canary"), span("failing"):
            raise ValueError("canary@leak.example")
        (sent,) = collector.spans
        assert (sent.is_error, sent.attributes, sent.rest) == (True, {"error.type": "ValueError"}, "")
        assert b"canary" not in b"".join(collector.bodies)


def test_sampling_may_be_off(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is sent, and all that asks for spans goes on."""
    monkeypatch.setenv("OTEL_TRACES_SAMPLER", "always_off")
    with collecting() as collector:
        with traced(collector.url), span("anything") as made:
            made.set({"trailhouse.rows": 1})
            assert len(ids()[0]) == 32
        assert collector.bodies == []


def test_a_collector_that_is_away_is_said_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """However many spans are lost, and however often they are tried: one line, no traceback, no password."""
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_TIMEOUT", "0.1")
    monkeypatch.setenv("OTEL_BSP_SCHEDULE_DELAY", "10")
    monkeypatch.setattr(otlp, "STOP_WAIT_S", PATIENCE_S)
    tries: list[int] = []
    export = _Calm.export

    def counted(calm: _Calm, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        tries.append(len(spans))
        return export(calm, spans)

    monkeypatch.setattr(_Calm, "export", counted)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    with listening() as lines:
        tracing.start(TracesSettings(endpoint=f"http://me:swordfish@127.0.0.1:{port}"), "test")
        for _ in turns():
            for _ in range(3000):  # more than the queue holds
                with span("lost"):
                    pass
            if len(tries) > 3:
                break
        tracing.stop()
    said = [line["message"] for line in lines if line["level"] != "INFO"]
    assert said == [
        f"spans are lost: http://127.0.0.1:{port}/v1/traces does not take them; nothing waits for it"
    ]
    assert "swordfish" not in str(lines)


def test_a_collector_that_hangs_holds_nobody_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """The end of a process waits for some seconds at most, then leaves the last spans."""
    assert otlp.STOP_WAIT_S <= 3
    monkeypatch.setattr(otlp, "STOP_WAIT_S", 0.2)
    with collecting() as collector, listening() as lines:
        collector.hold = threading.Event()
        tracing.start(TracesSettings(endpoint=collector.url), "test")
        with span("held"):
            pass
        tracing.stop()
        assert collector.bodies == []
        collector.hold.set()
    assert [line["message"] for line in lines if "last spans" in line["message"]] == [
        f"stopping without the last spans: {collector.url}/v1/traces does not take them"
    ]


class Moody(SpanExporter):
    """Takes spans, or not, as told."""

    def __init__(self, *results: Any) -> None:
        self.results = list(results)

    def export(self, spans: Any) -> SpanExportResult:
        result = self.results.pop(0)
        if isinstance(result, Exception):
            raise result
        assert isinstance(result, SpanExportResult)
        return result

    def shutdown(self) -> None: ...


def test_what_is_lost_and_taken_again_is_said_as_it_changes() -> None:
    """Not each time; whatever goes wrong, the sending thread goes on."""
    good, bad = SpanExportResult.SUCCESS, SpanExportResult.FAILURE
    calm = _Calm(Moody(good, bad, ValueError("canary"), bad, good, good), "the collector")
    nothing: list[ReadableSpan] = []
    with listening() as lines:
        assert [calm.export(nothing) for _ in range(6)] == [good, bad, bad, bad, good, good]
    assert [line["message"].partition(":")[0] for line in lines] == [
        "spans are lost",
        "the collector takes spans again",
    ]
    assert "canary" not in str(lines)


def test_what_the_sdk_refuses_is_said_at_the_start(monkeypatch: pytest.MonkeyPatch) -> None:
    """As any other setting that cannot be used."""
    monkeypatch.setenv("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", "100000")
    with pytest.raises(SettingsError, match="OTEL_"):
        tracing.start(TracesSettings(endpoint="http://127.0.0.1:4318"), "test")
    assert not tracing.is_on()
