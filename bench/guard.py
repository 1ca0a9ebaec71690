"""What must not be lost: ratios between contenders of one run, compared with those of the committed results. Pure.

Ratios only: absolute figures belong to a machine, and a slower one would fail for nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from bench.emitter import (
    CONFLUENT,
    EMITTER,
    IN_MEMORY,
    PLAIN,
    POSTHOG,
    QUEUE_FAST,
    QUEUE_SAFE,
    SPOOL_FAST,
    SPOOL_SAFE,
)
from bench.figures import ratio
from bench.path import PASS_THROUGH, PATH, QUIX_PATH
from bench.sink import INFILE, SINK
from bench.worker import ARROYO, BYTEWAX, CLASSIC, FASTSTREAM, OURS, PATHWAY, QUIX

LOSS_MAX: Final = 0.15
Rows = Sequence[Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class Guarded:
    """A ratio of two contenders of a part; `is_less` = the smaller, the better (times)."""

    part: str
    ours: str
    other: str
    key: str = "rate"
    is_less: bool = False

    @property
    def name(self) -> str:
        return f"{self.part}: {self.ours} against {self.other}, {self.key}"


GUARDED: Final = (
    *(Guarded("worker", OURS, each) for each in (QUIX, CLASSIC, FASTSTREAM, ARROYO, BYTEWAX, PATHWAY)),
    Guarded("sink", SINK, INFILE),
    Guarded("path", PATH, QUIX_PATH),
    Guarded("path", PATH, PASS_THROUGH),
    Guarded("emitter", EMITTER, PLAIN),
    Guarded("emitter", IN_MEMORY, PLAIN),
    Guarded("emitter", CONFLUENT, PLAIN),
    Guarded("emitter", EMITTER, POSTHOG, "p50_us", is_less=True),
    Guarded("emitter", SPOOL_SAFE, QUEUE_SAFE, "call_rate"),
    Guarded("emitter", SPOOL_FAST, QUEUE_FAST, "call_rate"),
)
PARTS: Final = tuple(dict.fromkeys(each.part for each in GUARDED))


@dataclass(frozen=True, slots=True)
class Verdict:
    """`lines` tell every ratio, `losses` those that fail, each with its name."""

    lines: tuple[str, ...]
    losses: tuple[str, ...]


def judge(
    committed: Mapping[str, Rows], measured: Mapping[str, Rows], guarded: Sequence[Guarded] = GUARDED
) -> Verdict:
    """Each guarded ratio as it was and as it is. A loss of more than `LOSS_MAX` fails, and so does a ratio that was there
    and could not be measured now; one that was never committed is told and fails nothing.
    """
    lines, losses = [], []
    for each in guarded:
        was, now = _ratio(committed, each), _ratio(measured, each)
        if was is None:
            lines.append(f"{each.name}: {_told(now)}, never committed, not guarded")
            continue
        if now is None:
            losses.append(f"{each.name}: was {was:.3g}, not measured now{_why(measured, each)}")
            continue
        change = (was / now if each.is_less else now / was) - 1
        line = f"{each.name}: was {was:.3g}, is {now:.3g} ({change:+.0%})"
        lines.append(line)
        if change < -LOSS_MAX:
            losses.append(f"{line}, at most {LOSS_MAX:.0%} may be lost")
    return Verdict(tuple(lines), tuple(losses))


def _ratio(results: Mapping[str, Rows], each: Guarded) -> float | None:
    return ratio(results.get(each.part, ()), each.ours, each.other, each.key)


def _told(value: float | None) -> str:
    return "not measured" if value is None else f"is {value:.3g}"


def _why(results: Mapping[str, Rows], each: Guarded) -> str:
    """What the runs said that have no figures."""
    said = [
        f"{row['contender']}: {str(row.get('void') or row.get('missing')).splitlines()[-1]}"
        for row in results.get(each.part, ())
        if row["contender"] in {each.ours, each.other} and ("void" in row or "missing" in row)
    ]
    return f" ({said[0]})" if said else ""
