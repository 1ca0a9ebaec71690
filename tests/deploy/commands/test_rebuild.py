"""`trailhouse reports diff` and `reports rebuild` at their edges; rebuilding is tested with the sink."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Self

import pytest

from trailhouse.deploy.cli import run
from trailhouse.queries import report as files
from trailhouse.sinks.comparison import Comparison
from trailhouse.sinks.rebuild import FIRST, LAST, Scope

SAME, OTHER = Comparison(4), Comparison(4, 1, 0, 2, ("('acme')",))


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """A stack nobody started, of which table `spoilt` differs; what was asked of it."""
    calls: list[Any] = []

    class Client:
        def close(self) -> None:
            pass

    def rebuild(_client: Client, table: str, scope: Scope, **how: Any) -> Comparison:
        how.pop("on_progress")(1, 1)
        calls.append((table, scope, how))
        return OTHER if table == "spoilt" else SAME

    monkeypatch.setenv("TRAILHOUSE_KAFKA_BOOTSTRAP", "127.0.0.1:1")
    monkeypatch.delenv("TRAILHOUSE_DATA", raising=False)
    monkeypatch.setattr("trailhouse.sinks.clickhouse.connect", lambda _settings: Client())
    monkeypatch.setattr(
        "trailhouse.deploy.session.record", lambda _stack, *what, **details: calls.append((*what, details))
    )
    monkeypatch.setattr("trailhouse.sinks.definition.definitions", lambda _client: {"one": 1, "spoilt": 2})
    monkeypatch.setattr("trailhouse.sinks.rebuild.rebuild", rebuild)
    monkeypatch.setattr(
        "trailhouse.sinks.rebuild.drop_unfinished", lambda _client, table: calls.append(table)
    )
    return calls


def test_all_tables_or_those_that_were_named(asked: list[Any], capsys: pytest.CaptureFixture[str]) -> None:
    """Each is rebuilt in the scope asked for, and its row says what was different."""
    assert run(["reports", "rebuild"], {}) == 0
    whole = Scope("", FIRST, LAST)
    assert asked.pop(0) == ("schema:update", {"rebuilt": "one, spoilt", "definition": "as it was"})
    assert [(table, scope) for table, scope, _ in asked] == [("one", whole), ("spoilt", whole)]
    assert capsys.readouterr().out.splitlines()[2].split() == ["spoilt", "4", "1", "0", "2"]
    asked.clear()
    named = ["--table", "one", "--org", "acme", "--since", "2026-01-02", "--until", "2026-01-03"]
    assert run(["reports", "rebuild", *named, "--drop-unfinished"], {}) == 0
    scope = Scope("acme", date(2026, 1, 2), date(2026, 1, 3))
    told = ("schema:update", "acme", {"rebuilt": "one", "definition": "as it was"})
    assert asked == [told, "one", ("one", scope, {"query": "", "is_trial": False})]


def test_a_definition_is_that_of_one_table(
    asked: list[Any], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A new SELECT for all of them would be a mistake, and so is a day that is none."""
    file = tmp_path / "new.sql"
    file.write_text("SELECT 1 FROM landing")
    assert run(["reports", "rebuild", "--definition", str(file)], {}) == 2
    assert run(["reports", "rebuild", "--since", "yesterday"], {}) == 2
    assert "add --table" in capsys.readouterr().err
    assert not asked
    assert run(["reports", "rebuild", "--table", "one", "--definition", str(file)], {}) == 0
    assert asked[0][1] == {"rebuilt": "one", "definition": "another"}
    assert asked[1][2] == {"query": "SELECT 1 FROM landing", "is_trial": False}


def test_a_table_is_compared(asked: list[Any], capsys: pytest.CaptureFixture[str]) -> None:
    """0 when a rebuild would change nothing, 1 and examples otherwise."""
    assert run(["reports", "diff", "one"], {}) == 0
    assert asked[0][2] == {"query": "", "is_trial": True}
    capsys.readouterr()
    assert run(["reports", "diff", "spoilt", "--format", "json"], {}) == 1
    printed = capsys.readouterr()
    assert json.loads(printed.out) == [{"table": "spoilt", "keys": 4, "gone": 1, "new": 0, "changed": 2}]
    assert "differs: ('acme')" in printed.err


def test_a_report_is_compared_with_its_new_version(
    asked: list[Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Both answer the same question; rows of only one of them are shown."""
    old = files.load()["events_by_action"]
    text = (Path(files.__file__).parent / "reports" / "events_by_action.sql").read_text()
    file = tmp_path / "new.sql"
    file.write_text(text.replace("title: Events by action", "title: Another"))
    monkeypatch.setattr(
        "trailhouse.queries.runner.run",
        lambda _client, report, *_, **__: SimpleNamespace(
            columns=report.columns, rows=(("a", 1), ("b", 2 if report.title == old.title else 3))
        ),
    )
    recorded: list[Any] = []
    monkeypatch.setattr("trailhouse.queries.runner.record_reading", lambda *what: recorded.append(what))
    monkeypatch.setattr("trailhouse.deploy.self_audit.self_audit", lambda _stack: _Open())
    monkeypatch.setattr("trailhouse.queries.store.Pool", lambda *_, **__: _Open())
    assert run(["reports", "diff", "events_by_action", str(file), "--org", "acme"], {}) == 1
    printed = capsys.readouterr()
    assert [line.split() for line in printed.out.splitlines()[1:]] == [["-", "b", "2"], ["+", "b", "3"]]
    assert "rows that differ: 2; old 2, new 2" in printed.err
    assert len(recorded) == 1
    file.write_text(text)
    assert run(["reports", "diff", "events_by_action", str(file), "--org", "acme"], {}) == 0
    assert run(["reports", "diff", "events_by_action"], {}) == 2
    assert not asked


class _Open:
    """A pool, its client, or a record, of which nothing is asked here."""

    def client(self) -> Self:
        return self

    def close(self) -> None:
        pass

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        pass
