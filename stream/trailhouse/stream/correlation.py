"""What a line of the log belongs to: the id of a request, or the name of a batch, for whatever is done on its behalf.

It follows the work into tasks and into threads that copy their context, as `asyncio.to_thread` does; who starts a thread
otherwise starts it with `contextvars.copy_context().run`.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Final

#: A batch of many partitions is known by the first of them.
NAMED_MAX: Final = 16
_current: ContextVar[str] = ContextVar("trailhouse_correlation", default="")


def current() -> str:
    """The id that holds here; empty where there is none."""
    return _current.get()


def begin(name: str) -> None:
    """From here on, to the end of this task or thread, everything belongs to `name`."""
    _current.set(name)


@contextmanager
def about(name: str) -> Iterator[None]:
    """What is done inside belongs to `name`."""
    token = _current.set(name)
    try:
        yield
    finally:
        _current.reset(token)


def fresh(kind: str) -> str:
    """A name for what has none of its own: `kind`, a slash and 12 hex digits that nothing else has."""
    return f"{kind}/{uuid.uuid4().hex[:12]}"


def name_of(stretches: Iterable[tuple[str, int, int, int]]) -> str:
    """`epoch/partition/first-last` of each stretch (epoch, partition, first and last offset), in the order given.

    `epoch` is the id of the raw topic, so that a name stays true when a topic is made anew.
    """
    names = [f"{epoch}/{partition}/{first}-{last}" for epoch, partition, first, last in stretches]
    rest = len(names) - NAMED_MAX
    return " ".join(names[:NAMED_MAX]) + (f" and {rest} more" if rest > 0 else "")
