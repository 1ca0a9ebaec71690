"""`trailhouse balance` at its edges; the books themselves are tested with the sink."""

from __future__ import annotations

import json
from typing import Any, ClassVar

import pytest

from trailhouse.deploy.cli import run
from trailhouse.deploy.commands.balance import cells, shown


class Books:
    """A balance with one range missing."""

    more: ClassVar[dict[str, int]] = {}

    def __init__(self, unaccounted: int) -> None:
        self._unaccounted = unaccounted

    def to_dict(self) -> dict[str, Any]:
        partition = {"epoch": "e", "partition": 0, "missing": [(3, 7)] if self._unaccounted else []}
        totals = {"stored": 5, "rejected": 0, "repeats": 0, "unaccounted": self._unaccounted}
        return {**totals, "in_flight": 0, "lost": 0, "conflicts": 0, **self.more, "partitions": [partition]}


@pytest.fixture
def unaccounted(monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> int:
    """The balance of a stack nobody started."""
    count: int = request.param

    class Client:
        def close(self) -> None:
            pass

    monkeypatch.setenv("TRAILHOUSE_KAFKA_BOOTSTRAP", "127.0.0.1:1")
    monkeypatch.delenv("TRAILHOUSE_DATA", raising=False)
    monkeypatch.setattr("trailhouse.sinks.clickhouse.connect", lambda _settings: Client())
    monkeypatch.setattr("trailhouse.sinks.balance.balance", lambda *_: Books(count))
    return count


@pytest.mark.parametrize("unaccounted", [0, 5], indirect=True)
def test_anything_unaccounted_fails(unaccounted: int, capsys: pytest.CaptureFixture[str]) -> None:
    """Exit code 0 only when nothing is missing; otherwise the ranges are listed."""
    assert run(["balance"], {}) == (1 if unaccounted else 0)
    captured = capsys.readouterr()
    assert ("3..7" in captured.out) == bool(unaccounted)
    assert ("5 records are unaccounted for" in captured.err) == bool(unaccounted)


@pytest.mark.parametrize("unaccounted", [5], indirect=True)
def test_json_is_the_books_as_they_are(unaccounted: int, capsys: pytest.CaptureFixture[str]) -> None:
    """The same figures for machines, and the same exit code."""
    assert run(["balance", "--format", "json"], {}) == 1
    books = json.loads(capsys.readouterr().out)
    assert books["unaccounted"] == unaccounted
    assert books["partitions"][0]["missing"] == [[3, 7]]


def test_a_partition_nothing_was_read_of_has_no_offsets() -> None:
    """`0` to `-1` means nothing to people."""
    assert cells({"partition": 3, "first": 0, "last": -1, "missing": ()}) == ["3", "-", "-", "-"]
    assert cells({"partition": 3, "first": 0, "last": 0, "missing": ()}) == ["3", "0", "0", "-"]


@pytest.mark.parametrize("unaccounted", [0], indirect=True)
@pytest.mark.parametrize(
    ("more", "status", "said"),
    [
        ({"lost": 7}, 0, "note: 7 records were accepted as lost"),
        ({"conflicts": 2}, 1, "error: 2 events came with different contents"),
    ],
)
def test_losses_are_said_and_conflicts_fail(
    unaccounted: int,
    more: dict[str, int],
    status: int,
    said: str,
    *,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """What was accepted as lost is explained; what is in conflict is not yet."""
    monkeypatch.setattr(Books, "more", more)
    assert run(["balance"], {}) == status
    assert said in capsys.readouterr().err


def test_cells() -> None:
    """Ranges and numbers as people read them."""
    assert [shown(value) for value in ([(1, 2), (4, 4)], (), 1234567, "x")] == [
        "1..2, 4..4",
        "-",
        "1,234,567",
        "x",
    ]
