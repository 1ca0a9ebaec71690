"""Who acts, for events emitted further down: fields bound to the current request, task or `with` block."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextvars import ContextVar, Token
from types import TracebackType
from typing import Any, Final, Self

from trailhouse.producers.event import check_fields_given

# The innermost scope's fields. The dict is shared on purpose with contexts copied from this one (worker threads of a
# framework, tasks): what a synchronous dependency binds in its thread is there for the handler.
_BOUND: Final[ContextVar[dict[str, Any] | None]] = ContextVar("trailhouse_bound", default=None)


bound_fields: Final[Callable[[], Mapping[str, Any] | None]] = _BOUND.get
"""The fields every event emitted here gets, unless it says otherwise; `org_id` may be among them."""


def bind(fields: Mapping[str, Any]) -> None:
    """Add fields to the innermost scope: the request's or the `with` block's. Raises `InvalidEvent`.

    Without any scope they hold for the rest of the current thread or task.
    """
    given = {name: value for name, value in fields.items() if value is not None}
    check_fields_given(given)
    if (bound := _BOUND.get()) is None:
        _BOUND.set(given)
    else:
        bound.update(given)


class Scope:
    """A `with` block, sync or async, in which `fields` are bound on top of the outer ones. Raises `InvalidEvent`."""

    def __init__(self, fields: Mapping[str, Any]) -> None:
        self._fields = {name: value for name, value in fields.items() if value is not None}
        check_fields_given(self._fields)
        self._entered: list[tuple[Token[dict[str, Any] | None], dict[str, Any] | None]] = []

    def __enter__(self) -> Self:
        outer = _BOUND.get()
        self._entered.append((_BOUND.set({**(outer or {}), **self._fields}), outer))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        token, outer = self._entered.pop()
        try:
            _BOUND.reset(token)
        except ValueError:
            # Left in another context than it was entered in, as a fixture or generator around `yield` may be.
            _BOUND.set(outer)
