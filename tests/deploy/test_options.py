"""What commands share: colour, and how rows are printed."""

from __future__ import annotations

import json

import pytest

from trailhouse.deploy.options import has_colour, print_json, print_table, say


@pytest.mark.parametrize(
    ("environ", "is_terminal", "expected"),
    [
        ({}, True, True),
        ({}, False, False),
        ({"NO_COLOR": "1"}, True, False),
        ({"NO_COLOR": ""}, True, True),
        ({"TERM": "dumb"}, True, False),
    ],
)
def test_colour_is_for_terminals_that_want_it(
    environ: dict[str, str], is_terminal: bool, expected: bool
) -> None:
    """Never off a terminal, never with NO_COLOR."""
    assert has_colour(environ, is_terminal=is_terminal) is expected


def test_advice_goes_to_stderr(capsys: pytest.CaptureFixture[str]) -> None:
    """stdout holds data only."""
    say("nothing to do")
    print_json({"name": "é"})
    captured = capsys.readouterr()
    assert captured.err == "nothing to do\n"
    assert json.loads(captured.out) == {"name": "é"}
    assert "é" in captured.out


def test_rows_off_a_terminal_are_whole_and_plain(capsys: pytest.CaptureFixture[str]) -> None:
    """A row is one line however long it is, and its cells are text, not markup."""
    print_table(["name", "state"], [["x" * 300, "[bold]:cat:"], ["y", 3]])
    header, first, second = capsys.readouterr().out.splitlines()
    assert header.split() == ["name", "state"]
    assert first.split() == ["x" * 300, "[bold]:cat:"]
    assert second.split() == ["y", "3"]


def test_numbers_stand_under_each_other(capsys: pytest.CaptureFixture[str]) -> None:
    """To the right, with those that are not known; text stays on the left."""
    print_table(("role", "lag"), [("kafka", "-"), ("stream", "1,234"), ("sink", 7)])
    assert [line.rstrip() for line in capsys.readouterr().out.splitlines()] == [
        "role      lag",
        "kafka       -",
        "stream  1,234",
        "sink        7",
    ]
