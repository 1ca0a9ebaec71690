"""The tables on the real engine: idempotent whatever is inserted how often and in which order, and silent about people."""

from __future__ import annotations

import re
import uuid
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from random import Random
from typing import Any

import msgspec
import pytest
from tests.sinks.lines import (
    RECEIVED,
    differences,
    enriched,
    event,
    expected,
    imagine,
    readings,
    slot_of,
    text_of,
)

from trailhouse.sinks.batch import Batch
from trailhouse.sinks.clickhouse import Client, connect, insert_lines
from trailhouse.sinks.head import Head
from trailhouse.sinks.migrate import load, migrate
from trailhouse.sinks.settings import ClickHouseSettings
from trailhouse.stream.enriched import Enriched

HEADS = msgspec.json.Decoder(Head)
TABLES = (
    "events",
    "event_pii",
    "users",
    "user_days",
    "newcomers",
    "action_slots",
    "rejected",
    "landed",
    "actors",
    "directory",
)


def store(client: Client, lines: Sequence[bytes]) -> None:
    """Insert as the sink does: in pieces that touch few partitions."""
    batch = Batch(0, 0.0)
    for line in lines:
        batch.add(line, HEADS.decode(line))
    for piece in batch.inserts():
        insert_lines(client, "landing", piece)


def differing(client: Client, lines: Sequence[bytes]) -> dict[str, Any]:
    return differences(readings(client), expected(lines))


def history(seed: int) -> list[bytes]:
    """Two partitions of two months, with resends of some events, conflicts in content, and rejected records."""
    random = Random(seed)
    events = imagine(random, 600)
    resent = random.sample(events, 60)
    conflicting = [each | {"action": "run:update"} for each in random.sample(events, 15)]
    broken: list[Any] = [b"", None, b"not json", b'{"org_id":"acme"}', {**events[0], "org_id": "no such/org"}]
    first = enriched([*events[:300], *broken])
    return first + enriched(
        [*events[300:], *resent, *conflicting], partition=1, received=RECEIVED + timedelta(hours=5)
    )


def test_inserts_repeated_shuffled_and_cut_change_no_reading(database: Client) -> None:
    """The same lines three times, in another order and in other pieces: every table reads the same, before and after merges."""
    random, lines = Random(11), history(11)
    store(database, lines)
    once = readings(database)
    assert differences(once, expected(lines)) == {}
    for _ in range(2):
        shuffled = random.sample(lines, len(lines))
        while shuffled:
            size = random.randint(1, 250)
            store(database, shuffled[:size])
            del shuffled[:size]
    assert differences(readings(database), once) == {}
    for table in TABLES:
        database.command(f"OPTIMIZE TABLE {table} FINAL")
    assert differences(readings(database), once) == {}


@pytest.mark.parametrize("is_backwards", [False, True])
def test_the_first_received_wins(database: Client, is_backwards: bool) -> None:
    """Of copies that differ, the earliest by time of receipt, partition and offset stays, whichever came in first."""
    copy = event(1)
    early, late = RECEIVED, RECEIVED + timedelta(milliseconds=1)
    lines = [
        *enriched([copy | {"action": "run:create"}], received=late, partition=0, start=0),
        *enriched([copy | {"action": "run:update"}], received=early, partition=1, start=7),
        *enriched([copy | {"action": "run:delete"}], received=early, partition=1, start=8),
        *enriched([copy | {"action": "run:stop"}], received=early, partition=2, start=0),
    ]
    for line in reversed(lines) if is_backwards else lines:
        store(database, [line])
    found = database.query("SELECT action, partition, offset FROM events FINAL").result_rows
    assert found == [("run:update", 1, 7)]
    assert differing(database, lines) == {}


def test_an_id_belongs_to_its_organisation(database: Client) -> None:
    """Another tenant's event with the same id is another event."""
    store(database, enriched([event(1), event(1, org_id="beta")]))
    store(database, enriched([event(1, org_id="beta"), event(1)], start=2))
    assert database.query("SELECT org_id FROM events FINAL ORDER BY org_id").result_rows == [
        ("acme",),
        ("beta",),
    ]
    assert database.query("SELECT uniqExactMerge(events) FROM action_slots").result_rows == [(2,)]


def test_slots_are_quarter_hours(database: Client) -> None:
    """Bit i of a day's masks is its i-th quarter-hour, to the millisecond, for activity and for logins that succeeded."""
    random = Random(3)
    midnight = datetime(2025, 7, 1, tzinfo=UTC)
    edges = [
        timedelta(minutes=15 * n) + timedelta(milliseconds=d) for n in (0, 1, 47, 95, 96) for d in (-1, 0, 1)
    ]
    moments = [midnight + edge for edge in edges] + [
        midnight + timedelta(milliseconds=random.randrange(3 * 86_400_000)) for _ in range(150)
    ]
    events: list[dict[str, Any]] = []
    slots: dict[date, int] = {}
    logins: dict[date, int] = {}
    for number, moment in enumerate(moments):
        action, outcome = random.choice(
            (("page:view", None), ("user:login", "success"), ("user:login", "denied"))
        )
        events.append(
            event(number, occurred_at=text_of(moment), action=action, outcome=outcome, actor_user_id="ann")
        )
        if outcome != "denied":
            slots[moment.date()] = slots.get(moment.date(), 0) | 1 << slot_of(moment)
        if outcome == "success":
            logins[moment.date()] = logins.get(moment.date(), 0) | 1 << slot_of(moment)
    store(database, enriched(events))
    rows = database.query(
        "SELECT day, groupBitOr(slots), groupBitOr(logins) FROM user_days GROUP BY day"
    ).result_rows
    assert {day: mask for day, mask, _ in rows} == slots
    assert {day: mask for day, _, mask in rows if mask} == logins


def test_the_latest_email_is_independent_of_arrival(database: Client) -> None:
    """By time of the event and its id: not by arrival, and never an event without one."""
    random = Random(4)
    tied = "2026-02-01T12:00:00.000Z"
    ids = sorted(str(uuid.UUID(int=random.getrandbits(128), version=4)) for _ in range(3))
    base = {"actor_user_id": "ann"}
    events = [
        event(1, **base, actor_email="old@example.org", occurred_at="2026-01-01T00:00:00.000Z"),
        *(
            event(2, **base, event_id=each, actor_email=f"tied-{n}@example.org", occurred_at=tied)
            for n, each in enumerate(ids)
        ),
        event(3, **base, actor_email=None, actor_name=None, occurred_at="2026-02-20T00:00:00.000Z"),
    ]
    query = "SELECT email, name, identity FROM people WHERE org_id = 'acme'"
    found: set[Any] = set()
    for _ in range(3):
        database.command("TRUNCATE TABLE users")
        for line in random.sample(enriched(events), len(events)):
            store(database, [line])
        found.update(database.query(query).result_rows)
    assert len(found) == 1
    email, _, identity = found.pop()
    assert email.startswith("tied-")
    assert identity == "ann"


def test_people_are_shown_to_those_who_may_read_the_directory() -> None:
    """The view has no rights of its own: it reads `users` as whoever asks."""
    (text,) = [each.text for each in load() if "CREATE VIEW people" in each.text]
    assert "CREATE VIEW people SQL SECURITY INVOKER AS" in text


def test_history_back_to_1970(database: Client) -> None:
    """History from the first moment of 1970 on, in one batch."""
    lines = enriched(
        [event(0, occurred_at="1970-01-01T00:00:00.000Z"), *imagine(Random(8), 150, days=4 * 365)],
        step=timedelta(hours=1),
    )
    store(database, lines)
    assert differing(database, lines) == {}


CANARIES = {
    "actor_email": "Canary.Email@example.org",
    "actor_name": "Canary Ångström",
    "actor_ip": "203.0.113.77",
    "actor_user_id": "canary-user-id",
    "entity_name": "canary team",
    "project_name": "canary project",
    "report_name": "canary report",
    "artifact_qualified_name": "canary/project/model:v1",
    "user_email": "canary.target@example.org",
    "user_asset": "canary-target-id",
}
HIDDEN = {
    "attributes": {
        "note": "write to canary.note@example.org",
        "phone": "canary-555-0100",
        "canary.key@example.org": "1",
        "password": "canary-hush",
        "token": "ghp_canary0123456789canary0123456789",
    },
    "changes": {"email": {"before": "canary.before@example.org", "after": "canary.after@example.org"}},
    "user_agent": "curl/8 (canary.agent@example.org)",
    "correlation_id": "visit of canary.visit@example.org",
}


def test_no_plaintext_outside_the_tables_made_for_it(database: Client) -> None:
    """No text column of any table but `event_pii` and the directory holds a person, wherever in the event it stood."""
    rejected = event(3, **CANARIES, **HIDDEN) | {"occurred_at": "canary o'clock"}
    poisoned = event(4, **CANARIES, action="canary.action@example.org:view")
    lines = enriched([event(1, **CANARIES, **HIDDEN), poisoned, rejected, b"canary@example.org"])
    store(database, lines)
    assert database.query("SELECT count() FROM events FINAL").result_rows == [(2,)]
    assert database.query("SELECT count() FROM rejected FINAL").result_rows == [(2,)]
    held = " ".join(map(str, database.query("SELECT pii FROM event_pii FINAL").result_rows))
    for name, value in CANARIES.items():
        if name not in {"actor_user_id", "user_asset"}:
            assert value in held
    leaks = []
    for table in TABLES:
        if table in {"event_pii", "users", "directory"}:
            continue
        text = database.raw_query(f"SELECT * FROM {table} FINAL", fmt="TSV").decode(errors="replace").lower()
        leaks += [
            (table, text[max(0, at.start() - 40) : at.end() + 40])
            for at in re.finditer("canary|203.0.113.77", text)
        ]
    assert leaks == []


def test_few_tables_have_room_for_people() -> None:
    """Columns for plaintext exist in `event_pii`, the directory, and in `landing` and `deeds`, which store nothing.

    The `name` of an alert and of a channel is the thing's own.
    """
    holders = {
        table
        for table, body in tables_of_the_schema().items()
        if re.search(
            r"^\s*(pii|identity|email|name|said|actor_email|actor_name|actor_ip|user_email)\s",
            body,
            re.MULTILINE,
        )
    }
    assert holders - {"alerts", "alert_channels"} == {"landing", "event_pii", "users", "deeds", "directory"}


def tables_of_the_schema() -> dict[str, str]:
    text = "\n".join(each.text for each in load())
    return dict(re.findall(r"^CREATE TABLE (\w+) \((.*?)^\)", text, re.MULTILINE | re.DOTALL))


def test_every_table_says_why_it_lies_as_it_does() -> None:
    """Before each CREATE TABLE, comments name its partition and order (a Null table stores nothing and has neither)."""
    for each in load():
        for comment, table, rest in re.findall(
            r"((?:^--[^\n]*\n)*)^CREATE TABLE (\w+)(.*?);", each.text, re.MULTILINE | re.DOTALL
        ):
            assert comment.count("\n") >= 2, table
            if "ENGINE = Null" not in rest:
                assert "Partition: " in comment, table
                assert "Order: " in comment, table


def test_every_table_that_stores_is_idempotent_and_durable() -> None:
    """Replacing or aggregating engines, no deduplication window, fsync of every part; no sums and counts anywhere."""
    text = "\n".join(each.text for each in load())
    for table, engine in re.findall(
        r"^CREATE TABLE (\w+).*?ENGINE = (\w+.*?);", text, re.MULTILINE | re.DOTALL
    ):
        if engine == "Null":
            continue
        assert engine.startswith(("ReplacingMergeTree", "AggregatingMergeTree")), table
        for setting in (
            "fsync_after_insert = 1",
            "fsync_part_directory = 1",
            "non_replicated_deduplication_window = 0",
        ):
            assert setting in engine, table
    # A view stores nothing: it may add up what is read.
    stored = [
        each for one in load() for each in one.statements if not re.match("CREATE (OR REPLACE )?VIEW", each)
    ]
    code = "\n".join(stored)
    assert not re.search(r"\b(sum|count|avg|any|anyLast|sumState|countState)\(", code)


def test_lines_and_landing_have_the_same_columns() -> None:
    """Every key of an enriched line is a column of `landing`, in name; an unknown key would poison its row."""
    columns = re.findall(r"^\s*`?(\w+)`? \w", tables_of_the_schema()["landing"], re.MULTILINE)
    keys = [field.encode_name for field in msgspec.structs.fields(Enriched)]
    assert sorted(columns) == sorted(keys)


def test_defaults_left_out_of_a_line_are_the_tables(database: Client) -> None:
    """An event of required fields only reads the same as one that spells out every default."""
    bare = event(1, actor_user_id=None, actor_email=None, actor_name=None)
    (line,) = enriched([bare])
    store(database, [line])
    (row,) = database.query("SELECT * FROM events FINAL").named_results()
    full = msgspec.structs.asdict(msgspec.json.decode(line, type=Enriched))
    for name in (
        "outcome",
        "target_ref",
        "network",
        "user_agent",
        "response_code",
        "attributes",
        "tags",
        "is_login",
    ):
        assert row[name] == (full[name] or type(row[name])()), name


def test_rows_from_before_learn_their_quarter_hour(clickhouse_settings: ClickHouseSettings) -> None:
    """The ledger of an older version is filled in; its content stays unknown, so nothing of it is in conflict."""
    client = connect(clickhouse_settings)
    migrate(client, [each for each in load() if each.name < "0012"])
    lines = enriched([event(1), b"broken", event(9)])
    insert_lines(client, "landing", lines)
    migrate(client)
    insert_lines(client, "landing", enriched([event(20)], start=3))
    rows = client.query(
        "SELECT offset, toString(slot), content != 0, rules FROM landed FINAL ORDER BY offset"
    ).result_rows
    assert rows == [
        (0, "2025-12-01 08:00:00", False, ""),
        (1, "2026-03-02 09:00:00", False, ""),
        (2, "2025-12-01 09:00:00", False, ""),
        (3, "2025-12-01 10:15:00", True, "2"),
    ]
    client.close()


def test_what_content_is(database: Client) -> None:
    """Equal for the same event sent again later or spelled in another order; other for anything else it says."""
    note = {"a": "1", "b": "2"}
    same = [
        event(1, attributes=note),
        event(1, attributes=dict(reversed(note.items()))),
        event(1, attributes=note, actor_name="Another"),
    ]
    other = [
        event(1, attributes=note | changes) if "c" in changes else event(1, attributes=note, **changes)
        for changes in (
            {"c": "3"},
            {"action": "page:open"},
            {"occurred_at": "2025-12-01T08:07:00.001Z"},
            {"actor_user_id": "someone"},
            {"outcome": "failure"},
            {"project_asset": "p"},
        )
    ]
    insert_lines(database, "landing", enriched(same))
    late = timedelta(days=500)
    insert_lines(database, "landing", enriched([same[0]], start=50, received=RECEIVED + late))
    insert_lines(database, "landing", enriched(other, start=100))
    query = "SELECT content FROM landed FINAL WHERE offset {} 100 ORDER BY offset"
    (content,) = {row[0] for row in database.query(query.format("<")).result_rows}
    others = {row[0] for row in database.query(query.format(">=")).result_rows}
    assert content not in others
    assert len(others) == len(other)


def test_logins_and_newcomers_of_before_are_known(clickhouse_settings: ClickHouseSettings) -> None:
    """An older database reads as if it had always known them; days that expired stay gone, save what a hold kept."""
    client = connect(clickhouse_settings)
    migrate(client, [each for each in load() if each.name < "0029"])
    lines = history(29)
    store(client, lines)
    store(client, lines[:200])
    login = {"org_id": "old", "action": "user:login", "outcome": "success"}
    old = [
        event(n, occurred_at=f"2026-01-0{day}T10:00:00.000Z", actor_user_id=who, **login)
        for n, (who, day) in enumerate({"ann": 1, "bob": 1, "eve": 5}.items(), start=5000)
    ]
    store(client, enriched(old, partition=2))
    client.command(
        "ALTER TABLE user_days DELETE WHERE org_id = 'old' AND day < '2026-01-03' AND user_ref != "
        "(SELECT user_ref FROM users WHERE org_id = 'old' GROUP BY user_ref HAVING max(identity) = 'ann') "
        "SETTINGS mutations_sync = 2"
    )
    client.insert(
        "expiries",
        [["old", "activity", date(2026, 1, 3), 1, "x"]],
        column_names=["org_id", "class", "before", "rows", "expired_by"],
    )
    migrate(client)
    found = readings(client)
    days = {key: values for key, values in found["user_days"].items() if key[0] == "old"}
    assert sorted((key[1].day, values[-1].hour) for key, values in days.items()) == [(1, 10), (5, 10)]
    wanted = {table: expected(lines)[table] for table in ("user_days", "newcomers")}
    others = {table: {key: row for key, row in found[table].items() if key[0] != "old"} for table in wanted}
    assert differences(others, wanted) == {}
    client.close()
