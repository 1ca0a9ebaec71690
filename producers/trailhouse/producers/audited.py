"""A decorator that writes one event for each call of a function: how it ended."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Mapping
from typing import Any, ParamSpec, TypeVar, cast

from trailhouse.producers.errors import AuditError
from trailhouse.producers.field import Outcome

P = ParamSpec("P")
R = TypeVar("R")


def audited_by(
    emit: Callable[..., str],
    action: str,
    fields: Mapping[str, Any],
    describe: Callable[..., Mapping[str, Any]] | None,
) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Decorate a function or coroutine function; `describe` gets its arguments and returns further fields.

    A call that returns is `outcome=success`. One that raises is `outcome=failure` with `attributes.error` (the type's
    name), and its exception goes on unchanged; when that event cannot be accepted, the exception gets a note. When the
    event of a success cannot be accepted, the call raises what `emit` raises.
    """

    def told(args: tuple[Any, ...], kwargs: dict[str, Any]) -> dict[str, Any]:
        return {**fields, **(describe(*args, **kwargs) if describe else {})}

    def failed(event: dict[str, Any], error: BaseException) -> None:
        attributes = {**(event.get("attributes") or {}), "error": type(error).__name__}
        try:
            emit(action, **{**event, "outcome": Outcome.FAILURE.value, "attributes": attributes})
        except AuditError as trouble:
            error.add_note(f"its audit event {action} was not accepted: {trouble}")

    def succeeded(event: dict[str, Any]) -> None:
        emit(action, **{**event, "outcome": Outcome.SUCCESS.value})

    def decorate(function: Callable[P, R]) -> Callable[P, R]:
        if inspect.isgeneratorfunction(function) or inspect.isasyncgenfunction(function):
            raise TypeError(f"{function.__qualname__} is a generator: emit where its work is done")

        if inspect.iscoroutinefunction(function):

            @functools.wraps(function)
            async def call_async(*args: Any, **kwargs: Any) -> Any:
                event = told(args, kwargs)
                try:
                    result = await function(*args, **kwargs)
                except BaseException as error:
                    failed(event, error)
                    raise
                succeeded(event)
                return result

            return cast("Callable[P, R]", call_async)

        @functools.wraps(function)
        def call(*args: P.args, **kwargs: P.kwargs) -> R:
            event = told(args, kwargs)
            try:
                result = function(*args, **kwargs)
            except BaseException as error:
                failed(event, error)
                raise
            succeeded(event)
            return result

        return call

    return decorate
