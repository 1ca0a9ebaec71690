from __future__ import annotations

from trailhouse.deploy.failures import failure_of
from trailhouse.producers.importers.errors import BadMapping, UnreadableInput


def test_the_command_reports_them_with_hint_and_exit_code() -> None:
    """A mistaken mapping is wrong usage (2), a file that cannot be read a failure (1)."""
    mistake = failure_of(BadMapping("an event has no field 'x'", "did you mean y?"))
    assert (mistake.error, mistake.hint, mistake.code) == ("an event has no field 'x'", "did you mean y?", 2)
    assert failure_of(UnreadableInput("cannot read log")).code == 1
