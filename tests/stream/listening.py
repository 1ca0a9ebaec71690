"""What is logged while a test listens, as a role's JSON lines have it."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import orjson

from trailhouse.stream.logs import JsonLines


class _Ear(logging.Handler):
    def __init__(self, heard: list[dict[str, Any]]) -> None:
        super().__init__()
        self._heard = heard
        self.setFormatter(JsonLines("test"))

    def emit(self, record: logging.LogRecord) -> None:
        self._heard.append(orjson.loads(self.format(record)))


@contextmanager
def listening() -> Iterator[list[dict[str, Any]]]:
    """Every line from now on; written by whichever thread says it."""
    heard: list[dict[str, Any]] = []
    ear = _Ear(heard)
    logging.getLogger().addHandler(ear)
    try:
        yield heard
    finally:
        logging.getLogger().removeHandler(ear)
