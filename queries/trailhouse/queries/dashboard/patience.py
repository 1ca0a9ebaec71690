"""Waiting for what may hang, and no longer than a person waits for a page."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future
from contextvars import copy_context
from typing import TypeVar

Found = TypeVar("Found")


def within(seconds: float, ask: Callable[[], Found]) -> Found:
    """What `ask` gives; raises `TimeoutError` when that takes longer, and what `ask` raises.

    It goes on in a thread of its own, which holds up nothing: drivers end by themselves.
    """
    answer: Future[Found] = Future()

    def run() -> None:
        try:
            found = ask()
        except BaseException as error:
            answer.set_exception(error)
        else:
            answer.set_result(found)

    threading.Thread(target=copy_context().run, args=(run,), name="patience", daemon=True).start()
    return answer.result(seconds)
