"""Progress of long work: a bar with rate and time left on a terminal, silence anywhere else."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from types import TracebackType
from typing import TYPE_CHECKING, Any, Final, Self, TextIO

if TYPE_CHECKING:
    from rich import progress as bars  # noqa: PLC0415
    from rich.text import Text  # noqa: PLC0415

    class Rate(bars.ProgressColumn):
        def render(self, task: bars.Task) -> Text:
            return Text(rate_of(task.fields["count"], task.elapsed or 0, task.fields["noun"]))

    console = Console(file=stream, no_color=bool(environ.get("NO_COLOR")) or None, force_terminal=True)
    return bars.Progress(
        bars.TextColumn("{task.description}"),
        bars.BarColumn(),
        bars.TaskProgressColumn(),
        Rate(),
        bars.TimeRemainingColumn(),
        console=console,
    )


def rate_of(count: int, seconds: float, noun: str) -> str:
    """`12,345 events · 4,115/s`; no rate before there is one."""
    return f"{count:,} {noun}" + (f" · {count / seconds:,.0f}/s" if seconds > 0.5 else "")


def _plain(text: str) -> str:
    """A file's name is not markup."""
    return text.replace(MARKUP_OPEN, "\\" + MARKUP_OPEN)
