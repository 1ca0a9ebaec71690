"""`trailhouse breaker` at its edges; the breaker itself is tested with the stream, on a real broker."""

from __future__ import annotations

import json
from typing import Any

import pytest
from kafka.structs import OffsetAndMetadata
from tests.queries.recording import Recorded

from trailhouse.deploy.cli import run
from trailhouse.stream.breaker import Note

OPEN = Note("the-id", 40, "2026-03-02T10:00:00Z", 900, 1000, {"malformed": 800, "empty": 100})


class Offsets:
    """What two groups committed: notes of partitions 0 to 3, and how far the workers are."""

    written: dict[int, Note]

    def __init__(self, *_: Any) -> None: ...

    def read(self, group: str, topic: str) -> dict[int, OffsetAndMetadata]:
        if not group.endswith("-breaker"):
            return {0: OffsetAndMetadata(40, "", -1), 1: OffsetAndMetadata(41, "", -1)}
        other = Note("another topic", 40, "2026-03-02T10:00:00Z")
        notes = {0: OPEN, 1: OPEN, 2: other, 3: Note("the-id", 40), 4: OPEN}
        return {
            number: OffsetAndMetadata(note.offset, note.to_metadata(), -1) for number, note in notes.items()
        }

    def write(self, group: str, topic: str, offsets: dict[int, Any]) -> None:
        assert group == "trailhouse-stream-breaker"
        Offsets.written = {
            number: note
            for number, each in offsets.items()
            if (note := Note.from_metadata(each.offset, each.metadata)) is not None
        }

    def close(self) -> None: ...


@pytest.fixture(autouse=True)
def kafka(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of the five partitions with a note, 0 and 4 are held: 1 went on since, 2 is of another topic, 3 was closed."""
    Offsets.written = {}
    monkeypatch.setenv("TRAILHOUSE_KAFKA_BOOTSTRAP", "127.0.0.1:1")
    for name in ("TRAILHOUSE_DATA", "TRAILHOUSE_STREAM_GROUP"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr("trailhouse.stream.gaps.GroupOffsets", Offsets)
    monkeypatch.setattr("trailhouse.stream.holds.GroupOffsets", Offsets)
    ends = dict.fromkeys(range(5), (0, 1040))
    monkeypatch.setattr("trailhouse.sinks.balance.read_positions", lambda *_: ({}, ends, "the-id"))


def test_held_partitions_are_listed(capsys: pytest.CaptureFixture[str]) -> None:
    """With what waits and why; and the exit code says that there are some."""
    assert run(["breaker", "list", "--format", "json"], {}) == 1
    rows = json.loads(capsys.readouterr().out)
    assert [row["partition"] for row in rows] == [0, 4]
    assert rows[0] == {
        "partition": 0,
        "since": "2026-03-02T10:00:00Z",
        "from_offset": 40,
        "waiting": 1000,
        "rejected": 900,
        "of": 1000,
        "reasons": {"malformed": 800, "empty": 100},
    }
    assert run(["breaker", "list"], {}) == 1
    assert "malformed 800, empty 100" in capsys.readouterr().out


@pytest.mark.parametrize(("arguments", "closed"), [(["0"], [0]), (["4", "0"], [0, 4]), (["--all"], [0, 4])])
def test_closing_lets_pass_what_is_there_now(
    arguments: list[str], closed: list[int], recorded: Recorded
) -> None:
    """Up to the end of the log as it is; it is recorded of which partitions."""
    assert run(["breaker", "close", *arguments], {}) == 0
    (told,) = recorded.take()
    assert (told["action"], told["attributes"]) == (
        "breaker:close",
        {"partitions": " ".join(map(str, closed))},
    )
    assert Offsets.written == {number: Note("the-id", 1040) for number in closed}


@pytest.mark.parametrize(
    ("arguments", "status"), [([], 2), (["0", "--all"], 2), (["1"], 1), (["0", "2"], 1), (["9"], 1)]
)
def test_nothing_is_closed_by_mistake(arguments: list[str], status: int, recorded: Recorded) -> None:
    """What is not held cannot be closed, nor part of a list with such a one."""
    assert run(["breaker", "close", *arguments], {}) == status
    assert recorded.take() == []
    assert Offsets.written == {}
