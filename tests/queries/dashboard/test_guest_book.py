"""Two processes of one dashboard over one database: signing out, and what a person chose, hold at both."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import httpx
import pytest
from tests.house import EVERYTHING, ORG, OTHER, ROOT, House, sign_in, token_of
from tests.openid import CLIENT, SECRET, OpenId, openid, parse
from tests.queries.serving import NO_CLICKHOUSE, NO_KAFKA, serving

from trailhouse.producers.settings import Secret
from trailhouse.queries.dashboard.guest_book import GuestBook
from trailhouse.queries.dashboard.session import LIFE_S, Sessions, mark_of
from trailhouse.queries.errors import StorageUnavailable
from trailhouse.queries.guest_table import load_ended
from trailhouse.queries.oidc_settings import OidcSettings
from trailhouse.queries.settings import ApiSettings
from trailhouse.queries.store import Pool
from trailhouse.sinks.clickhouse import Client

RULES = (
    f"readers = {ORG},{OTHER} reports:read,audit:read; more = {ORG} audit:read_pii,reports:read,audit:read"
)


@contextmanager
def process(company: House, provider: OpenId | None = None) -> Iterator[str]:
    """One more API over the company's database, with the secret they share; its dashboard's address."""
    oidc = OidcSettings(
        issuer=provider.url if provider else "",
        client_id=CLIENT if provider else "",
        client_secret=Secret(SECRET) if provider else Secret(),
        rights=RULES if provider else "",
    )
    settings = ApiSettings(
        clickhouse=company.clickhouse,
        settings_dsn=company.clickhouse.dsn,
        kafka=NO_KAFKA,
        keys_ttl_s=0,
        key_rate=0,
        anonymous="false",
        session_secret=Secret("s" * 32),
        oidc=oidc,
    )
    with serving(settings) as client:
        yield str(client.base_url).rstrip("/") + ROOT


@contextmanager
def browser(url: str, cookies: dict[str, str] | None = None) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=url, cookies=cookies, timeout=60, follow_redirects=False) as client:
        yield client


def enter(client: httpx.Client, provider: OpenId, groups: list[str]) -> None:
    """By the provider, as Ann."""
    provider.person = {"sub": "ann", "email": "ann@example.org", "groups": groups}
    to = client.get("sign-in/oidc").headers["location"]
    assert client.get(provider.agree(parse(httpx.URL(to).query.decode()))).status_code == 200


def leave(client: httpx.Client) -> None:
    """Sign out by the form of a page."""
    token = token_of(client.get(f"settings?org={ORG}").text)
    assert client.post("sign-out", data={"token": token}).status_code == 303


def test_who_signed_out_at_one_process_is_out_at_the_other(company: House) -> None:
    """A copy of the cookie opens neither; the same key's other session goes on at both; also after a restart."""
    key = company.key(EVERYTHING)
    with process(company) as first, process(company) as second:
        with browser(first) as client, browser(first) as other:
            assert sign_in(client, key).status_code == sign_in(other, key).status_code == 303
            copy, stays = dict(client.cookies), dict(other.cookies)
            for url in (first, second):
                with browser(url, copy) as there:
                    assert there.get(f"settings?org={ORG}").status_code == 200
            leave(client)
        for url, cookies, status in (
            (first, copy, 303),
            (second, copy, 303),
            (first, stays, 200),
            (second, stays, 200),
        ):
            with browser(url, cookies) as there:
                assert there.get(f"settings?org={ORG}").status_code == status
    with process(company) as third, browser(third, copy) as there:
        assert there.get(f"settings?org={ORG}").status_code == 303


def test_a_person_has_one_default_organisation_at_every_process(company: House) -> None:
    """WA6: asked for until it is chosen, by the subject and not the address, gone with the rights in it."""
    with openid() as provider, process(company, provider) as first, process(company, provider) as second:
        with browser(first) as client:
            enter(client, provider, ["readers"])
            asked = client.get("activity")
            assert "Which organization" in asked.text or f"org={OTHER}" in asked.text
            page = client.get(f"settings?org={ORG}").text
            assert "a page asks for one" in page
            data = {"token": token_of(page), "default_org": OTHER}
            saved = client.post(f"settings/default-org?org={ORG}", data=data)
            assert saved.status_code == 303, saved.text
            assert (
                "pages whose address names no organization"
                in client.get(str(httpx.URL(first).join(saved.headers["location"]))).text
            )
            wrong = client.post(f"settings/default-org?org={ORG}", data=data | {"default_org": "elsewhere"})
            assert wrong.status_code == 400
            assert 'id="wrong-default-org-default_org"' in wrong.text
            there_too = dict(client.cookies)
        with browser(second, there_too) as client:
            assert _org(client) == OTHER
            assert f"<option selected>{OTHER}</option>" in client.get(f"settings?org={ORG}").text
            leave(client)
        with browser(first, there_too) as client:
            assert client.get(f"settings?org={ORG}").status_code == 303  # a person signs out everywhere, too
        with browser(second) as client:  # comes back, and is known by the subject
            enter(client, provider, ["readers"])
            assert _org(client) == OTHER
        with browser(second) as client:  # with rights in the other one alone
            enter(client, provider, ["more"])
            assert _org(client) == ORG
    kept = str(company.database.query("SELECT * FROM person_orgs").result_rows)
    assert OTHER in kept
    assert "ann" not in kept


def _org(client: httpx.Client) -> str:
    """Which organisation a page is about when its address names none."""
    page = client.get("settings")
    assert page.status_code == 200, page.text
    (org,) = [each for each in (ORG, OTHER) if f"what holds for {each}." in page.text]
    return org


class Away(Pool):
    """A store that takes nothing while it is `away`, as one that is down or refuses this user."""

    def __init__(self, pool: Pool) -> None:
        self._pool, self.is_away = pool, True

    @contextmanager
    def client(self) -> Iterator[Client]:
        if self.is_away:
            raise StorageUnavailable("away", "wait")
        with self._pool.client() as client:
            yield client


def test_what_cannot_be_written_is_tried_again(company: House, caplog: pytest.LogCaptureFixture) -> None:
    """Said once; ended here at once, elsewhere with the first reading that works, if it still matters then."""
    pool, now = Pool(company.clickhouse, size=2), [1_900_000_000.0]
    writers = Away(pool)
    sessions = Sessions("s" * 32, clock=lambda: now[0])
    book = GuestBook(sessions, writers)
    old, _ = sessions.begin("0123456789ab")
    book.end(old)
    now[0] += LIFE_S
    session, cookie = sessions.begin("0123456789ab")
    now[0] += 1
    book.end(session)
    assert sessions.read(cookie) is None
    with pool.client() as client:
        book.read(client)
        assert load_ended(client, now[0] - 60) == frozenset()
        assert caplog.text.count("ended_sessions") == 1
        writers.is_away = False
        book.read(client)
        assert load_ended(client, now[0] - LIFE_S - 60) == {mark_of(session.nonce)}
        other = Sessions("s" * 32, clock=lambda: now[0])
        assert other.read(cookie) is not None
        GuestBook(other, writers).read(client)
        assert other.read(cookie) is None
    pool.close()


def test_a_store_that_is_away_changes_nothing(company: House) -> None:
    """What was known stays known."""
    sessions = Sessions()
    session, cookie = sessions.begin("0123456789ab")
    sessions.learn({mark_of(session.nonce)})
    book = GuestBook(sessions, Pool(NO_CLICKHOUSE, size=1))
    with pytest.raises(StorageUnavailable), Pool(NO_CLICKHOUSE, size=1).client() as client:
        book.read(client)
    assert sessions.read(cookie) is None
    assert book.default_org("oidc:1") == ""
