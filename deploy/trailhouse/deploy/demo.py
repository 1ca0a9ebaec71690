"""What `trailhouse demo` shows: a history of one's own and a generated company, sent, counted, asked about."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Final

from trailhouse.deploy.folder import private_files
from trailhouse.deploy.importing import Job, run_job
from trailhouse.deploy.invocation import short_path, spelled
from trailhouse.deploy.landing import await_landing, read_positions
from trailhouse.deploy.stack import Stack
from trailhouse.producers.company import generate
from trailhouse.producers.importers.errors import ImportFailed
from trailhouse.producers.importers.feed import Source
from trailhouse.producers.importers.git import open_repository, read_history
from trailhouse.producers.importers.times import AHEAD_MAX

if TYPE_CHECKING:
    from trailhouse.deploy.meter import Meter

ACME: Final = "acme"
SEED: Final = 1
PEOPLE: Final = 200
DAYS: Final = 90
WEEKS_SHOWN: Final = 12
REPORTS: Final = ("active_users", "weekly_active_users", "most_active_users", "events_by_action")
# A newcomer looks at one screen; longer reports say how many rows are left, and how to see them.
ROWS_SHOWN: Final = {"events_by_action": 10}


@dataclass(frozen=True, slots=True)
class Script:
    """What this demo's folder is about: kept, so that a second run sends the very same events."""

    end: str
    runs: int = 0

    @property
    def last_day(self) -> date:
        return date.fromisoformat(self.end)


@dataclass(frozen=True, slots=True)
class Sent:
    """Events of one organisation that were handed to Kafka in this run."""

    org: str
    events: int
    what: str


def load_script(path: Path, today: date) -> Script:
    """The script kept in `path`; a new one ends yesterday, so that every day in it is over."""
    try:
        kept = json.loads(path.read_text())
        return Script(date.fromisoformat(kept["end"]).isoformat(), int(kept["runs"]))
    except (OSError, ValueError, KeyError, TypeError):
        return Script((today - timedelta(days=1)).isoformat())


def save_run(path: Path, script: Script) -> None:
    """Remember that this script was run once more."""
    with private_files():
        path.write_text(json.dumps(asdict(replace(script, runs=script.runs + 1))))


def send_history(path: Path, stack: Stack, meter: Meter, environ: Mapping[str, str]) -> Sent:
    """Import a git history; its organisation is the owner of its remote, else "trailhouse".

    Raises `ImportFailed` when `path` holds none.
    """
    repository = open_repository(path, None, environ)
    if repository.org_from == "folder":
        repository = replace(repository, org_id="trailhouse")
    reads = read_history(repository, datetime.now(UTC) + AHEAD_MAX)
    source = Source(repository.name, reads, None, lambda: 0)
    outcome = run_job(Job(data=stack.folder.path if stack.folder else None), [source], meter, environ)
    outcome.raise_trouble()
    return Sent(repository.org_id, outcome.tally.events, f"the git history of {repository.name}")


def send_company(script: Script, stack: Stack, meter: Meter) -> Sent:
    """Send the generated company through the SDK, as its application servers would."""
    from trailhouse.producers import AuditProducer  # noqa: PLC0415 - the Kafka client

    count = 0
    with meter, AuditProducer(stack.kafka, spool="off") as producer:
        meter.begin(ACME, None, "events")
        for event in generate(SEED, people=PEOPLE, days=DAYS, end=script.last_day, org_id=ACME):
            producer.emit_event(event)
            count += 1
            if count % 500 == 0:
                meter.show(count, count)
        producer.flush(60)
    return Sent(ACME, count, f"a generated company of {PEOPLE} people over {DAYS} days")


def tally(sent: Sequence[Sent], *, is_key_new: bool) -> tuple[str, str]:
    """How many events this run sent, and whose they are: that a key was made is an event of Trailhouse's own."""
    own = "trailhouse's own: 1, the admin key was made"
    parts = [f"{each.org}: {each.events:,}, {each.what}" for each in sent]
    total = sum(each.events for each in sent) + is_key_new
    return f"{total:,} events", "; ".join([*parts, *([own] if is_key_new else [])])


def await_all(stack: Stack) -> int:
    """Return when every record on the raw topic is queryable; how many records that took."""
    return await_landing(
        lambda: read_positions(stack.kafka, "trailhouse-sink"),
        timeout_s=60,
        on_progress=lambda _done, _total: None,
    )


def reports(stack: Stack, orgs: list[str]) -> Iterator[str]:
    """The reports about each organisation as tables, over the twelve weeks that end with its last event."""
    from trailhouse.queries.caller import Caller  # noqa: PLC0415
    from trailhouse.queries.render import table  # noqa: PLC0415
    from trailhouse.queries.report import find, load  # noqa: PLC0415
    from trailhouse.queries.runner import run  # noqa: PLC0415
    from trailhouse.sinks.clickhouse import connect  # noqa: PLC0415

    client = connect(stack.clickhouse("reader"))
    known = load()
    for org in orgs:
        ((last,),) = client.query(
            "SELECT toDate(max(occurred_at)) FROM events WHERE org_id = {org:String}", parameters={"org": org}
        ).result_rows
        since = last - timedelta(weeks=WEEKS_SHOWN) + timedelta(days=1)
        period = {"org": org, "since": since.isoformat(), "until": last.isoformat()}
        for name in REPORTS:
            result = run(client, find(known, name), Caller.operator(), period)
            yield table(result, limit=ROWS_SHOWN.get(name), rest=_command(stack, name, period))
    client.close()


def _command(stack: Stack, name: str, period: Mapping[str, str]) -> str:
    asked = " ".join(f"--{key} {value}" for key, value in period.items())
    where = f" --data {short_path(stack.folder.path)}" if stack.folder else ""
    return spelled(f"trailhouse report {name} {asked}{where}")


def ways_to_ask(stack: Stack) -> str:
    """How to go on by oneself: HTTP, SQL, the command line, the API."""
    folder = stack.folder
    assert folder is not None
    shown = short_path(folder.path)
    return spelled(f"""Ask it yourself
  dashboard {stack.dashboard_url(ACME)}
  SQL       curl -K {shown}/reader.curl -d "SELECT action, count() FROM events FINAL WHERE org_id = '{ACME}' GROUP BY action ORDER BY 2 DESC LIMIT 5 FORMAT PrettyCompact"
  reports   trailhouse report most_active_users --org {ACME} --last 90d --timezone Europe/Berlin --data {shown}
  users     trailhouse users list --org {ACME} --sort last_active --data {shown}
  API       curl "{stack.api_url}/api/v1/reports/weekly_active_users?org={ACME}&last=90d"
  books     trailhouse balance --data {shown}
  state     trailhouse status --data {shown}""")


def history_or_reason(path: Path, send: Callable[[Path], Sent]) -> Sent | str:
    """What `send` sent, or in one sentence why there was nothing to send."""
    try:
        return send(path)
    except ImportFailed as error:
        return str(error)
