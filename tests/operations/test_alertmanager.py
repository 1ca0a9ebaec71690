"""Alertmanager of the Compose file: alerts are shown, and reach Slack once there is a webhook."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml
from tests.images.files import DEPLOY, compose
from tests.queries.alerts.receivers import receiving, wait_for

from trailhouse.deploy.ports import LOOPBACK, free_ports

SERVICE: dict[str, Any] = compose()["services"]["alertmanager"]
SECRET = "/run/secrets/alertmanager_slack"
MISSING = "no Alertmanager on this machine: apt install prometheus-alertmanager"


def mounted() -> dict[str, Path]:
    """The files of this repository, by where the container has them."""
    pairs = [each.split(":")[:2] for each in SERVICE["volumes"] if each.startswith("./")]
    return {inside: DEPLOY / file for file, inside in pairs}


def configuration(folder: Path, webhook: str) -> tuple[Path, list[str]]:
    """What the service's own entry point runs with that secret: the configuration's file, and every argument."""
    secret = folder / "alertmanager_slack"
    secret.write_text(webhook)
    shell, option, script = SERVICE["entrypoint"]
    script = script.replace("$$", "$").replace(SECRET, str(secret)).replace("exec /bin/alertmanager", "echo")
    told = subprocess.run([shell, option, script], capture_output=True, text=True, check=True, timeout=20)
    arguments = told.stdout.split()
    return mounted()[arguments[0].removeprefix("--config.file=")], arguments


@pytest.mark.parametrize(("webhook", "receiver"), [("", "shown"), ("https://hooks.example.org/x\n", "slack")])
def test_who_is_told_follows_from_the_secret(tmp_path: Path, webhook: str, receiver: str) -> None:
    """Empty, as `secrets.sh` makes it, or with a webhook: each a file that is mounted, whose receiver is there."""
    file, _ = configuration(tmp_path, webhook)
    config = yaml.safe_load(file.read_text())
    assert config["route"]["receiver"] == receiver
    assert [each["name"] for each in config["receivers"]] == [receiver]
    told = [each["api_url_file"] for each in config["receivers"][0].get("slack_configs", [])]
    assert told == ([SECRET] if webhook else [])
    assert SERVICE["secrets"] == [Path(SECRET).name]
    assert "outside" in SERVICE["networks"]


def test_an_alert_reaches_slack(tmp_path: Path) -> None:
    """A real Alertmanager with the file's configuration posts to the webhook what fires, and with which page."""
    program = shutil.which("prometheus-alertmanager") or shutil.which("alertmanager")
    if program is None:
        pytest.skip(MISSING)
    (port,) = free_ports(1)
    url = f"http://{LOOPBACK}:{port}"
    with receiving() as slack:
        file, arguments = configuration(tmp_path, f"{slack.url}/services/T0/B0/hook\n")
        config = yaml.safe_load(file.read_text().replace(SECRET, str(tmp_path / "alertmanager_slack")))
        config["route"]["group_wait"] = "0s"
        (tmp_path / "alertmanager.yml").write_text(yaml.safe_dump(config))
        options = [each for each in arguments if not each.startswith(("--config.file", "--storage.path"))]
        assert options == []
        with (tmp_path / "log").open("wb") as log:
            process = subprocess.Popen(
                [
                    program,
                    f"--config.file={tmp_path}/alertmanager.yml",
                    f"--storage.path={tmp_path}/data",
                    f"--web.listen-address={LOOPBACK}:{port}",
                    "--cluster.listen-address=",
                ],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        try:
            wait_for(lambda: is_ready(process, url, tmp_path / "log"))
            labels = {"alertname": "TrailhouseRoleMissing", "role": "sink", "severity": "critical"}
            notes = {"summary": "no sink answers", "runbook_url": "docs/runbooks/TrailhouseRoleMissing.md"}
            posted = httpx.post(f"{url}/api/v2/alerts", json=[{"labels": labels, "annotations": notes}])
            assert posted.status_code == 200
            wait_for(lambda: slack.requests)
        finally:
            process.kill()
            process.wait()
    request = slack.requests[0]
    (shown,) = request.json["attachments"]
    assert (request.path, "channel" in request.json) == ("/services/T0/B0/hook", False)
    assert shown["title"] == "firing: TrailhouseRoleMissing"
    assert shown["text"].strip() == f"critical: {notes['summary']} ({notes['runbook_url']})"


def is_ready(process: subprocess.Popen[bytes], url: str, log: Path) -> bool:
    """Whether it answers; fails with its log when it has ended."""
    assert process.poll() is None, log.read_text()
    try:
        return httpx.get(f"{url}/-/ready", timeout=2).status_code == 200
    except httpx.HTTPError:
        return False
