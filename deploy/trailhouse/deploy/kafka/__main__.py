"""`python -m trailhouse.deploy.kafka FOLDER PORT CONTROLLER_PORT`: format the folder if it is new, become the broker."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import NoReturn

from trailhouse.deploy.errors import DeployError
from trailhouse.deploy.kafka.jars import fetch_jars
from trailhouse.deploy.kafka.java import find_java
from trailhouse.deploy.kafka.properties import new_cluster_id, server_properties
from trailhouse.deploy.kafka.secure import SecureListeners
from trailhouse.deploy.runfile import record
from trailhouse.deploy.tether import die_with_parent


def main(folder: Path, port: int, controller_port: int) -> NoReturn:
    die_with_parent()
    record(os.environ)
    logs, settings = folder / "logs", folder / "server.properties"
    logs.mkdir(parents=True, exist_ok=True)
    settings.touch(mode=0o600)  # it may name users of the secure listeners, with their passwords
    settings.write_text(
        server_properties(logs.resolve(), port, controller_port, SecureListeners.load(folder))
    )
    java, classpath = str(find_java(os.environ)), f"{fetch_jars(os.environ)}/*"
    if not (logs / "meta.properties").exists():
        subprocess.run(
            [
                java,
                "-XX:+UseSerialGC",
                "-XX:TieredStopAtLevel=1",
                "-cp",
                classpath,
                "kafka.tools.StorageTool",
                "format",
                "-t",
                new_cluster_id(),
                "-c",
                str(settings),
            ],
            check=True,
        )
    quiet = ["-Dorg.slf4j.simpleLogger.defaultLogLevel=warn", "-Dorg.slf4j.simpleLogger.showDateTime=true"]
    os.execv(
        java,
        [
            java,
            "-Xmx512m",
            "-XX:+UseSerialGC",
            "-XX:TieredStopAtLevel=1",
            *quiet,
            "-cp",
            classpath,
            "kafka.Kafka",
            str(settings),
        ],
    )


if __name__ == "__main__":
    try:
        main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]))
    except DeployError as error:
        sys.exit(f"error: {error}")
