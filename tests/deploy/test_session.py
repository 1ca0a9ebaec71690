"""What commands about people's data start from."""

from __future__ import annotations

from pathlib import Path

import pytest

from trailhouse.deploy.credentials import load_credentials
from trailhouse.deploy.errors import DeployError
from trailhouse.deploy.folder import StackFolder
from trailhouse.deploy.session import pepper_of, shown_ref
from trailhouse.deploy.stack import Stack
from trailhouse.producers.settings import KafkaSettings


def test_the_pepper_is_the_streams(tmp_path: Path) -> None:
    """That of the state folder, whatever the environment says; else the environment's; without either, an error."""
    folder = StackFolder.at(tmp_path)
    kept = load_credentials(folder.credentials).pepper.reveal().encode()
    other = {"TRAILHOUSE_PEPPER": "another pepper of old"}
    assert pepper_of(Stack(KafkaSettings(), {}, folder), other) == kept
    assert pepper_of(Stack(KafkaSettings(), {}), other) == b"another pepper of old"
    with pytest.raises(DeployError, match="pepper"):
        pepper_of(Stack(KafkaSettings(), {}), {})


def test_a_ref_is_shown_as_reports_show_it() -> None:
    """`u_` and sixteen hex digits."""
    assert shown_ref(255) == "u_00000000000000ff"
