"""A stand-in for a function of the standard library that only the test's own thread meets.

The servers of session fixtures run in threads of the same process: a clock that raises, or stands still, would end them.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import ModuleType

    import pytest


def stand_in(patch: pytest.MonkeyPatch, module: ModuleType, name: str, instead: Callable[..., Any]) -> None:
    """Let `instead` answer for `module.name` where this thread calls it, until `patch` is undone."""
    real, here = getattr(module, name), threading.get_ident()

    def answered(*args: Any) -> Any:
        return (instead if threading.get_ident() == here else real)(*args)

    patch.setattr(module, name, answered)
