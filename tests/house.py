"""A company's history in a database of its own, the API and its dashboard over it, and visitors who sign in."""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from html.parser import HTMLParser
from typing import Any

import httpx
import orjson
from tests.databases import Databases
from tests.queries.keyring import give
from tests.queries.recording import Recorded
from tests.queries.serving import NO_KAFKA, serving
from tests.sinks.lines import enriched

from trailhouse.producers.company import generate
from trailhouse.queries.key import Scope
from trailhouse.queries.settings import ApiSettings
from trailhouse.sinks.clickhouse import Client, insert_lines
from trailhouse.sinks.settings import ClickHouseSettings

ORG, OTHER = "acme", "beta"
EVERYTHING = (Scope.ADMIN,)
REPORTS = (Scope.REPORTS_READ,)
MASKED = (Scope.REPORTS_READ, Scope.AUDIT_READ)
ROOT = "/org/dashboard/"
_TOKEN = re.compile(r'name="token" value="([0-9a-f]{80})"')


@dataclass
class House:
    """The API at `url` over two organisations, of which `acme` is a company of thirty people."""

    url: str
    database: Client
    recorded: Recorded
    clickhouse: ClickHouseSettings
    seats: dict[tuple[frozenset[Scope], frozenset[str]], dict[str, str]] = field(default_factory=dict)

    def key(self, scopes: Iterable[Scope] = EVERYTHING, orgs: Iterable[str] = (ORG,), **more: Any) -> str:
        """A new key's text."""
        return give(self.database, tuple(orgs), tuple(scopes), **more)[1]

    @contextmanager
    def visitor(
        self,
        scopes: Iterable[Scope] | None = EVERYTHING,
        orgs: Iterable[str] = (ORG,),
        *,
        is_new: bool = False,
    ) -> Iterator[httpx.Client]:
        """A browser without scripts, signed in with a key of these rights; None = not signed in.

        Who has signed in before with the same rights is let in by the same cookie, unless `is_new`.
        """
        with httpx.Client(base_url=self.url + ROOT, timeout=120, follow_redirects=False) as client:
            if scopes is not None:
                seat = frozenset(scopes), frozenset(orgs)
                if is_new or seat not in self.seats:
                    answer = sign_in(client, self.key(scopes, orgs))
                    assert answer.status_code == 303, answer.text
                    if not is_new:
                        self.seats[seat] = dict(client.cookies)
                else:
                    client.cookies.update(self.seats[seat])
            yield client


def sign_in(client: httpx.Client, key: str, **more: str) -> httpx.Response:
    """Fill in the form and send it."""
    token = token_of(client.get("sign-in").text)
    return client.post("sign-in", data={"key": key, "token": token, "next": ROOT} | more)


def token_of(page: str) -> str:
    """The token of a page's form."""
    found = _TOKEN.search(page)
    assert found, page
    return found[1]


@contextmanager
def house(databases: Databases, *, people: int = 30, days: int = 30, **more: Any) -> Iterator[House]:
    """Stored as the pipeline would, up to yesterday, and one event of today; `more` are settings of the API."""
    with databases.lend() as (settings, database):
        now = datetime.now(UTC)
        events = [
            each.to_dict()
            for each in generate(7, people=people, days=days, end=now.date() - timedelta(days=1), org_id=ORG)
        ]
        events += [_today(now, ORG, "u-0001"), _today(now, OTHER, "bea@example.org")]
        for start in range(0, len(events), 1_000):
            lines = enriched(events[start : start + 1_000], start=start, received=now)
            insert_lines(database, "landing", lines)
        row = {"epoch": "epoch-a", "partition": 0, "first": 0, "last": len(events) - 1}
        insert_lines(database, "batches", [orjson.dumps(row | {"received_at": now.isoformat()})])
        recorded = Recorded()
        own = ApiSettings(
            clickhouse=settings, settings_dsn=settings.dsn, kafka=NO_KAFKA, keys_ttl_s=0, key_rate=0, **more
        )
        with serving(own, recorded=recorded) as client:
            yield House(str(client.base_url).rstrip("/"), database, recorded, settings)


def _today(now: datetime, org: str, who: str) -> dict[str, Any]:
    return {
        "event_id": str(uuid.uuid5(uuid.NAMESPACE_OID, f"{org}/today")),
        "occurred_at": now.replace(microsecond=0).isoformat().replace("+00:00", ".000Z"),
        "org_id": org,
        "action": "page:view",
        "actor_user_id": who,
        "attributes": {"page": "/catalog"},
    }


class _Cells(HTMLParser):
    def __init__(self, start: str) -> None:
        super().__init__()
        self.rows: list[list[str]] = []
        self._start, self._is_on, self._cell = start, not start, False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "article" and self._start:
            self._is_on = dict(attrs).get("id") == self._start
        if self._is_on and tag == "tr":
            self.rows.append([])
        if self._is_on and tag in {"td", "th"}:
            self.rows[-1].append("")
            self._cell = True

    def handle_endtag(self, tag: str) -> None:
        if tag in {"td", "th"}:
            self._cell = False

    def handle_data(self, data: str) -> None:
        if self._is_on and self._cell:
            self.rows[-1][-1] += data.strip()


def rows_of(page: str, panel: str = "") -> list[list[str]]:
    """The cells of every table of a page, or of one of its panels, row by row, the heads among them."""
    parser = _Cells(panel)
    parser.feed(page)
    return parser.rows
