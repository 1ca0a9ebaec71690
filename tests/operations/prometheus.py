"""A real Prometheus, the machine's own (Debian's package `prometheus`), over the configuration that is in `deploy/`."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from trailhouse.deploy.ports import LOOPBACK, free_ports

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "deploy" / "prometheus"
MISSING = "no Prometheus on this machine: apt install prometheus"
READY_S = 60.0


def tool(name: str) -> str:
    """The path of `prometheus` or `promtool`; without it the test is skipped, and fails where `CI` is set."""
    path = shutil.which(name)
    if path is None:
        if os.environ.get("CI"):
            pytest.fail(MISSING)
        pytest.skip(MISSING)
    return path


class Prometheus:
    """One that runs; `query` is its API's."""

    def __init__(self, url: str) -> None:
        self.url = url

    def get(self, path: str, **parameters: str) -> Any:
        answer = httpx.get(f"{self.url}/api/v1/{path}", params=parameters, timeout=30)
        body = answer.json()
        assert body["status"] == "success", body
        return body["data"]

    def query(self, expression: str) -> list[dict[str, Any]]:
        """The series an expression has now."""
        found: list[dict[str, Any]] = self.get("query", query=expression)["result"]
        return found

    def wait_for(self, expression: str, timeout_s: float = READY_S) -> list[dict[str, Any]]:
        """Its series, as soon as there are any."""
        deadline = time.monotonic() + timeout_s
        while not (found := self.query(expression)):
            assert time.monotonic() < deadline, f"{expression} has no series"
            time.sleep(0.2)
        return found


@contextmanager
def running(folder: Path, targets: Mapping[str, str], interval: str = "1s") -> Iterator[Prometheus]:
    """Our configuration in `folder`, faster, with `targets` (role -> host:port); ended also when the test fails."""
    shutil.copytree(FOLDER, folder, dirs_exist_ok=True)
    config = yaml.safe_load((folder / "prometheus.yml").read_text())
    config["global"] |= {"scrape_interval": interval, "evaluation_interval": interval}
    (folder / "prometheus.yml").write_text(yaml.safe_dump(config))
    for file in (folder / "targets").iterdir():
        file.unlink()
    groups = [{"targets": [address], "labels": {"role": role}} for role, address in targets.items()]
    (folder / "targets" / "test.yml").write_text(yaml.safe_dump(groups))
    (port,) = free_ports(1)
    with (folder / "prometheus.log").open("wb") as log:
        process = subprocess.Popen(
            [
                tool("prometheus"),
                f"--config.file={folder}/prometheus.yml",
                f"--storage.tsdb.path={folder}/data",
                f"--web.listen-address={LOOPBACK}:{port}",
                "--log.level=warn",
            ],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
        )
    try:
        server = Prometheus(f"http://{LOOPBACK}:{port}")
        _wait(server, process, folder / "prometheus.log")
        yield server
    finally:
        process.terminate()
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _wait(server: Prometheus, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + READY_S
    while True:
        assert process.poll() is None, log.read_text()
        try:
            if httpx.get(f"{server.url}/-/ready", timeout=2).status_code == 200:
                return
        except httpx.HTTPError:
            pass
        assert time.monotonic() < deadline, log.read_text()
        time.sleep(0.1)
