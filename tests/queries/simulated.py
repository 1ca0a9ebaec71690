"""The simulated company that answers are kept of: how it is stored, asked, and what is kept.

`python -m tests.queries.simulated` writes the kept answers anew; then `make docs`, which shows their first rows.
"""

from __future__ import annotations

import tempfile
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Final

from tests.queries.recording import Recorded
from tests.sinks.lines import enriched, text_of

from trailhouse.deploy.clickhouse import LocalClickHouse
from trailhouse.producers.simulation import Plan, Simulation
from trailhouse.queries import render
from trailhouse.queries.caller import Caller
from trailhouse.queries.report import load
from trailhouse.queries.runner import Result, run
from trailhouse.queries.self_audit import Who
from trailhouse.sinks.clickhouse import Client, connect, insert_lines
from trailhouse.sinks.migrate import migrate
from trailhouse.sinks.settings import ClickHouseSettings

PLAN: Final = Plan(until=date(2026, 3, 31), orgs=2, people=36, days=100)
NOW: Final = datetime(2026, 4, 2, 12, tzinfo=UTC)
#: All organisations, the ninety days up to the last one, in a zone that changes its clocks.
ASKED: Final = {
    "org": ",".join(PLAN.sizes()),
    "since": "2026-01-01",
    "until": PLAN.until.isoformat(),
    "timezone": "Europe/Berlin",
}
#: Reports about records and readers: a simulation has none, what `land` adds is asked about by itself.
OF_ITS_DAY: Final = frozenset({"balance_by_hour", "rejected_by_reason", "who_read_what"})
REPORTS: Final = load()
#: In ninety days everybody logged in.
_SHORT: Final = {"inactive_users": {"since": "2026-03-02"}}
GOLDEN: Final = Path(__file__).parent / "golden/simulated"
LINES_KEPT: Final = 40
ROWS_SHOWN: Final = 6


def asked(name: str) -> dict[str, str]:
    """Whom and when the report is asked about: the period, or the day when everything was received."""
    day = NOW.date().isoformat()
    return ASKED | _SHORT.get(name, {}) | ({"since": day, "until": day} if name in OF_ITS_DAY else {})


def answer(client: Client, name: str, **more: str) -> Result:
    """What the report says, asked so."""
    return run(client, REPORTS[name], Caller.operator(), asked(name) | more, now=NOW)


def kept(result: Result) -> str:
    """The first rows as CSV, and how many there are."""
    lines = render.csv(result).replace("\r\n", "\n").splitlines(keepends=True)
    return "".join(lines[: LINES_KEPT + 1]) + f"# {len(lines) - 1} rows\n"


def example(result: Result) -> str:
    """The command and the first rows of the table it prints, without the time it took."""
    name = result.report.name
    orgs, *others = asked(name).items()
    options = [("org", org) for org in orgs[1].split(",")] + others
    command = " ".join(["trailhouse report", name, *(f"--{key} {value}" for key, value in options)])
    table = render.table(replace(result, elapsed_s=0.0), limit=ROWS_SHOWN, rest="not shown here")
    return f"$ {command}\n{table.replace(' · 0.00 s', '', 1)}"


def land(client: Client) -> None:
    """Store what the simulation makes as the pipeline does; all of it was received on one day after the period.

    On that day somebody read reports, and a sender made mistakes: no report about the period counts those.
    """
    events = list(Simulation(PLAN).arrived())
    for start in range(0, len(events), 10_000):
        insert_lines(client, "landing", enriched(events[start : start + 10_000], start=start, received=NOW))
    insert_lines(client, "landing", enriched([*_read(), *_refused()], start=len(events), received=NOW))


def _read() -> list[dict[str, object]]:
    """What Trailhouse would have recorded of itself."""
    recorded = Recorded()
    for number, report in enumerate(("active_users", "active_users", "failed_logins", "leaderboard")):
        org = ("alder", "birch")[number % 3 == 2]
        recorded.audit.record("analytics:read", org, Who.operator(), details={"report": report, "rows": 1})
    events = recorded.take()
    for number, event in enumerate(events):
        event |= {
            "event_id": f"019d4cf0-0000-8000-8000-{number:012x}",
            "occurred_at": text_of(NOW - timedelta(minutes=9 - number)),
            "actor_user_id": "operator:ops",
        }
    return events


def _refused() -> list[dict[str, object] | bytes]:
    nameless: dict[str, object] = {
        "org_id": "alder",
        "occurred_at": text_of(NOW),
        "event_id": "019d4cf1-0000-7000-8000-000000000000",
    }
    return [*[nameless | {"event_id": f"019d4cf1-0000-7000-8000-{n:012x}"} for n in range(3)], b"{no json"]


def write(client: Client) -> None:
    """Write every kept answer anew."""
    for name in REPORTS:
        result = answer(client, name)
        (GOLDEN / f"{name}.csv").write_text(kept(result), "utf-8")
        (GOLDEN / f"{name}.txt").write_text(example(result), "utf-8")


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder, LocalClickHouse(Path(folder)).running() as server:
        client = connect(ClickHouseSettings(dsn=server.dsn("admin", "default")))
        migrate(client)
        land(client)
        write(client)
        client.close()
