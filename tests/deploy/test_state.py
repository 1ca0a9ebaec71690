"""What a stack remembers, and how its ports are chosen."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from trailhouse.deploy import state as module
from trailhouse.deploy.errors import DeployError, PortTaken
from trailhouse.deploy.ports import LOOPBACK, free_ports
from trailhouse.deploy.state import ROLES, WELL_KNOWN, StackState, choose_ports, load_state, save_state


def test_state_survives(tmp_path: Path) -> None:
    """What is saved is what is loaded; nothing saved is no state."""
    file = tmp_path / "state.json"
    assert load_state(file) is None
    state = StackState(dict.fromkeys(ROLES, 7), "auto", 9)
    save_state(file, state)
    assert load_state(file) == state
    assert [each.name for each in tmp_path.iterdir()] == ["state.json"]


@pytest.mark.parametrize(
    "text", ["", "[]", '{"ports": {}}', '{"ports": {"kafka": "x"}, "choice": "auto", "partitions": 4}']
)
def test_a_damaged_state_is_named(tmp_path: Path, text: str) -> None:
    """A file that is not ours is an error that names it."""
    file = tmp_path / "state.json"
    file.write_text(text)
    with pytest.raises(DeployError, match=r"state\.json is not a stack's state"):
        load_state(file)


def test_ports_are_kept_where_they_are_free() -> None:
    """A restart keeps its ports, save one that somebody took meanwhile."""
    kept: dict[str, int] = dict(zip(ROLES, free_ports(len(ROLES)), strict=True))
    with socket.create_server((LOOPBACK, kept["api"])):
        ports = choose_ports("auto", kept)
    assert {role for role in ROLES if ports[role] != kept[role]} == {"api"}
    assert len(set(ports.values())) == len(ROLES)


def test_a_taken_well_known_port_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """The message names port and role, and the option that helps."""
    monkeypatch.setattr(module, "is_free", lambda port: port != WELL_KNOWN["clickhouse"])
    with pytest.raises(PortTaken, match="port 8123 for clickhouse is taken") as caught:
        choose_ports("default", {})
    assert "--ports auto" in caught.value.hint
    monkeypatch.setattr(module, "is_free", lambda _port: True)
    assert choose_ports("default", {"kafka": 1}) == WELL_KNOWN


def test_roles_not_every_stack_has_get_ports_when_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And a state that knows one is as good as one that does not."""
    assert set(choose_ports("auto", {}, ["archive"])) == {*ROLES, "archive"}
    monkeypatch.setattr(module, "is_free", lambda _port: True)
    assert choose_ports("default", {}, ["archive"])["archive"] == 9104
    state = StackState({**dict.fromkeys(ROLES, 7), "archive": 8}, "auto", 4)
    save_state(tmp_path / "state.json", state)
    assert load_state(tmp_path / "state.json") == state
