"""The Kubernetes manifests as `kubectl kustomize` renders them."""

from __future__ import annotations

import functools
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml
from tests.images.files import DEPLOY

HOME = DEPLOY / "kubernetes"


@functools.cache
def render(folder: str) -> tuple[dict[str, Any], ...]:
    """The objects of a base or an overlay."""
    done = subprocess.run(
        ["kubectl", "kustomize", str(HOME / folder)], capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr
    assert not done.stderr, done.stderr  # warnings are of things that go away
    return tuple(each for each in yaml.safe_load_all(done.stdout) if each)


def of_kind(objects: tuple[dict[str, Any], ...], *kinds: str) -> dict[str, dict[str, Any]]:
    return {each["metadata"]["name"]: each for each in objects if each["kind"] in kinds}


def pods(objects: tuple[dict[str, Any], ...]) -> Iterator[tuple[str, dict[str, Any]]]:
    for name, each in of_kind(objects, "Deployment", "Job").items():
        yield name, each["spec"]["template"]


def onto_the_base(folder: Path, *components: str) -> tuple[dict[str, Any], ...]:
    """The objects of an overlay in `folder` that has the base and these components."""
    overlay = folder / "overlay"
    overlay.mkdir()
    shutil.copytree(HOME, folder / "kubernetes")
    named = ", ".join(f"../kubernetes/components/{each}" for each in components)
    (overlay / "kustomization.yaml").write_text(f"resources: [../kubernetes/base]\ncomponents: [{named}]\n")
    return render(str(overlay))
