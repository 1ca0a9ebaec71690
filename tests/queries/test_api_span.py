"""A span for every request: whose trace it is part of, what is asked within it, and what it never says."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import pytest
from tests.queries.conftest import World
from tests.queries.serving import NO_KAFKA, WINDOW, serving
from tests.stream.listening import listening
from tests.stream.otlp_collector import OtlpCollector, Sent, collecting, traced

from trailhouse.queries.settings import ApiSettings

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
PARENT = "00f067aa0ba902b7"
TRACEPARENT = f"00-{TRACE}-{PARENT}-01"
REPORT = "/api/v1/reports/active_users"
SERVER = 2


@contextmanager
def asking(world: World, collector: OtlpCollector) -> Iterator[httpx.Client]:
    """The API, its spans sent when the block ends."""
    settings = ApiSettings(clickhouse=world.settings, kafka=NO_KAFKA)
    with traced(collector.url, "api"), serving(settings) as client:
        yield client


def first(spans: list[Sent]) -> Sent:
    (found,) = [span for span in spans if span.kind == SERVER]
    return found


def test_a_request_is_part_of_its_senders_trace(world: World) -> None:
    """Its report is a part of it in turn; both have the id that the answer names."""
    with collecting() as collector:
        with asking(world, collector) as client:
            answer = client.get(REPORT, params=WINDOW, headers={"traceparent": TRACEPARENT})
            rows = len(answer.json()["rows"])
        request, report = first(collector.spans), collector.named("report active_users")[0]
        assert len(collector.spans) == 2
    assert (request.name, request.trace_id, request.parent) == (f"GET {REPORT}", TRACE, PARENT)
    assert request.attributes == {
        "trailhouse.correlation_id": answer.headers["x-request-id"],
        "http.request.method": "GET",
        "http.route": REPORT,
        "http.response.status_code": 200,
    }
    assert (report.trace_id, report.parent) == (TRACE, request.span_id)
    assert report.attributes == {
        "trailhouse.correlation_id": TRACE,
        "trailhouse.report": "active_users",
        "trailhouse.rows": rows,
    }
    assert 0 < report.seconds < request.seconds


@pytest.mark.usefixtures("kept_answers")
def test_a_page_is_a_span_with_its_panels_in_it(world: World) -> None:
    """Each is asked in a thread of its own, and belongs to the page all the same."""
    with collecting() as collector:
        with asking(world, collector) as client:
            assert client.get("/org/dashboard/activity", params={"org": "acme"}).status_code == 200
        page = first(collector.spans)
        reports = [span for span in collector.spans if span.kind != SERVER]
    assert (page.name, page.parent) == ("GET /org/dashboard/activity", "")
    assert len(reports) > 3
    assert {(span.trace_id, span.parent) for span in reports} == {(page.trace_id, page.span_id)}
    assert all(re.fullmatch(r"report [a-z_]+", span.name) for span in reports)


def test_a_row_and_a_file_are_spans_too(world: World) -> None:
    """What is behind a row, without which row; a Parquet file beside the report it is made of."""
    with collecting() as collector:
        with asking(world, collector) as client:
            link = client.get(REPORT, params=WINDOW).json()["rows"][0]["explain"]
            listed = client.get(link)
            assert listed.status_code == 200, (link, listed.text)
            assert client.get(REPORT, params=WINDOW | {"format": "parquet"}).status_code == 200
        (behind,) = collector.named("explain active_users")
        (packed,) = collector.named("parquet active_users")
    assert behind.attributes["trailhouse.rows"] == len(listed.json()["rows"])
    assert packed.attributes["trailhouse.report"] == "active_users"


HIDDEN = "canary-person"
MAIL = f"{HIDDEN}@leak.example"


def test_nothing_that_somebody_wrote_is_in_a_span(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Path, query, body, method and every header; values of parameters; the text of an error."""

    def fail(*_: Any) -> None:
        raise RuntimeError(MAIL)

    headers = {
        "traceparent": TRACEPARENT,
        "tracestate": f"vendor={HIDDEN}",
        "baggage": f"user={HIDDEN}",
        "user-agent": HIDDEN,
        "x-request-id": MAIL,
        "authorization": f"Bearer {HIDDEN}",
        "cookie": f"trailhouse={HIDDEN}",
        "referer": f"http://127.0.0.1/{HIDDEN}",
        "x-forwarded-for": "203.0.113.77",
    }
    with collecting() as collector:
        with asking(world, collector) as client, listening() as lines:
            client.get(f"/{HIDDEN}", headers=headers)
            client.get(f"/api/v1/reports/{HIDDEN}", headers=headers)
            client.get(f"/org/dashboard/{HIDDEN}", params={"org": HIDDEN}, headers=headers)
            client.get(f"/api/v1/alerts/{HIDDEN}", params={"org": HIDDEN}, headers=headers)
            client.get(REPORT, params=WINDOW | {"actors": HIDDEN}, headers={"x-request-id": MAIL})
            client.request(HIDDEN.upper(), REPORT, headers=headers)
            client.post("/api/v1/events", content=f'{{"actor_email": "{MAIL}"}}', headers=headers)
            with monkeypatch.context() as patch:
                patch.setattr("trailhouse.queries.api_reports.record_reading", fail)
                patch.setattr("trailhouse.queries.runner.beside", fail)
                assert client.get(REPORT, params=WINDOW).status_code == 500
        sent = b"".join(collector.bodies).lower()
        spans = [span for span in collector.spans if span.kind == SERVER]
        unknown, failed = [span for span in collector.spans if span.is_error and span.kind != SERVER]
    assert len(spans) == 8
    assert HIDDEN.encode() not in sent
    assert b"203.0.113.77" not in sent
    assert b"leak.example" not in sent
    assert [span.rest for span in spans] == [""] * 8
    assert unknown.attributes["error.type"] == "BadParameter"
    assert failed.attributes["error.type"] == "RuntimeError"
    assert spans[0].name == "GET"
    assert spans[1].attributes["http.route"] == "/api/v1/reports/{name}"
    # What the sender did wrong is no error of ours.
    assert (spans[4].attributes["http.response.status_code"], spans[4].is_error) == (400, False)
    assert (spans[5].attributes["http.request.method"], spans[5].is_error) == ("_OTHER", False)
    broken = spans[-1].attributes
    assert (broken["error.type"], broken["http.response.status_code"]) == ("RuntimeError", 500)
    # The line about the defect, which has its text for whoever mends it, leads to its trace.
    (line,) = [each for each in lines if "error" in each]
    assert (line["trace_id"], line["span_id"]) == (spans[-1].trace_id, spans[-1].span_id)


def test_probes_leave_nothing(world: World) -> None:
    """They come every few seconds; and what names two parents has none."""
    with collecting() as collector:
        with asking(world, collector) as client:
            for path in ("/healthz", "/metrics"):
                client.get(path)
            twice = [("traceparent", TRACEPARENT), ("traceparent", TRACEPARENT.replace("4bf9", "5bf9"))]
            client.get("/api/v1/reports", headers=twice)
        (only,) = collector.spans
    assert (only.name, only.parent) == ("GET /api/v1/reports", "")


def test_fastapi_tells_nothing_by_itself(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its own spans have paths, queries and texts of errors in them; no variable turns them on."""
    monkeypatch.setenv("FASTAPI_OTEL_AUTO_CONFIGURE", "true")
    with collecting() as collector:
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", collector.url)
        monkeypatch.setenv("OTEL_BSP_SCHEDULE_DELAY", "1")
        with asking(world, collector) as client:
            client.get(f"/{HIDDEN}", params={"q": HIDDEN})
        assert [span.name for span in collector.spans] == ["GET"]
        assert HIDDEN.encode() not in b"".join(collector.bodies)
