"""A span of OpenTelemetry for each event: the SDK's batch processor, as its documentation advises, and an exporter that
keeps the spans in memory, so no network and no encoding. The queue is large enough to drop nothing.
"""

from __future__ import annotations

from collections.abc import Iterator

from bench.job import Call, read_job, report
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

QUEUE = 1_000_000

if __name__ == "__main__":
    job = read_job()
    exporter = InMemorySpanExporter()
    provider = TracerProvider(resource=Resource.create({"service.name": "benchmark"}))
    provider.add_span_processor(BatchSpanProcessor(exporter, max_queue_size=QUEUE))
    tracer = provider.get_tracer("benchmark")

    def emit(call: Call) -> None:
        attributes = {key: value for key, value in call.fields.items() if not isinstance(value, dict)}
        attributes |= call.fields.get("attributes", {})
        with tracer.start_as_current_span(call.action, attributes={**attributes, "person": call.person}):
            pass

    def found() -> Iterator[str]:
        for span in exporter.get_finished_spans():
            yield str((span.attributes or {})["person"])

    report(job, emit, provider.force_flush, found)
