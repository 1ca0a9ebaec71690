"""What a stack remembers between two starts: its ports, and which process supervises it."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Final

from trailhouse.deploy.errors import DeployError, PortTaken
from trailhouse.deploy.ports import free_ports, is_free

ROLES: Final = ("kafka", "controller", "clickhouse", "api", "stream", "sink", "alerts")
# Roles that folders of earlier versions have no port for; the next start chooses one.
LATER: Final = ("alerts",)
# Where one expects these services; stream, sink and alerts serve /metrics only.
WELL_KNOWN: Final[Mapping[str, int]] = {
    "kafka": 9092,
    "controller": 9093,
    "clickhouse": 8123,
    "api": 8080,
    "stream": 9101,
    "sink": 9102,
    "alerts": 9103,
}
#: Of roles that not every stack has.
OPTIONAL: Final[Mapping[str, int]] = {"archive": 9104}


@dataclass(frozen=True, slots=True)
class StackState:
    """Ports by role, how they are chosen ("auto" or "default"), and the topics' partitions."""

    ports: Mapping[str, int] = field(default_factory=dict)
    choice: str = "default"
    partitions: int = 4


def load_state(path: Path) -> StackState | None:
    """The state in `path`; None when there is none. Raises `DeployError` for a file that is not ours."""
    try:
        kept = json.loads(path.read_text())
        return StackState(
            {
                role: int(kept["ports"][role])
                for role in (*ROLES, *OPTIONAL)
                if role in kept["ports"] or role not in (*LATER, *OPTIONAL)
            },
            str(kept["choice"]),
            int(kept["partitions"]),
        )
    except FileNotFoundError:
        return None
    except (ValueError, KeyError, TypeError) as error:
        raise DeployError(
            f"{path} is not a stack's state", cause=f"{type(error).__name__}: {error}", hint=f"remove {path}"
        ) from None


def save_state(path: Path, state: StackState) -> None:
    """Write the state; a reader sees the old or the new one, never half of it."""
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    draft.write_text(json.dumps(asdict(state), indent=2))
    draft.replace(path)


def choose_ports(choice: str, kept: Mapping[str, int], more: Sequence[str] = ()) -> dict[str, int]:
    """The port of every role. "default": the well-known ones, `PortTaken` if one is in use; "auto": those of the last
    start where they are free, else any free ones. `more` are roles besides those every stack has.
    """
    roles = (*ROLES, *more)
    if choice == "default":
        known = {role: port for role, port in {**WELL_KNOWN, **OPTIONAL}.items() if role in roles}
        for role, port in known.items():
            if not is_free(port):
                raise PortTaken(role, port)
        return known
    ports = {role: kept[role] for role in roles if role in kept and is_free(kept[role])}
    missing = [role for role in roles if role not in ports]
    return ports | dict(zip(missing, free_ports(len(missing), besides=ports.values()), strict=True))
