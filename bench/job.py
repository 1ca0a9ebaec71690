"""What a contender of the emitter's tables is told, and how its calls are timed: nothing but the standard library in here,
because it runs in every peer's own environment.
"""

from __future__ import annotations

import json
import sys
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

SHARES = (50, 99, 99.9)


@dataclass(frozen=True, slots=True)
class Call:
    """One event as an application has it, and the bytes it becomes."""

    action: str
    org_id: str
    fields: dict[str, Any]
    value: str

    @property
    def person(self) -> str:
        """Who did it: a machine's id is one, too."""
        return f"{self.org_id}/{self.fields['actor_user_id']}"


@dataclass(frozen=True, slots=True)
class Job:
    """Passed to a contender as JSON in its first argument. `endpoint` is a server on loopback that takes what SDKs send."""

    calls: str
    folder: str
    bootstrap: str = ""
    topic: str = ""
    endpoint: str = ""
    level: str = "fast"
    threads: int = 1

    def to_argument(self) -> str:
        return json.dumps(asdict(self))


def read_job() -> Job:
    return Job(**json.loads(sys.argv[1]))


def write_calls(path: Path, calls: Iterable[Call]) -> None:
    with path.open("w") as file:
        for call in calls:
            file.write(json.dumps(asdict(call)) + "\n")


def read_calls(path: str) -> list[Call]:
    with Path(path).open() as file:
        return [Call(**json.loads(line)) for line in file]


def report(
    job: Job,
    emit: Callable[[Call], object],
    finish: Callable[[], object],
    found: Callable[[], Iterable[str]] | None = None,
    make: Callable[[Sequence[Call]], list[int]] | None = None,
) -> None:
    """Makes every call, waits in `finish` until all are delivered, and prints what that took as one JSON object.

    `found` gives the person of every event that arrived, where the contender alone can know. `make` makes the calls and
    gives their nanoseconds, sorted, where `emit` cannot be called like a function.
    """
    calls = read_calls(job.calls)
    cpu, started = time.process_time(), time.perf_counter()
    taken = make(calls) if make else _make(emit, calls, job.threads)
    called = time.perf_counter() - started
    finish()
    seconds, spent = time.perf_counter() - started, time.process_time() - cpu
    told: dict[str, Any] = {
        "seconds": seconds,
        "called_s": called,
        "cpu_s": spent,
        "rss_peak_mb": _rss_peak_mb(),
        **percentiles(taken),
    }
    if found is not None:
        persons = list(found())
        told |= {"found": len(persons), "persons": len(set(persons))}
    print(json.dumps(told), flush=True)


def percentiles(taken: Sequence[int]) -> dict[str, float]:
    """Microseconds of the call that so many per cent of them do not exceed; `taken` in nanoseconds, sorted."""
    last = len(taken) - 1
    return {f"p{share:g}_us": taken[min(last, int(len(taken) * share / 100))] / 1000 for share in SHARES}


def _rss_peak_mb() -> float:
    """Of this process alone: `getrusage` would also tell what it was forked from."""
    status = Path("/proc/self/status").read_text()
    return next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM")) * 1024 / 1e6


def _make(emit: Callable[[Call], object], calls: Sequence[Call], threads: int) -> list[int]:
    """Nanoseconds of each call, sorted; several threads share the calls."""
    taken: list[int] = []
    errors: list[BaseException] = []

    def work(share: Sequence[Call]) -> None:
        clock, times = time.perf_counter_ns, []
        try:
            for call in share:
                begun = clock()
                emit(call)
                times.append(clock() - begun)
        except BaseException as error:
            errors.append(error)
        taken.extend(times)

    if threads == 1:
        work(calls)
    else:
        workers = [threading.Thread(target=work, args=(calls[each::threads],)) for each in range(threads)]
        for each in workers:
            each.start()
        for each in workers:
            each.join()
    if errors:
        raise errors[0]
    return sorted(taken)
