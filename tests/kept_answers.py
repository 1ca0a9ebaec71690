"""Answers of the engine that are asked for once: what a test compares on many surfaces is one question to the engine.

Where a table has not changed, the same SQL with the same values, settings and rights has the same answer. So every line of
ours runs each time, and only the engine is not asked again. Whatever this process writes forgets what was kept; a test
whose data change in another process, or that is about the engine itself, does not use this.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Final
from unittest import mock

from clickhouse_connect.driver._backendclient import SyncBackendClient
from clickhouse_connect.driver.client import Client

from trailhouse.deploy.clickhouse.identities import DOOR

# Answers of another moment, or about the engine.
MOVING: Final = re.compile(
    r"\b(now|now64|today|yesterday|rand\w*|generate\w*|sleep\w*)\s*\(|\bsystem\.", re.IGNORECASE
)
READING: Final = re.compile(r"\s*(SELECT|WITH|SHOW|DESCRIBE|EXPLAIN|EXISTS)\b", re.IGNORECASE)
#: No view reads these: who lets somebody in changes no figure.
APART: Final = frozenset(DOOR)
READERS: Final = ((Client, "query"), (SyncBackendClient, "raw_query"))
WRITERS: Final = (
    (SyncBackendClient, "raw_insert"),
    (SyncBackendClient, "data_insert"),
    (SyncBackendClient, "command"),
)


@dataclass
class Kept:
    """What was answered; `is_used` = questions are answered from it. `asked` counts the questions that reached the engine."""

    is_used: bool = False
    answers: dict[tuple[str, ...], Any] = field(default_factory=dict)
    asked: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _writes: int = 0

    def answer(self, key: tuple[str, ...], ask: Callable[[], Any]) -> Any:
        if not self.is_used or MOVING.search(key[0]):
            return ask()
        with self._lock:
            if key in self.answers:
                return self.answers[key]
            writes, self.asked = self._writes, self.asked + 1
        found = ask()
        if not isinstance(found, bytes):
            _ = found.result_rows  # read to its end, by one thread
        with self._lock:
            if writes == self._writes:
                self.answers[key] = found
        return found

    def forget(self, table: str) -> None:
        """All that is kept, or, of a table that nothing else reads, what names it."""
        with self._lock:
            self._writes += 1
            self.answers = {
                key: answer
                for key, answer in self.answers.items()
                if table in APART and not re.search(rf"\b{table}\b", key[0])
            }


def _reading(kept: Kept, original: Any) -> Any:
    def read(client: Any, query: str = "", *args: Any, **more: Any) -> Any:
        # Where, with whose rights, with which settings of the client; one that is still connecting has not all of them.
        about = [getattr(client, name, None) for name in ("url", "headers", "database", "params")]
        key = (str(query), *map(repr, (*about, args, more)))
        return kept.answer(key, lambda: original(client, query, *args, **more))

    return read


def _writing(kept: Kept, original: Any, name: str) -> Any:
    def write(client: Any, about: Any, *args: Any, **more: Any) -> Any:
        if name == "command" and READING.match(str(about)):
            return original(client, about, *args, **more)
        table = str(about) if name == "raw_insert" else ""
        kept.forget(table)
        try:
            return original(client, about, *args, **more)
        finally:
            kept.forget(table)  # what was asked meanwhile may be of before

    return write


@contextmanager
def keeping() -> Iterator[Kept]:
    """Every client of this process keeps what it is answered, while `is_used` says so."""
    kept = Kept()
    patches = [
        mock.patch.object(owner, name, _reading(kept, getattr(owner, name))) for owner, name in READERS
    ]
    patches += [
        mock.patch.object(owner, name, _writing(kept, getattr(owner, name), name)) for owner, name in WRITERS
    ]
    for each in patches:
        each.start()
    try:
        yield kept
    finally:
        for each in patches:
            each.stop()
