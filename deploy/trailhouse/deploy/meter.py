"""Progress of long work: a bar with rate and time left on a terminal, silence anywhere else."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from types import TracebackType
from typing import TYPE_CHECKING, Any, Final, Self, TextIO

if TYPE_CHECKING:
    from rich.progress import TaskID

MARKUP_OPEN: Final = "["


class Meter:
    """A bar per piece of work on stderr; `note` prints a line beside the bars, or plainly off a terminal."""

    def __init__(self, stream: TextIO | None = None, environ: Mapping[str, str] | None = None) -> None:
        self._stream = stream or sys.stderr
        self._progress: Any = _bars(self._stream, environ or {}) if self._stream.isatty() else None
        self._task: TaskID | None = None

    def begin(self, name: str, total: int | None, noun: str) -> None:
        """Start a bar of `total` steps (None = unknown); `noun` is what its rate counts."""
        if self._progress is not None:
            self._task = self._progress.add_task(_plain(name), total=total, rate="", noun=noun, count=0)

    def show(self, done: int, count: int) -> None:
        """Move the current bar to `done` steps; `count` of its noun were dealt with so far."""
        if self._progress is not None and self._task is not None:
            self._progress.update(self._task, completed=done, count=count)

    def resize(self, total: int) -> None:
        """The current bar's length became known, or changed."""
        if self._progress is not None and self._task is not None:
            self._progress.update(self._task, total=total)

    def end(self) -> None:
        """The current bar is full."""
        if self._progress is not None and self._task is not None:
            task = self._progress.tasks[self._task]
            self._progress.update(self._task, total=task.completed, completed=task.completed)

    def note(self, text: str) -> None:
        if self._progress is not None:
            self._progress.console.print(text, markup=False, highlight=False, soft_wrap=True)
        else:
            print(text, file=self._stream, flush=True)

    def __enter__(self) -> Self:
        if self._progress is not None:
            self._progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._progress is not None:
            self._progress.stop()


def _bars(stream: TextIO, environ: Mapping[str, str]) -> Any:
    from rich.console import Console  # noqa: PLC0415  rich takes longer to load than many imports to run
    from rich.progress import (
        BarColumn,
        Progress,
        ProgressColumn,
        Task,
        TaskProgressColumn,
        TextColumn,
        TimeRemainingColumn,
    )  # noqa: PLC0415
    from rich.text import Text  # noqa: PLC0415

    class Rate(ProgressColumn):
        def render(self, task: Task) -> Text:
            return Text(rate_of(task.fields["count"], task.elapsed or 0, task.fields["noun"]))

    console = Console(file=stream, no_color=bool(environ.get("NO_COLOR")) or None, force_terminal=True)
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        TaskProgressColumn(),
        Rate(),
        TimeRemainingColumn(),
        console=console,
    )


def rate_of(count: int, seconds: float, noun: str) -> str:
    """`12,345 events · 4,115/s`; no rate before there is one."""
    return f"{count:,} {noun}" + (f" · {count / seconds:,.0f}/s" if seconds > 0.5 else "")


def _plain(text: str) -> str:
    """A file's name is not markup."""
    return text.replace(MARKUP_OPEN, "\\" + MARKUP_OPEN)
