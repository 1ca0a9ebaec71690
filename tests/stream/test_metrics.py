"""`metrics` of the stream worker: names that dashboards rely on, and the endpoint that serves them."""

from __future__ import annotations

import socket
import urllib.error
import urllib.request

import pytest
from prometheus_client import generate_latest

from trailhouse.stream import metrics as names
from trailhouse.stream.metrics import StreamMetrics, serve_metrics
from trailhouse.stream.settings import MetricsSettings


def free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port: int = taken.getsockname()[1]
        return port


def get(port: int, path: str, **headers: str) -> tuple[int, str]:
    request = urllib.request.Request(f"http://127.0.0.1:{port}{path}", headers=headers)
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode()


def test_the_names_are_these() -> None:
    """Dashboards and alerts are written against them."""
    metrics = StreamMetrics()
    metrics.records.labels("enriched").inc(3)
    metrics.rejected.labels("empty").inc()
    metrics.bundle_seconds.observe(0.5)
    metrics.lag.labels(0).set(7)
    metrics.newest.set(1.5)
    text = generate_latest(metrics.registry).decode()
    for line in (
        f'{names.RECORDS}_total{{outcome="enriched"}} 3.0',
        f'{names.REJECTED}_total{{reason="empty"}} 1.0',
        f"{names.BUNDLE_SECONDS}_sum 0.5",
        f'{names.LAG}{{partition="0"}} 7.0',
        f"{names.NEWEST} 1.5",
    ):
        assert line in text.splitlines()


def test_two_workers_in_one_process_do_not_share_metrics() -> None:
    """Each has a registry of its own."""
    first, second = StreamMetrics(), StreamMetrics()
    first.records.labels("enriched").inc()
    assert "enriched" not in generate_latest(second.registry).decode()


def test_metrics_and_health_are_served() -> None:
    """`/metrics` as Prometheus reads it, `/healthz` for whoever restarts processes, and a hint on anything else."""
    metrics, port, healthy = StreamMetrics(), free_port(), [True]
    metrics.newest.set(42)
    stop = serve_metrics(metrics.registry, MetricsSettings(port=port), lambda: healthy[0])
    try:
        assert f"{names.NEWEST} 42.0" in get(port, "/metrics")[1].splitlines()
        assert get(port, "/healthz") == (200, "ok\n")
        healthy[0] = False
        assert get(port, "/healthz") == (503, "not healthy\n")
        assert get(port, "/")[0] == 404
    finally:
        stop()
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        probe.bind(("127.0.0.1", port))  # nothing listens there any more


def test_a_foreign_host_is_refused_on_every_path() -> None:
    """A web page whose name was rebound to this machine learns nothing, not even whether the role is healthy."""
    port = free_port()
    settings = MetricsSettings(port=port, asked_as="metrics.example")
    stop = serve_metrics(StreamMetrics().registry, settings, lambda: True)
    try:
        for path in ("/metrics", "/healthz", "/"):
            status, text = get(port, path, Host="evil.example")
            assert status == 421
            assert "trailhouse_stream" not in text
        assert get(port, "/healthz", Host="metrics.example:1")[0] == 200
    finally:
        stop()


def test_port_0_serves_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """No thread, no socket."""
    monkeypatch.setattr(names, "make_server", pytest.fail)
    serve_metrics(StreamMetrics().registry, MetricsSettings(port=0), lambda: True)()
