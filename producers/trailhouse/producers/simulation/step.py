"""Steps: events whose moment was planned, as opposed to daily work."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from trailhouse.producers.simulation.scene import Actor, Scene

Effect = Callable[[Scene], None]


@dataclass(frozen=True, slots=True)
class Step:
    """One planned event: `fields` beside the actor's own. `effect` changes the scene just before.

    `is_own`: does not take place while its actor is not in. `event_id` is given where it has to be known before.
    """

    action: str
    fields: dict[str, Any] = field(default_factory=dict)
    effect: Effect | None = None
    is_own: bool = False
    event_id: str = ""


class Planned(NamedTuple):
    """A step, its actor and its moment in milliseconds since 1970."""

    at: int
    actor: Actor
    step: Step
