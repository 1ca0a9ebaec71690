"""Answers shared by those who ask the same at the same time."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, cast

import pytest

from trailhouse.queries import shared_answers
from trailhouse.queries.errors import StorageUnavailable
from trailhouse.queries.shared_answers import SHORTEST_S, TIMES, SharedAnswers
from trailhouse.queries.store import Pool
from trailhouse.sinks.clickhouse import Client

LIMIT_S = 15.0
WAIT_S = 10.0


@dataclass
class Clock:
    now: float = 100.0

    def __call__(self) -> float:
        return self.now


@dataclass
class Result:
    column_names: tuple[str, ...]
    result_rows: list[tuple[Any, ...]]


@dataclass
class Server:
    """Answers with how often it was asked; `before` runs while a question is in flight."""

    asked: list[tuple[str, Mapping[str, Any]]] = field(default_factory=list)
    before: Callable[[str], None] = lambda _: None

    def query(self, sql: str, parameters: Mapping[str, Any]) -> Result:
        self.asked.append((sql, parameters))
        number = len(self.asked)
        self.before(sql)
        return Result(("number", "org"), [(number, parameters.get("org", ""))])

    @contextmanager
    def client(self) -> Iterator[Client]:
        yield cast("Client", self)


def shared(server: Server, clock: Clock, **options: Any) -> SharedAnswers:
    return SharedAnswers(cast("Pool", server), **{"limit_s": LIMIT_S, "clock": clock, **options})


def ask(answers: SharedAnswers, sql: str, **parameters: Any) -> Any:
    with answers.client() as client:
        return client.query(sql, parameters=parameters)


def number(answers: SharedAnswers, sql: str = "one", **parameters: Any) -> int:
    return int(ask(answers, sql, **parameters).result_rows[0][0])


def test_an_answer_reads_as_the_drivers_does() -> None:
    answer = ask(shared(Server(), Clock()), "one", org="acme")
    assert answer.column_names == ("number", "org")
    assert list(answer.named_results()) == [{"number": 1, "org": "acme"}]


def test_it_is_kept_for_an_epoch_and_asked_anew_after_it() -> None:
    server, clock = Server(), Clock()
    answers = shared(server, clock)
    assert number(answers) == number(answers) == 1
    clock.now += SHORTEST_S - 0.01
    assert number(answers) == 1
    clock.now += 0.02
    assert number(answers) == 2


def test_a_client_stays_in_the_epoch_it_was_lent_in() -> None:
    """Or two questions of one panel would be answered of two moments, the one that tells its age last."""
    server, clock = Server(), Clock()
    answers = shared(server, clock, first=lambda client: client.query("until when", parameters={}))
    with answers.client() as early:
        assert early.query("one").result_rows[0][0] == 2
        clock.now += LIMIT_S + 1
        with answers.client() as late:
            assert late.query("until when").result_rows[0][0] == 3
        assert early.query("until when").result_rows[0][0] == 1
        assert early.query("one").result_rows[0][0] == 2


def test_what_is_bound_tells_questions_apart() -> None:
    answers = shared(Server(), Clock())
    found = [ask(answers, "one", org=org).result_rows[0] for org in ("acme", "globex", "acme")]
    assert found == [(1, "acme"), (2, "globex"), (1, "acme")]
    assert number(answers, pii=True) != number(answers, pii=1)
    assert number(answers, orgs=["a", "b"]) != number(answers, orgs=["a, b"])
    assert number(answers, a="1", b="2") == number(answers, b="2", a="1")


@pytest.mark.parametrize(("took_s", "length_s"), [(0.01, SHORTEST_S), (2.0, 2.0 * TIMES), (60.0, LIMIT_S)])
def test_an_epoch_is_as_long_as_its_questions_were_costly(took_s: float, length_s: float) -> None:
    clock = Clock()

    def pass_by(_: str) -> None:
        clock.now += took_s

    answers = shared(server := Server(before=pass_by), clock)
    began = clock.now
    number(answers)
    server.before = lambda _: None
    clock.now = max(began + length_s - 0.01, began + took_s)
    if took_s < length_s:
        assert number(answers) == 1
    clock.now = max(began + length_s + 0.01, clock.now)
    assert number(answers) == 2


def test_who_asks_while_it_is_asked_waits_for_that_answer() -> None:
    go, asking = threading.Event(), threading.Event()

    def hold(_: str) -> None:
        asking.set()
        assert go.wait(WAIT_S)

    server = Server(before=hold)
    answers = shared(server, Clock())
    with ThreadPoolExecutor(20) as readers:
        first = readers.submit(number, answers)
        assert asking.wait(WAIT_S)
        others = [readers.submit(number, answers) for _ in range(19)]
        go.set()
        assert {each.result(WAIT_S) for each in [first, *others]} == {1}
    assert len(server.asked) == 1


def test_a_failure_is_told_to_who_waits_and_not_kept() -> None:
    def fail(_: str) -> None:
        raise StorageUnavailable("ClickHouse does not answer", "try again")

    server = Server(before=fail)
    answers = shared(server, Clock())
    for _ in range(2):
        with pytest.raises(StorageUnavailable):
            number(answers)
    server.before = lambda _: None
    assert number(answers) == 3


def test_nothing_of_an_epoch_is_older_than_what_is_asked_first() -> None:
    """Or a page would say that it is fresher than its panels are."""
    go, asking = threading.Event(), threading.Event()

    def hold(sql: str) -> None:
        if sql == "until when":
            asking.set()
            assert go.wait(WAIT_S)

    server = Server(before=hold)
    answers = shared(server, Clock(), first=lambda client: client.query("until when", parameters={"any": 1}))
    with ThreadPoolExecutor(4) as readers:
        readers.submit(number, answers, "one")
        assert asking.wait(WAIT_S)
        others = [readers.submit(number, answers, sql) for sql in ("two", "three")]
        assert len(server.asked) == 1
        go.set()
        for each in others:
            each.result(WAIT_S)
    assert next(sql for sql, _ in server.asked) == "until when"
    assert ask(answers, "until when", any=1).result_rows[0][0] == 1


def test_the_first_may_be_what_is_asked_itself_and_may_fail() -> None:
    server = Server()
    answers = shared(server, Clock(), first=lambda client: client.query("one", parameters={}))
    assert number(answers) == 1

    def fail(_: str) -> None:
        raise StorageUnavailable("ClickHouse does not answer", "try again")

    answers.forget()
    server.before = fail
    with pytest.raises(StorageUnavailable):
        number(answers)
    server.before = lambda _: None
    assert number(answers) == 4


def test_who_changed_something_sees_it() -> None:
    answers = shared(Server(), Clock())
    assert number(answers) == 1
    answers.forget()
    assert number(answers) == 2


def test_a_large_answer_is_shared_and_not_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shared_answers, "CELLS_MAX", 3)
    answers = shared(Server(), Clock())
    assert [number(answers, "one"), number(answers, "one")] == [1, 1]
    assert [number(answers, "two"), number(answers, "two")] == [2, 3]


def test_nothing_is_shared_where_that_is_said() -> None:
    server = Server()
    answers = shared(server, Clock(), limit_s=0)
    assert [number(answers), number(answers)] == [1, 2]
    with answers.client() as client:
        assert cast("object", client) is server


def test_a_client_that_is_shared_changes_nothing() -> None:
    with shared(Server(), Clock()).client() as client, pytest.raises(AttributeError):
        client.command("DROP TABLE events")
