"""Traces: what a role did and how long it took, as spans for an OpenTelemetry collector; off unless one is named.

This is all that roles know of it. The SDK is loaded by `otlp` alone, and only where it is on.

What a span may say is closed: `Name` lists every attribute. They are names and numbers of ours, and the correlation id,
which is checked where it comes in; none says what somebody wrote. Of an error a span has the type, never the text.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from importlib.util import find_spec
from typing import Final, Literal, Protocol

from trailhouse.stream import correlation
from trailhouse.stream.settings import TracesSettings

Kind = Literal["internal", "server", "client", "consumer"]
#: Those that OpenTelemetry knows have its names (semantic conventions); the others begin with ours.
Name = Literal[
    "db.collection.name",
    "db.operation.name",
    "db.system.name",
    "error.type",
    "http.request.method",
    "http.response.status_code",
    "http.route",
    "messaging.destination.name",
    "messaging.destination.partition.id",
    "messaging.system",
    "trailhouse.alerts",
    "trailhouse.copies",
    "trailhouse.correlation_id",
    "trailhouse.entries",
    "trailhouse.events",
    "trailhouse.gone",
    "trailhouse.notices",
    "trailhouse.offset.first",
    "trailhouse.offset.last",
    "trailhouse.outcome",
    "trailhouse.ranges",
    "trailhouse.rejected",
    "trailhouse.report",
    "trailhouse.round",
    "trailhouse.rows",
]
Value = str | int | tuple[str, ...]
PACKAGES: Final = ("opentelemetry.sdk.trace", "opentelemetry.exporter.otlp.proto.http")


class TracesUnavailable(Exception):
    """A collector is named, and spans cannot be made for it; `extra` of ours brings what is missing."""

    extra = "otel"

    def __init__(self, cause: str) -> None:
        super().__init__(
            "a collector of traces is named (OTEL_EXPORTER_OTLP_ENDPOINT), and the extra `otel` is not installed"
        )
        self.cause, self.hint = cause, "pip install 'PATH-OF-A-CLONE[otel]', or unset the variable"


class Span(Protocol):
    """Something that is being done. No method blocks or raises."""

    @property
    def ids(self) -> tuple[str, str]:
        """The ids of its trace and its own, in hex."""
        ...

    def set(self, attributes: Mapping[Name, Value]) -> None: ...

    def rename(self, name: str) -> None: ...

    def fail(self, kind: str) -> None:
        """It went wrong: `kind` is an exception's type or a status."""

    def drop(self) -> None:
        """Nothing was done that is worth telling: it is not sent."""

    def end(self) -> None: ...


class Tracer(Protocol):
    """Makes spans, and sends those that ended from a thread of its own."""

    def begin(self, name: str, kind: Kind, *, parent: Span | None, traceparent: str, age_s: float) -> Span:
        """A span that began `age_s` ago; without a parent, one of the trace that a W3C `traceparent` names."""
        ...

    def close(self) -> None:
        """Send what has ended, for some seconds at most."""


class _Nothing:
    """The span of whoever makes none."""

    @property
    def ids(self) -> tuple[str, str]:
        return "", ""

    def set(self, attributes: Mapping[Name, Value]) -> None: ...

    def rename(self, name: str) -> None: ...

    def fail(self, kind: str) -> None: ...

    def drop(self) -> None: ...

    def end(self) -> None: ...


NOTHING: Final[Span] = _Nothing()
_tracer: Tracer | None = None
_current: Final[ContextVar[Span]] = ContextVar("trailhouse_span", default=NOTHING)


def start(settings: TracesSettings, role: str) -> None:
    """Make spans from here on, where `settings` name a collector; raises `TracesUnavailable`, `SettingsError`."""
    global _tracer
    if not settings.is_on:
        return
    try:
        from trailhouse.stream.otlp import connect  # noqa: PLC0415 - an extra, for those who want it
    except ModuleNotFoundError as error:
        raise TracesUnavailable(f"no package {error.name!r}") from None
    _tracer = connect(settings, role)


def stop() -> None:
    """Make none any more, and send the last ones; waits for two seconds at most."""
    global _tracer
    tracer, _tracer = _tracer, None
    if tracer is not None:
        tracer.close()


def is_installed() -> bool:
    """Whether the packages of the extra are there."""
    try:
        return all(find_spec(name) is not None for name in PACKAGES)
    except ModuleNotFoundError:  # not even what they have in common
        return False


def is_on() -> bool:
    return _tracer is not None


def ids() -> tuple[str, str]:
    """The ids of the trace and the span that something here belongs to; both empty where there is none."""
    return _current.get().ids


def begin(name: str, kind: Kind, traceparent: str = "") -> Span:
    """A span to which all belongs from here on, to the end of this task or thread; whoever begins it ends it.

    It belongs to the trace that a W3C `traceparent` names, or begins one.
    """
    return _made(name, kind, None, traceparent, 0.0)


@contextmanager
def span(name: str, kind: Kind = "internal", *, age_s: float = 0.0) -> Iterator[Span]:
    """What is done inside is a span; it fails with what is raised."""
    before = _current.get()
    made = _made(name, kind, None if before is NOTHING else before, "", age_s)
    try:
        yield made
    except BaseException as error:
        made.fail(type(error).__qualname__)
        raise
    finally:
        made.end()
        _current.set(before)


def _made(name: str, kind: Kind, parent: Span | None, traceparent: str, age_s: float) -> Span:
    tracer = _tracer
    if tracer is None:
        return NOTHING
    made = tracer.begin(name, kind, parent=parent, traceparent=traceparent, age_s=age_s)
    if named := correlation.current():
        made.set({"trailhouse.correlation_id": named})
    _current.set(made)
    return made
