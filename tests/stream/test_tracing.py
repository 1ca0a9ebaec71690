"""The seam of traces: nothing when off, a tree of spans when on."""

from __future__ import annotations

import asyncio
import os
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import get_args

import pytest

from trailhouse.stream import tracing
from trailhouse.stream.correlation import about
from trailhouse.stream.settings import TracesSettings
from trailhouse.stream.tracing import NOTHING, Kind, Name, Span, TracesUnavailable, Value, begin, ids, span


@dataclass
class Noted:
    """A span that notes what becomes of it."""

    name: str
    parent: str
    said: dict[Name, Value] = field(default_factory=dict)
    ended: int = 0

    @property
    def ids(self) -> tuple[str, str]:
        return "trace", self.name

    def set(self, attributes: Mapping[Name, Value]) -> None:
        self.said |= attributes

    def rename(self, name: str) -> None: ...

    def fail(self, kind: str) -> None:
        self.said["error.type"] = kind

    def drop(self) -> None: ...

    def end(self) -> None:
        self.ended += 1


class Notes:
    """A tracer that keeps its spans."""

    def __init__(self) -> None:
        self.spans: list[Noted] = []
        self.is_closed = False

    def begin(self, name: str, kind: Kind, *, parent: Span | None, traceparent: str, age_s: float) -> Noted:
        self.spans.append(Noted(name, parent.ids[1] if parent else traceparent))
        return self.spans[-1]

    def close(self) -> None:
        self.is_closed = True


@pytest.fixture
def notes(monkeypatch: pytest.MonkeyPatch) -> Iterator[Notes]:
    made = Notes()
    monkeypatch.setattr(tracing, "_tracer", made)
    yield made
    tracing.stop()
    assert made.is_closed


def test_without_a_collector_there_is_nothing() -> None:
    """No span, no id, and the SDK is not even loaded, by whatever role."""
    tracing.start(TracesSettings(), "test")
    assert not tracing.is_on()
    with span("anything") as made:
        assert (made, begin("more", "server"), ids()) == (NOTHING, NOTHING, ("", ""))


def test_roles_load_the_sdk_only_where_a_collector_is_named() -> None:
    """Without its packages they start; with a collector named none does, and each says what to install."""
    script = """
import sys
import trailhouse.queries.alerts.role, trailhouse.queries.api, trailhouse.queries.archive.worker
import trailhouse.sinks.worker, trailhouse.stream.worker
from trailhouse.deploy.cli import run
from trailhouse.stream import tracing
from trailhouse.stream.settings import TracesSettings
tracing.start(TracesSettings(), "test")
print(sorted(name for name in sys.modules if name.startswith(("opentelemetry.sdk", "opentelemetry.exporter"))))
sys.modules["opentelemetry.sdk"] = None
for words in (["stream"], ["sink"], ["api"], ["alerts", "run"], ["archive", "run"]):
    print(run(words, {}))
"""
    named = {
        "OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:4318",
        "TRAILHOUSE_PEPPER": "a pepper for tests only",
    }
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", script],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, **named},
    )
    assert done.stdout.split() == ["[]", "1", "1", "1", "1", "1"]
    said = done.stderr.splitlines()
    assert said[::3] == [f"error: {TracesUnavailable('').args[0]}"] * 5
    assert all("otel]" in hint and hint.startswith("hint: pip install ") for hint in said[2::3])


def test_the_docs_name_every_attribute() -> None:
    """Who is asked what leaves the house can answer from the page, and nothing else may be said."""
    page = (Path(__file__).parents[2] / "docs/operations/monitor.md").read_text()
    section = page.partition("\n## Traces\n")[2].partition("\n## ")[0]
    named = set(re.findall(r"`((?:db|error|http|messaging|trailhouse)\.[a-z_.]+)`", section))
    assert named == {*get_args(Name), "trailhouse.role"}


def test_spans_are_a_tree(notes: Notes) -> None:
    """One inside another is its child, tasks belong to where they were made, and each ends once."""

    async def work(name: str) -> None:
        with span(name):
            await asyncio.sleep(0)
            with span(f"{name}'s"):
                await asyncio.sleep(0)

    async def both() -> None:
        await asyncio.gather(work("a"), work("b"))

    with about("a-request"), span("above"):
        asyncio.run(both())
        assert ids() == ("trace", "above")
    assert ids() == ("", "")
    assert {(each.name, each.parent) for each in notes.spans} == {
        ("above", ""),
        ("a", "above"),
        ("b", "above"),
        ("a's", "a"),
        ("b's", "b"),
    }
    assert [each.ended for each in notes.spans] == [1] * 5
    assert {each.said["trailhouse.correlation_id"] for each in notes.spans} == {"a-request"}


def test_an_error_is_its_type(notes: Notes) -> None:
    """It is raised on; its text, which may say anything, stays out of the span."""
    with pytest.raises(ValueError, match="ann@"), span("failing"):
        raise ValueError("ann@leak.example")
    (made,) = notes.spans
    assert (made.said, made.ended) == ({"error.type": "ValueError"}, 1)


def test_what_was_begun_holds_to_the_end_of_the_task(notes: Notes) -> None:
    """A defect is logged where the request's span has ended already, and its line has the ids."""

    async def request() -> tuple[str, str]:
        made = begin("GET", "server", "the sender's")
        made.end()
        return ids()

    assert asyncio.run(request()) == ("trace", "GET")
    assert [each.parent for each in notes.spans] == ["the sender's"]
    assert ids() == ("", "")


def test_without_the_extra_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    """At the start, before anything is opened."""
    monkeypatch.setitem(sys.modules, "opentelemetry.sdk.trace", None)
    monkeypatch.delitem(sys.modules, "trailhouse.stream.otlp", raising=False)
    with pytest.raises(TracesUnavailable, match="OTEL_EXPORTER_OTLP_ENDPOINT") as raised:
        tracing.start(TracesSettings(endpoint="http://127.0.0.1:4318"), "test")
    assert "PATH-OF-A-CLONE[otel]" in raised.value.hint
    assert "opentelemetry.sdk.trace" in raised.value.cause
    assert not tracing.is_on()
