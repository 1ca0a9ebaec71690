"""Progress of long work: a bar with rate and time left on a terminal, silence anywhere else."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from types import TracebackType
from typing import Any, Self, TextIO


class Meter:
    """A bar per piece of work on stderr; `note` prints a line beside the bars, or plainly off a terminal."""

    def __init__(self, stream: TextIO | None = None, environ: Mapping[str, str] | None = None) -> None:
        self._stream = stream or sys.stderr
        self._bars: Any = _bars(self._stream, environ or {}) if self._stream.isatty() else None
        self._bar: Any = None

    def begin(self, name: str, total: int | None, noun: str) -> None:
        """Start a bar of `total` steps (None = unknown); `noun` is what its rate counts."""
        if self._bars is not None:
            self._bar = self._bars.add_task(_plain(name), total=total, noun=noun, count=0)

    def show(self, done: int, count: int) -> None:
        """Move the bar to `done` steps; `count` of its noun were dealt with so far."""
        if self._bars is not None:
            self._bars.update(self._bar, completed=done, count=count)

    def resize(self, total: int) -> None:
        """The bar's length became known, or changed."""
        if self._bars is not None:
            self._bars.update(self._bar, total=total)

    def note(self, text: str) -> None:
        """Print a line without disturbing the bars."""
        if self._bars is not None:
            self._bars.console.print(text, markup=False, highlight=False, soft_wrap=True)
        else:
            print(text, file=self._stream, flush=True)

    def __enter__(self) -> Self:
        if self._bars is not None:
            self._bars.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bars is not None:
            self._bars.stop()


def _bars(stream: TextIO, environ: Mapping[str, str]) -> Any:
    from rich import progress as bars  # noqa: PLC0415 - rich takes longer to load than many imports to run
    from rich.console import Console  # noqa: PLC0415
    from rich.text import Text  # noqa: PLC0415

    class Rate(bars.ProgressColumn):
        def render(self, task: bars.Task) -> Text:
            return Text(rate_of(task.fields["count"], task.elapsed or 0, task.fields["noun"]))

    return bars.Progress(
        bars.TextColumn("{task.description}"),
        bars.BarColumn(),
        bars.TaskProgressColumn(),
        Rate(),
        bars.TimeRemainingColumn(),
        console=Console(file=stream, no_color=bool(environ.get("NO_COLOR"))),
    )


def rate_of(count: int, seconds: float, noun: str) -> str:
    """`12,345 events · 4,115/s`; no rate before there is one."""
    return f"{count:,} {noun}" + (f" · {count / seconds:,.0f}/s" if seconds > 0.5 else "")


def _plain(text: str) -> str:
    """A file's name is not markup."""
    return text.replace("[", r"\[")
