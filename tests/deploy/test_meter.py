from __future__ import annotations

import io

from trailhouse.deploy.meter import Meter, rate_of


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def use(stream: io.StringIO, environ: dict[str, str]) -> str:
    with Meter(stream, environ) as meter:
        meter.begin("[red]log.csv", 100, "events")
        meter.show(50, 1_234)
        meter.note("log.csv:7: [bold]reason")
        meter.resize(60)
        meter.show(60, 1_500)
    return stream.getvalue()


def test_a_terminal_sees_a_bar_with_name_percent_and_count() -> None:
    """Names and reasons are text, not markup."""
    shown = use(Terminal(), {"TERM": "xterm"})
    assert "[red]log.csv" in shown
    assert "100%" in shown
    assert "1,500 events" in shown
    assert "log.csv:7: [bold]reason" in shown


def test_no_colour_is_respected() -> None:
    """NO_COLOR takes the colours, not the bar."""
    assert "\x1b[3" not in use(Terminal(), {"TERM": "xterm", "NO_COLOR": "1"})


def test_off_a_terminal_only_notes_are_printed() -> None:
    """Logs hold lines, not bars."""
    assert use(io.StringIO(), {}) == "log.csv:7: [bold]reason\n"


def test_a_rate_needs_some_time() -> None:
    """No absurd rate in the first moment."""
    assert rate_of(1_234, 0.1, "events") == "1,234 events"
    assert rate_of(12_345, 3, "events") == "12,345 events · 4,115/s"
