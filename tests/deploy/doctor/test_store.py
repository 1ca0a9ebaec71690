"""ClickHouse, for real: users who may too little or too much, a schema that waits, a clock and a certificate that are wrong."""

from __future__ import annotations

import time

import pytest

from trailhouse.deploy.clickhouse import LocalClickHouse
from trailhouse.deploy.doctor.finding import Finding
from trailhouse.deploy.doctor.store import look, reads, version
from trailhouse.producers.settings import Secret
from trailhouse.sinks.certificate import CertificateExpired
from trailhouse.sinks.clickhouse import ClickHouseError, Client, connect
from trailhouse.sinks.migrate import migrate
from trailhouse.sinks.settings import ClickHouseSettings


@pytest.fixture(scope="module")
def server(clickhouse_server: LocalClickHouse) -> LocalClickHouse:
    """The identities' own database, which is the only one they may see, with every table."""
    client = connect(ClickHouseSettings(dsn=clickhouse_server.dsn("admin", "default")))
    client.command("CREATE DATABASE IF NOT EXISTS trailhouse")
    client.close()
    client = connect(ClickHouseSettings(dsn=clickhouse_server.dsn("admin", "trailhouse")))
    migrate(client)
    client.close()
    return clickhouse_server


def at(server: LocalClickHouse, who: str) -> ClickHouseSettings:
    return ClickHouseSettings(dsn=server.dsn(who, "trailhouse"))


def levels(found: list[Finding]) -> dict[str, str]:
    return {f"{each.area} {each.name}": each.level for each in found}


def test_the_local_stacks_users_are_well(server: LocalClickHouse) -> None:
    """The api reads, sinks write, and neither may do what is not theirs."""
    found = list(look(at(server, "api"), writes=at(server, "ingest")))
    assert set(levels(found)) == {
        "clocks ClickHouse",
        "ClickHouse version",
        "ClickHouse disk",
        "ClickHouse schema",
        "ClickHouse api reads",
        "ClickHouse ingest writes",
    }
    assert {each.level for each in found if each.name != "disk"} == {"ok"}, found


def test_a_sink_that_may_not_write_is_found(server: LocalClickHouse) -> None:
    """With the tables it lacks."""
    found = list(look(at(server, "api"), writes=at(server, "reader")))
    (writes,) = [each for each in found if each.name == "reader writes"]
    assert writes.level == "fail"
    assert writes.found == "may not insert into landing, batches, rejected, lost"


def test_a_sink_that_may_do_everything_is_found(server: LocalClickHouse) -> None:
    """It could hide people, or make itself a key; where one user is everything it is a warning."""
    found = levels(list(look(at(server, "api"), writes=at(server, "admin"))))
    assert found["ClickHouse admin writes"] == "fail"
    assert levels(list(look(at(server, "admin"))))["ClickHouse admin writes"] == "warn"
    assert levels(list(look(at(server, "reader"))))["ClickHouse reader writes"] == "ok"


def test_a_user_who_may_not_read_is_found(server: LocalClickHouse) -> None:
    """With the tables that are missing: the engine is asked, not a list of ours."""
    client = connect(at(server, "reader"))
    assert reads(client, "reader").level == "ok"
    found = reads(client, "reader", ("events", "event_pii", "api_keys"))
    client.close()
    assert (found.level, found.found) == ("fail", "may not read event_pii, api_keys")


def test_a_schema_that_waits_is_found(database: Client, clickhouse_settings: ClickHouseSettings) -> None:
    """Also one that is newer than we are."""

    def schema() -> Finding:
        (found,) = [each for each in look(clickhouse_settings) if each.name == "schema"]
        return found

    assert schema().level == "ok"
    database.command("INSERT INTO migrations (name, checksum) VALUES ('9999_later.sql', 'x')")
    assert (schema().level, "9999_later.sql" in schema().found) == ("fail", True)
    database.command("TRUNCATE TABLE migrations")
    assert schema().found.partition(":")[0].endswith("migrations wait")
    assert schema().advice == "trailhouse migrate"


@pytest.mark.parametrize(("off_s", "level"), [(3600.0, "fail"), (-10.0, "warn")])
def test_a_host_whose_clock_is_wrong_sees_clickhouses_differ(
    server: LocalClickHouse, off_s: float, level: str
) -> None:
    """The server says its time, ours is set wrong."""
    found = levels(list(look(at(server, "api"), now=lambda: time.time() + off_s)))
    assert found["clocks ClickHouse"] == level


@pytest.mark.parametrize(("days", "level"), [(90, "ok"), (10, "warn"), (1, "fail"), (None, "fail")])
def test_a_certificate_that_ends_is_found(days: int | None, level: str) -> None:
    """Before anybody is let in, so also where that fails."""

    def expiry(host: str, port: int, _: object) -> float:
        if days is None:
            raise CertificateExpired(f"the certificate of {host}:{port} has expired")
        return time.time() + days * 86400

    secure = ClickHouseSettings(dsn=Secret("https://api@127.0.0.1:9/trailhouse"))
    first = next(look(secure, expiry=expiry))
    assert (first.area, first.level) == ("certificates", level)


def test_a_server_that_is_away_or_refuses_us_raises(server: LocalClickHouse) -> None:
    """`examined` makes a finding of it."""
    with pytest.raises(ClickHouseError):
        list(look(ClickHouseSettings(dsn=Secret("http://api@127.0.0.1:9/trailhouse"))))
    wrong = at(server, "api").dsn.reveal().replace("api:", "api:not-", 1)
    with pytest.raises(ClickHouseError):
        list(look(ClickHouseSettings(dsn=Secret(wrong))))


def test_an_old_server_is_too_old() -> None:
    """By its first two numbers."""
    assert [version(each).level for each in ("24.3.1.2", "24.8.1.1", "26.9.2.1 (chDB)")] == [
        "fail",
        "ok",
        "ok",
    ]
