"""The command lines of the image, with the settings of compose.yaml, as nobody in particular, on real parts.

What a container would add and this cannot: a read-only root (the user here may write nowhere else either), dropped
capabilities (this user has none), and the other images of the file.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from tests.images.files import compose, env_example, image_environ, instructions
from tests.roles import PATIENCE

from trailhouse.deploy.clickhouse import LocalClickHouse
from trailhouse.deploy.kafka import LocalKafka
from trailhouse.deploy.ports import free_ports
from trailhouse.deploy.programs import ARCHIVE, WORKERS
from trailhouse.producers.settings import KafkaSettings
from trailhouse.sinks.clickhouse import connect
from trailhouse.sinks.settings import ClickHouseSettings

NOBODY = 10001
BIN = Path(sys.executable).parent


@dataclass
class Host:
    """What a Docker host would be: a network, secrets, volumes; `processes` are ended whatever happens."""

    kafka: KafkaSettings
    clickhouse: LocalClickHouse
    folder: Path
    topics: dict[str, str]
    processes: list[subprocess.Popen[bytes]] = field(default_factory=list)

    def environ(self, service: dict[str, Any]) -> dict[str, str]:
        """Image and file together; addresses, ports and folders are those of here."""
        metrics, api = free_ports(2)
        found: dict[str, str] = image_environ() | service["environment"] | self.topics
        found["PATH"] = f"{BIN}:{os.environ['PATH']}"
        found["TRAILHOUSE_KAFKA_BOOTSTRAP"] = self.kafka.bootstrap
        found |= {"TRAILHOUSE_METRICS_PORT": str(metrics), "TRAILHOUSE_API_PORT": str(api)}
        for key, value in list(found.items()):
            if value.startswith("/run/secrets/"):
                found[key] = str(self.secret(Path(value).name))
            elif value.startswith("/var/lib/trailhouse"):
                found[key] = value.replace("/var/lib/trailhouse", str(self.folder / "volume"))
            elif value.startswith("http://") and "@clickhouse:8123" in value:
                found[key] = value.replace("clickhouse:8123", self.clickhouse.url.removeprefix("http://"))
        return found

    def secret(self, name: str) -> Path:
        """A file as `secrets.sh` makes it; ClickHouse's are the local engine's."""
        path = self.folder / name
        text = "f" * 64
        if name in {"smtp_password", "oidc_client_secret", "archive_signing_key", "archive_public_key"}:
            text = ""
        elif name.startswith("clickhouse_"):
            user = name.split("_")[1]
            text = self.clickhouse.dsn(user).reveal()
            if not name.endswith("_dsn"):
                text = ClickHouseSettings.from_env({"TRAILHOUSE_CLICKHOUSE_DSN": text}).password.reveal()
        elif name == "archive_options":
            text = "{}"
        path.write_text(text + "\n")
        path.chmod(0o444)
        return path

    def start(self, words: Sequence[str], environ: dict[str, str], log: Path) -> subprocess.Popen[bytes]:
        with log.open("ab") as said:
            process = subprocess.Popen(
                [*as_nobody(), *words],
                env=environ,
                stdin=subprocess.DEVNULL,
                stdout=said,
                stderr=said,
                cwd=self.folder / "volume",
                start_new_session=True,
            )
        self.processes.append(process)
        return process


def as_nobody() -> list[str]:
    """What makes a command of root one of the image's user, who may write nowhere but into the volume.

    One capability stays, to read: the Python of these tests may lie in root's home, where nobody else may look.
    """
    if os.geteuid() != 0:
        return []
    reads = "+dac_read_search"
    return [
        *("setpriv", "--reuid", str(NOBODY), "--regid", str(NOBODY), "--clear-groups", "--no-new-privs"),
        *(f"--inh-caps={reads}", f"--ambient-caps={reads}", f"--bounding-set=-all,{reads}"),
    ]


@contextmanager
def one_folder() -> Iterator[Path]:
    """A folder that another user may enter, which pytest's own are not; its `volume` is theirs."""
    folder = Path(tempfile.mkdtemp(prefix="trailhouse-image-"))
    try:
        folder.chmod(0o755)
        (folder / "volume").mkdir(mode=0o700)
        if os.geteuid() == 0:
            os.chown(folder / "volume", NOBODY, NOBODY)
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def host(
    kafka_broker: LocalKafka, kafka_settings: KafkaSettings, tmp_path: Path, is_containers: bool
) -> Iterator[Host]:
    if is_containers:
        pytest.skip("the identities are the embedded engine's")
    topics = {
        "TRAILHOUSE_TOPIC_RAW": kafka_settings.raw_topic,
        "TRAILHOUSE_TOPIC_ENRICHED": kafka_settings.enriched_topic,
        "TRAILHOUSE_TOPIC_REJECTED": kafka_settings.rejected_topic,
        "TRAILHOUSE_STREAM_GROUP": f"{kafka_settings.raw_topic}-stream",
        "TRAILHOUSE_SINK_GROUP": f"{kafka_settings.raw_topic}-sink",
    }
    with LocalClickHouse(tmp_path / "clickhouse").running() as clickhouse, one_folder() as folder:
        # As CLICKHOUSE_DB has the server's image do.
        client = connect(ClickHouseSettings(dsn=clickhouse.dsn("admin", "default")))
        client.command("CREATE DATABASE trailhouse")
        client.close()
        found = Host(kafka_settings, clickhouse, folder, topics)
        try:
            yield found
        finally:
            for process in found.processes:
                if process.poll() is None:
                    process.kill()
                    process.wait()


def test_every_role_runs_as_the_files_say(host: Host, tmp_path: Path) -> None:
    """topics and migrate end well; every role becomes healthy by the image's own check, and stops when told."""
    text = dict(instructions())
    entry = json.loads(text["ENTRYPOINT"])
    check = json.loads(text["HEALTHCHECK"].partition("CMD ")[2])
    services = compose(env_example())["services"]
    for name in ("topics", "migrate"):
        log = tmp_path / f"{name}.log"
        process = host.start([*entry, *services[name]["command"]], host.environ(services[name]), log)
        assert process.wait(60 * PATIENCE) == 0, log.read_text()
    roles = {}
    for name in (*WORKERS, ARCHIVE):
        environ = host.environ(services[name])
        if name == ARCHIVE:
            environ["TRAILHOUSE_ARCHIVE_TARGET"] = str(host.folder / "volume/archive")
        roles[name] = (
            environ,
            host.start([*entry, *services[name]["command"]], environ, tmp_path / f"{name}.log"),
        )
    for name, (environ, process) in roles.items():
        deadline = time.monotonic() + 60 * PATIENCE
        while host.start(check, environ, tmp_path / "check.log").wait(30) != 0:
            said = (tmp_path / f"{name}.log").read_text()
            assert process.poll() is None, f"{name} ended with {process.returncode}\n{said}"
            assert time.monotonic() < deadline, f"{name} is not healthy\n{said}"
            time.sleep(0.3)
        if os.geteuid() == 0:
            assert os.stat(f"/proc/{process.pid}").st_uid == NOBODY  # noqa: PTH116 - no file
        said = (tmp_path / f"{name}.log").read_text()
        assert "f" * 64 not in said
    operator = services["trailhouse"]
    environ = host.environ(operator) | {"TRAILHOUSE_ARCHIVE_TARGET": str(host.folder / "volume/archive")}
    for command in ("doctor", "balance", "archive check"):
        log = tmp_path / f"{command}.log"
        process = host.start([*entry, *command.split()], environ, log)
        assert process.wait(60 * PATIENCE) == 0, log.read_text()
    for name, (environ, process) in roles.items():
        process.send_signal(getattr(signal, text["STOPSIGNAL"]))
        # uvicorn, once it has ended well, dies of the signal that asked for it.
        well = {0, -signal.SIGTERM} if name == "api" else {0}
        assert process.wait(30 * PATIENCE) in well, (tmp_path / f"{name}.log").read_text()
        assert host.start(check, environ, tmp_path / "check.log").wait(30) == 1
