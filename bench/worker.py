"""The stream worker beside its peers: each reads the same kind of topic from its start and writes to one of its own."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from bench.peers import PeerMissing, python_of
from bench.process import ROOT, running
from bench.stage import Raw, RunFailed, Stage, follow
from bench.topics import scan


@dataclass(frozen=True, slots=True)
class Contender:
    """Who runs, with which interpreter, and over how many of the events (a slow one gets fewer, and the same minutes)."""

    name: str
    script: str
    python: Callable[[], str]
    share: float = 1.0
    arguments: tuple[str, ...] = ()


OURS = "Trailhouse stream worker"
QUIX = "quixstreams 3.28"
CLASSIC = "classic Faust agent"
TUNED = "classic Faust agent, tuned producer"
FASTSTREAM = "FastStream 0.7 (confluent), batches"
ARROYO = "sentry-arroyo 2.48"
BYTEWAX = "bytewax 0.21"
PATHWAY = "Pathway 0.33"
CONTENDERS = (
    Contender(OURS, "bench/contenders/stream_worker.py", lambda: sys.executable),
    Contender(QUIX, "bench/peers/quix/agent.py", lambda: python_of("quix")),
    Contender(FASTSTREAM, "bench/peers/faststream/agent.py", lambda: python_of("faststream"), share=0.4),
    Contender(ARROYO, "bench/peers/arroyo/agent.py", lambda: python_of("arroyo"), share=0.4),
    Contender(BYTEWAX, "bench/peers/bytewax/agent.py", lambda: python_of("bytewax"), share=0.4),
    Contender(PATHWAY, "bench/peers/pathway/agent.py", lambda: python_of("pathway"), share=0.4),
    Contender(CLASSIC, "bench/peers/faust_classic/agent.py", lambda: python_of("faust_classic"), share=0.05),
    Contender(
        TUNED,
        "bench/peers/faust_classic/agent.py",
        lambda: python_of("faust_classic"),
        share=0.05,
        arguments=("tuned",),
    ),
)


def compare(
    stage: Stage, count: int, runs: int, say: Callable[[str], None], names: Sequence[str] = ()
) -> list[dict[str, Any]]:
    """One row per contender and run, interleaved; a run that failed its check has a `void` text and no figures."""
    chosen = [each for each in CONTENDERS if not names or any(name in each.name for name in names)]
    interpreters: dict[str, str] = {}
    rows: list[dict[str, Any]] = []
    for each in chosen:
        try:
            interpreters[each.name] = each.python()
        except PeerMissing as error:
            rows.append({"contender": each.name, "missing": str(error)})
            say(f"  {each.name:40} cannot be installed: {error}")
    chosen = [each for each in chosen if each.name in interpreters]
    raws: dict[float, Raw] = {}
    for share in {each.share for each in chosen}:
        raws[share] = stage.fill(int(count * share))
    users: dict[float, int] = {}
    for run in range(runs):
        turn = run % max(1, len(chosen))
        for each in (*chosen[turn:], *chosen[:turn]):
            row = measure(stage, each, interpreters[each.name], raws[each.share], users)
            rows.append({"contender": each.name, "run": run + 1, **row})
            say(
                f"  {each.name:40} {row.get('rate', 0):10,.0f} events/s  {row.get('cpu_s_per_million', 0):6.1f} CPU s/M"
            )
    return rows


def measure(
    stage: Stage, contender: Contender, python: str, raw: Raw, users: dict[float, int]
) -> dict[str, Any]:
    """One run. `users` remembers the distinct users of a topic: every contender must find as many."""
    wiring = stage.wire(raw)
    argv = [python, str(ROOT / contender.script), wiring.to_argument(), *contender.arguments]
    try:
        with running(argv, stage.folder / f"{wiring.group}.log") as process:
            usage = follow(process, stage, wiring.enriched, raw.count)
    except RunFailed as error:
        return {"void": str(error)}
    output = scan(stage.bootstrap, wiring.enriched, raw.count)
    wanted = (raw.count, raw.rejects, users.setdefault(contender.share, output.users))
    found = (output.records, output.rejected, output.users)
    if found != wanted:
        return {"void": f"wrote (records, rejected, users) {found}, wanted {wanted}"}
    rate = raw.count / usage.elapsed_s if usage.is_whole else output.rate
    return {"events": raw.count, "users": output.users, "rate": rate, **asdict(usage)}
