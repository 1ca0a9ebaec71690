"""The page about Kubernetes, followed line by line: secrets, addresses, rules."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml
from tests.images.files import DEPLOY
from tests.images.manifests import HOME, of_kind, pods, render

pytestmark = pytest.mark.skipif(
    shutil.which("kubectl") is None and not os.environ.get("CI"), reason="kubectl renders the manifests"
)


def walk_through() -> list[str]:
    """The commands that the page about Kubernetes has, line by line."""
    page = (DEPLOY.parent / "docs/operations/kubernetes.md").read_text()
    blocks: list[str] = re.findall(r"```bash\n(.*?)```", page, re.DOTALL)
    return "\n".join(blocks).splitlines()


def test_the_page_makes_every_secret_that_is_asked_for() -> None:
    """Each key that a pod of the base mounts is a file that a line makes, and nothing else is there to be made."""
    made = {line.rpartition("> secrets/")[2] for line in walk_through() if "> secrets/" in line}
    asked = {
        item["key"]
        for _, template in pods(render("base"))
        for volume in template["spec"]["volumes"]
        for item in volume.get("secret", {}).get("items", [])
    }
    assert made == asked


def test_what_small_leaves_to_its_owner_fits(tmp_path: Path) -> None:
    """Uncommented, its lines are an overlay whose addresses and image reach every role."""
    shutil.copytree(HOME, tmp_path / "kubernetes")
    file = tmp_path / "kubernetes/overlays/small/kustomization.yaml"
    file.write_text(re.sub(r"^#(?=\S|  )", "", file.read_text(), flags=re.MULTILINE))
    objects = render(str(file.parent))
    found = dict(pods(objects))
    assert "commands" in found
    for template in found.values():
        (container,) = template["spec"]["containers"]
        assert container["image"].startswith("registry.example/trailhouse:")
    maps = of_kind(objects, "ConfigMap")
    told = {key: value for each in maps.values() for key, value in each["data"].items()}
    base = {
        key
        for each in of_kind(render("base"), "ConfigMap").values()
        for key, value in each["data"].items()
        if re.search(r"kafka\.svc|clickhouse\.svc", value)
    }
    # The archive is in none of them.
    assert {key for key in base if ".example" not in told[key]} == {"archive"}


def test_the_operator_gets_our_rules() -> None:
    """What the page pipes into kubectl is an object with every rule of the files."""
    lines = [line for line in walk_through() if "PrometheusRule" in line]
    files = ("recording", "alerts")
    assert len(lines) == len(files)
    for line, name in zip(lines, files, strict=True):
        command, _, rest = line.rpartition(" | ")
        assert rest == "kubectl --namespace trailhouse apply --filename -"
        text = subprocess.run(
            ["sh", "-c", command], cwd=DEPLOY.parent, capture_output=True, text=True, check=True, timeout=60
        ).stdout
        made, rules = (
            yaml.safe_load(each) for each in (text, (DEPLOY / f"prometheus/rules/{name}.yml").read_text())
        )
        assert made["kind"] == "PrometheusRule"
        assert made["spec"] == rules
