"""The demo's own decisions."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

from trailhouse.deploy.demo import Script, Sent, history_or_reason, load_script, save_run, tally
from trailhouse.producers.importers.errors import UnreadableInput

TODAY = dt.date(2024, 3, 1)


def test_a_second_run_sends_the_same_events(tmp_path: Path) -> None:
    """The last day is kept, however much later the second run is; it ended before the first run began."""
    file = tmp_path / "demo.json"
    first = load_script(file, TODAY)
    assert first == Script("2024-02-29", 0)
    save_run(file, first)
    assert file.stat().st_mode & 0o077 == 0
    assert load_script(file, TODAY + dt.timedelta(days=40)) == Script("2024-02-29", 1)
    file.write_text("{}")
    assert load_script(file, TODAY).runs == 0


def test_no_history_is_a_sentence() -> None:
    """A tarball without .git is skipped, and says so."""

    def fail(path: Path) -> None:
        raise UnreadableInput(f"cannot read the history of {path}: not a git repository", "clone it")

    assert history_or_reason(Path("x"), fail) == "cannot read the history of x: not a git repository"  # type: ignore[arg-type]


def test_the_first_runs_own_event_is_among_those_sent() -> None:
    """So that the figure is the one of the books: that a key was made is recorded, and told."""
    sent = [Sent("acme", 43_611, "a company"), Sent("us", 97, "a history")]
    assert tally(sent, is_key_new=False) == ("43,708 events", "acme: 43,611, a company; us: 97, a history")
    events, whose = tally(sent, is_key_new=True)
    assert events == "43,709 events"
    assert whose.endswith("; trailhouse's own: 1, the admin key was made")
