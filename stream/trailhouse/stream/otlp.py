"""Spans to an OpenTelemetry collector, as OTLP over HTTP: the one module that loads the SDK.

The SDK queues what has ended (2048 spans, unless OTEL_BSP_… says otherwise) and sends it from a thread of its own. What
does not fit, or is not taken, is lost: no role waits for a collector. Its providers are ours alone, never the process's
global ones, so no library begins to tell of requests by itself.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from typing import Final
from urllib.parse import urlsplit

from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import SERVICE_NAME, SERVICE_VERSION, Resource
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult
from opentelemetry.trace import SpanKind, Status, StatusCode
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from trailhouse.producers.errors import SettingsError
from trailhouse.stream.settings import TracesSettings
from trailhouse.stream.tracing import Kind, Name, Span, Value

STOP_WAIT_S: Final = 2.0
KINDS: Final[Mapping[Kind, SpanKind]] = {
    "internal": SpanKind.INTERNAL,
    "server": SpanKind.SERVER,
    "client": SpanKind.CLIENT,
    "consumer": SpanKind.CONSUMER,
}
#: What these say of a collector that is away, with a traceback each time, `_Calm` says once.
LOUD: Final = (
    "opentelemetry.exporter",
    "opentelemetry.sdk._shared_internal",
    "opentelemetry.sdk.trace.export",
)

log = logging.getLogger(__name__)


class OtlpSpan:
    """A span of the SDK."""

    __slots__ = ("_is_dropped", "otel")

    def __init__(self, otel: trace.Span) -> None:
        self.otel, self._is_dropped = otel, False

    @property
    def ids(self) -> tuple[str, str]:
        found = self.otel.get_span_context()
        return trace.format_trace_id(found.trace_id), trace.format_span_id(found.span_id)

    def set(self, attributes: Mapping[Name, Value]) -> None:
        for name, value in attributes.items():
            self.otel.set_attribute(name, value)

    def rename(self, name: str) -> None:
        self.otel.update_name(name)

    def fail(self, kind: str) -> None:
        self.otel.set_attribute("error.type", kind)
        self.otel.set_status(Status(StatusCode.ERROR))

    def drop(self) -> None:
        self._is_dropped = True

    def end(self) -> None:
        if not self._is_dropped:  # only what ends is sent
            self.otel.end()


class OtlpTracer:
    """Makes the spans of one process and sends them to `where`, which is its collector's name in the log."""

    def __init__(self, provider: TracerProvider, where: str) -> None:
        self._provider, self._where = provider, where
        self._tracer = provider.get_tracer("trailhouse", version("trailhouse"))

    def begin(
        self, name: str, kind: Kind, *, parent: Span | None, traceparent: str, age_s: float
    ) -> OtlpSpan:
        context = Context()
        if isinstance(parent, OtlpSpan):
            context = trace.set_span_in_context(parent.otel, context)
        elif traceparent:
            # Without its `tracestate`, in which anybody may write anything: it would be sent with the span.
            context = TraceContextTextMapPropagator().extract({"traceparent": traceparent}, context)
        began = time.time_ns() - int(age_s * 1e9) if age_s else None
        return OtlpSpan(self._tracer.start_span(name, context, KINDS[kind], start_time=began))

    def close(self) -> None:
        ending = threading.Thread(target=self._provider.shutdown, name="traces", daemon=True)
        ending.start()
        ending.join(STOP_WAIT_S)
        if ending.is_alive():
            log.warning("stopping without the last spans: %s does not take them", self._where)


class _Calm(SpanExporter):
    """Sends spans, and says when they begin to be lost, and when no more."""

    def __init__(self, exporter: SpanExporter, where: str) -> None:
        self._exporter, self._where, self._is_losing = exporter, where, False

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        try:
            result = self._exporter.export(spans)
        except Exception:  # a header that is none, say: the thread goes on, and so does what it is told of
            result = SpanExportResult.FAILURE
        is_losing = result is not SpanExportResult.SUCCESS
        if is_losing and not self._is_losing:
            log.warning("spans are lost: %s does not take them; nothing waits for it", self._where)
        elif self._is_losing and not is_losing:
            log.warning("%s takes spans again", self._where)
        self._is_losing = is_losing
        return result

    def shutdown(self) -> None:
        self._exporter.shutdown()

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        return self._exporter.force_flush(timeout_millis)


def connect(settings: TracesSettings, role: str) -> OtlpTracer:
    """A tracer for the process of a role; connects to nothing before the first span has ended.

    Raises `SettingsError` for a variable of OpenTelemetry's that its SDK refuses.
    """
    for name in LOUD:
        logging.getLogger(name).setLevel(logging.CRITICAL)
    parts = urlsplit(settings.url)
    where = parts._replace(netloc=parts.netloc.rpartition("@")[2], query="", fragment="").geturl()
    try:
        provider = TracerProvider(resource=resource_of(role), shutdown_on_exit=False)
        exporter = _Calm(OTLPSpanExporter(endpoint=settings.url), where)
        provider.add_span_processor(BatchSpanProcessor(exporter))
    except ValueError as error:
        raise SettingsError("OTEL_…", str(error), "values that OpenTelemetry's SDK takes") from None
    log.info("traces go to %s", where)
    return OtlpTracer(provider, where)


def resource_of(role: str) -> Resource:
    """Who sends: `OTEL_SERVICE_NAME` and `OTEL_RESOURCE_ATTRIBUTES` as they are set, else `trailhouse-<role>`."""
    found = Resource.create({SERVICE_VERSION: version("trailhouse"), "trailhouse.role": role})
    if str(found.attributes.get(SERVICE_NAME, "unknown_service")).startswith("unknown_service"):
        found = found.merge(Resource({SERVICE_NAME: f"trailhouse-{role}"}))
    return found
