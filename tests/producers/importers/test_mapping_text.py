from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from trailhouse.producers.importers.errors import BadMapping
from trailhouse.producers.importers.mapping import compile_mapping
from trailhouse.producers.importers.mapping_text import (
    MappingText,
    read_mapping_file,
    read_options,
    read_toml,
)

LATEST = datetime(2027, 1, 1, tzinfo=UTC)


def test_a_mapping_may_live_in_a_toml_file() -> None:
    """Tables map and set say the same as the options; a list holds alternatives."""
    text = read_toml(
        """
        time_format = "unix"
        [map]
        occurred_at = "ts"
        action = ["type", "kind"]
        attributes.page = "url"
        [set]
        org_id = "acme"
        response_code = 200
        """,
        "mapping.toml",
    )
    event = compile_mapping(text, LATEST).event(
        {"ts": 1769862896, "kind": "page:view", "url": "/"}, "log", 1, b""
    )
    assert event.to_dict() | {"event_id": ""} == {
        "event_id": "",
        "occurred_at": "2026-01-31T12:34:56.000Z",
        "org_id": "acme",
        "action": "page:view",
        "response_code": 200,
        "attributes": {"page": "/"},
    }


def test_the_command_line_wins_over_the_file() -> None:
    """What an option says about a field replaces all the file says about it."""
    file = MappingText(
        {"action": "type", "occurred_at": "ts"}, {"org_id": "file", "actor_role": "member"}, "unix"
    )
    laid = read_options(["actor_role=role"], ["action=review", "org_id=mine"]).over(file)
    assert laid == MappingText(
        {"actor_role": "role", "occurred_at": "ts"}, {"action": "review", "org_id": "mine"}, "unix"
    )


@pytest.mark.parametrize(
    "text", ["[map", "[mop]\na = 1", "[map]\naction = 1", "map = 1", '[map]\naction = ["a", 1]']
)
def test_a_broken_mapping_file_is_refused(text: str) -> None:
    """TOML errors and wrong shapes are told with the file's name."""
    with pytest.raises(BadMapping, match=r"mapping\.toml"):
        read_toml(text, "mapping.toml")


def test_a_mapping_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    """A missing file and one that is no text are mistakes of the mapping."""
    (tmp_path / "binary.toml").write_bytes(b"\xff\xfe")
    for name in ("missing.toml", "binary.toml"):
        with pytest.raises(BadMapping, match=name):
            read_mapping_file(tmp_path / name)
