"""The dashboard's bars: first paint, weight, what the browser refuses, and fifty readers while events come in."""

from __future__ import annotations

import random
import re
import statistics
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from itertools import cycle
from typing import Any, Final

import httpx

from bench.audit import DATABASE, kafka_of, serving_api
from bench.database import Database, fresh_database, kept_database
from bench.figures import percentile
from bench.flow import coming_in
from bench.looks.chromium import browsing
from bench.path import roles
from bench.reports import DAYS, LARGEST, fill
from bench.stage import RunFailed, Stage
from bench.wiring import Wiring
from trailhouse.queries.key import EVERY_ORG, Scope, new_key
from trailhouse.queries.key_table import add_keys
from trailhouse.queries.store import ClickHouseStore
from trailhouse.sinks.clickhouse import Client, connect
from trailhouse.sinks.settings import ClickHouseSettings

ROOT: Final = "/org/dashboard/"
AREAS: Final = ("users", "entities", "actions", "sources", "ai")
PAGES: Final = {
    "Users": "",
    "Activity": "activity",
    "Members": "members",
    **{f"Usage, {area}": f"usage?area={area}" for area in AREAS},
    "Statistics": "statistics",
    "Security": "security",
    "Audit log": "log",
    "Pipeline health": "pipeline",
    "Settings": "settings",
    "Notifications": "notifications",
}
READERS: Final = 50
EVENTS_PER_S: Final = 2_000
#: A person looks at a page for so long before they open the next, on average.
LOOKS_S: Final = 10.0
TIMEOUT_S: Final = 120.0
_TOKEN: Final = re.compile(r'name="token" value="([0-9a-f]{80})"')
_WATCH: Final = """
window.refused = [];
document.addEventListener("securitypolicyviolation", (event) => window.refused.push(event.violatedDirective));
"""
_PAINT: Final = """() => new Promise((done) => {
  const found = () => performance.getEntriesByName("first-contentful-paint")[0];
  const ask = () => (found() ? done(found().startTime) : setTimeout(ask, 5));
  ask();
})"""


def compare(  # noqa: PLR0913, PLR0917 - what a run of it is
    stage: Stage,
    count: int,
    runs: int,
    seconds: float,
    readers: int,
    say: Callable[[str], None],
    *,
    is_kept: bool = False,
) -> list[dict[str, Any]]:
    """`count` events of 15 months that end yesterday; each page `5 x runs` times; then `seconds` of events alone, and as many with readers.

    With `is_kept` the database stays, and on the same day the next run finds it filled.
    """
    with (kept_database if is_kept else fresh_database)(stage.server, DATABASE) as database:
        first = datetime.now(UTC).date() - timedelta(days=DAYS)
        rows: list[dict[str, Any]] = [{"contender": "load", "events": count}]
        if database.landed() < count:
            rows = [fill(database.client, count, say, first=first)]
        wiring = replace(stage.wire(stage.fill(0)), clickhouse=database.dsn)
        with serving_api(stage, kafka_of(wiring)) as (port, _):
            url = f"http://127.0.0.1:{port}"
            rows += _paint(url, _keys(database.client, 1)[0], 5 * runs, say)
            rows.append(_crowd(stage, wiring, database, url, seconds, readers, say))
    return rows


def _keys(client: Client, count: int) -> list[str]:
    made = [new_key(f"reader-{n}", [EVERY_ORG], [Scope.ADMIN], now=datetime.now(UTC)) for n in range(count)]
    add_keys(client, [key for key, _ in made])
    return [text.reveal() for _, text in made]


def _paint(url: str, key: str, times: int, say: Callable[[str], None]) -> list[dict[str, Any]]:
    """Of each page the milliseconds to its first contentful paint, and the bytes of a first visit."""
    rows = []
    with browsing() as browser:
        for name, path in PAGES.items():
            context = browser.new_context(viewport={"width": 1280, "height": 800})
            context.add_init_script(_WATCH)
            page = context.new_page()
            page.set_default_timeout(TIMEOUT_S * 1000)
            page.goto(f"{url}{ROOT}sign-in")
            page.fill("#key", key)
            page.click("button.primary")
            page.wait_for_selector("h1")
            address = f"{url}{ROOT}{path}{'&' if '?' in path else '?'}org={LARGEST}"
            bytes_of = _first_visit(page, address)
            took, refused = [], 0
            for _ in range(times):
                page.goto(address)
                took.append(float(page.evaluate(_PAINT)))
                refused += len(page.evaluate("window.refused"))
            context.close()
            row = {
                "contender": f"page {name}",
                "p50_ms": statistics.median(took),
                "p95_ms": percentile(took, 0.95),
                "bytes": bytes_of,
                "csp_reports": refused,
            }
            rows.append(row)
            say(
                f"  {name:24} first paint p50 {row['p50_ms']:6.0f} ms  p95 {row['p95_ms']:6.0f} ms  {bytes_of:6,} B"
            )
    return rows


def _first_visit(page: Any, address: str) -> int:
    """Bytes of the page and all it loads, as they travel, with nothing kept from before."""
    session = page.context.new_cdp_session(page)
    session.send("Network.enable")
    session.send("Network.clearBrowserCache")
    sizes: list[float] = []
    session.on("Network.loadingFinished", lambda event: sizes.append(event["encodedDataLength"]))
    page.goto(address, wait_until="networkidle")
    session.detach()
    return int(sum(sizes))


@dataclass(slots=True)
class Readings:
    """What readers met: seconds of each answer, and whatever was no page."""

    seconds: list[float] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)


def _crowd(  # noqa: PLR0913, PLR0917 - what a run of it is
    stage: Stage,
    wiring: Wiring,
    database: Database,
    url: str,
    seconds: float,
    readers: int,
    say: Callable[[str], None],
) -> dict[str, Any]:
    keys = _keys(database.client, readers)
    time.sleep(6)  # until the API has read the keys anew
    found = Readings()
    with roles(stage, wiring), coming_in(stage.bootstrap, wiring.raw, EVENTS_PER_S) as sent:
        before_at = _wait_for_flow(database)
        before = _freshness(database, seconds)
        done = threading.Event()
        crowd = [
            threading.Thread(target=_read, args=(url, key, number, done, found), daemon=True)
            for number, key in enumerate(keys)
        ]
        for each in crowd:
            each.start()
        during = _freshness(database, seconds)
        done.set()
        for each in crowd:
            each.join(TIMEOUT_S)
    row: dict[str, Any] = {
        "contender": "readers",
        "readers": readers,
        "seconds": seconds,
        "answers": len(found.seconds),
        "errors": len(found.errors),
        "p50_ms": statistics.median(found.seconds) * 1000 if found.seconds else 0.0,
        "p95_ms": percentile(found.seconds, 0.95) * 1000 if found.seconds else 0.0,
        "events_per_s": sent[0] / max(1e-9, time.monotonic() - before_at),
        "freshness_before_s": {"p50": statistics.median(before), "p95": percentile(before, 0.95)},
        "freshness_during_s": {"p50": statistics.median(during), "p95": percentile(during, 0.95)},
    }
    if found.errors:
        row["first_errors"] = found.errors[:3]
    say(
        f"  {readers} readers: {row['answers']} answers, {row['errors']} errors, p50 {row['p50_ms']:.0f} ms, p95 {row['p95_ms']:.0f} ms;"
        f" freshness p95 {row['freshness_before_s']['p95']:.1f} s before, {row['freshness_during_s']['p95']:.1f} s during"
    )
    return row


def _wait_for_flow(database: Database) -> float:
    """Until events of now come out at the other end, beyond what the history left there; when they began to come in."""
    started, began = time.monotonic(), datetime.now(UTC)
    store = ClickHouseStore(database.client)
    while (landed := store.landed_until()) is None or landed < began:
        if time.monotonic() - started > TIMEOUT_S:
            raise RunFailed(f"no event came through in {TIMEOUT_S:.0f} s")
        time.sleep(0.2)
    return started


def _freshness(database: Database, seconds: float) -> list[float]:
    """How long ago the newest stored record was received, twice a second: what the pages call `up to … ago`."""
    client = connect(ClickHouseSettings(dsn=_secret(database.dsn)))
    store, found, until = ClickHouseStore(client), [], time.monotonic() + seconds
    while time.monotonic() < until:
        landed = store.landed_until()
        if landed is not None:
            found.append(max(0.0, (datetime.now(UTC) - landed).total_seconds()))
        time.sleep(0.5)
    client.close()
    return found


def _secret(dsn: str) -> Any:
    from trailhouse.producers.settings import Secret

    return Secret(dsn)


def _read(url: str, key: str, number: int, done: threading.Event, found: Readings) -> None:
    """One person: signs in, opens page after page, and looks at each for a while."""
    luck = random.Random(number)
    with httpx.Client(base_url=url + ROOT, timeout=TIMEOUT_S, follow_redirects=False) as client:
        try:
            token = _TOKEN.search(client.get("sign-in").text)
            assert token
            client.post("sign-in", data={"key": key, "token": token[1], "next": ROOT})
        except (httpx.HTTPError, AssertionError) as error:
            found.errors.append(f"sign-in: {type(error).__name__} {error}")
            return
        paths = list(PAGES.values())
        for path in cycle(paths[number % len(paths) :] + paths[: number % len(paths)]):
            if done.wait(luck.uniform(0, 2 * LOOKS_S)):
                return
            started = time.monotonic()
            try:
                answer = client.get(f"{path}{'&' if '?' in path else '?'}org={LARGEST}")
            except httpx.HTTPError as error:
                found.errors.append(f"{path}: {type(error).__name__} {error}")
                continue
            found.seconds.append(time.monotonic() - started)
            if answer.status_code != httpx.codes.OK or 'role="alert"' in answer.text:
                found.errors.append(f"{path}: {answer.status_code} {_told(answer.text)}")


def _told(page: str) -> str:
    """What an error on a page says."""
    found = re.search(r'role="alert">(.{0,200})', page, re.DOTALL)
    return found[1] if found else ""
