"""Keys over HTTP, on reports: what a key opens, what nobody learns, and what becomes of guessing."""

from __future__ import annotations

import base64
import secrets
import statistics
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import httpx
import pytest
from tests.queries.conftest import World
from tests.queries.keyring import bearer, give
from tests.queries.recording import Recorded
from tests.queries.serving import NO_CLICKHOUSE, NO_KAFKA, WINDOW, problem, serving

from trailhouse.queries.api_access import credentials
from trailhouse.queries.key import Scope, new_key
from trailhouse.queries.key_table import add_keys, revoke_keys
from trailhouse.queries.self_audit import INSTALLATION
from trailhouse.queries.settings import ApiSettings

PATH = "/api/v1/reports/most_active_users"
BETA = WINDOW | {"org": "beta"}
READ = (Scope.REPORTS_READ,)
TTL_S = 0.5


@pytest.fixture
def client(world: World) -> Iterator[httpx.Client]:
    """An API of its own: locks are kept in its memory."""
    settings = ApiSettings(clickhouse=world.settings, kafka=NO_KAFKA, keys_ttl_s=TTL_S)
    with serving(settings) as client:
        client.headers["X-Request-Id"] = "one"  # so that answers compare, which name it
        yield client


def users(answer: httpx.Response) -> list[str]:
    assert answer.status_code == 200, answer.text
    return [row["user"] for row in answer.json()["rows"]]


def test_without_a_key_all_is_as_it_was(client: httpx.Client) -> None:
    """On this machine reports are open, people masked."""
    assert all(user.startswith("u_") for user in users(client.get(PATH, params=WINDOW)))


def test_a_key_rules_once_it_is_shown(world: World, client: httpx.Client) -> None:
    """Its organisation and no other, its scopes and no more, although without it all is open."""
    _, text = give(world.client, ["acme"], READ)
    _, pii = give(world.client, ["acme"], (*READ, Scope.AUDIT_READ_PII))
    _, both = give(world.client, ["acme", "beta"], READ)
    _, admin = give(world.client, ["*"], [Scope.ADMIN])
    assert all(user.startswith("u_") for user in users(client.get(PATH, params=WINDOW, headers=bearer(text))))
    own = {name: value for name, value in WINDOW.items() if name != "org"}
    assert users(client.get(PATH, params=own, headers=bearer(text)))
    foreign = client.get(PATH, params=BETA, headers=bearer(text))
    assert problem(foreign, 403)["detail"] == "you may not read organisation 'beta'"
    nowhere = client.get(PATH, params=BETA | {"org": "nowhere"}, headers=bearer(text))
    assert foreign.text.replace("beta", "nowhere") == nowhere.text
    assert "ann" in users(client.get(PATH, params=WINDOW | {"limit": "99"}, headers=bearer(pii)))
    several = client.get(PATH, params=own, headers=bearer(both))
    problem(several, 400)
    assert ("acme, beta" in several.text, "zeta" in several.text) == (True, False)
    assert users(client.get(PATH, params=BETA, headers=bearer(admin)))


@pytest.mark.parametrize("scope", [each for each in Scope if each not in {Scope.REPORTS_READ, Scope.ADMIN}])
def test_another_scope_opens_no_report(world: World, client: httpx.Client, scope: Scope) -> None:
    """403, which names the scope that is missing; for the list as for a report."""
    _, text = give(world.client, ["acme"], [scope])
    for path in (PATH, "/api/v1/reports"):
        assert "reports:read" in str(problem(client.get(path, params=WINDOW, headers=bearer(text)), 403))


def test_basic_and_bearer(world: World, client: httpx.Client) -> None:
    """The user name counts where it is given."""
    _, text = give(world.client, ["acme"], READ, username="dé mo")
    assert client.get(PATH, params=WINDOW, auth=("dé mo", text)).status_code == 200
    assert client.get(PATH, params=WINDOW, headers={"Authorization": f"bEaReR {text}"}).status_code == 200
    for username in ("", "demo", "admin", text):
        problem(client.get(PATH, params=WINDOW, auth=(username, text)), 401)
    assert client.get(PATH, params=WINDOW, auth=("dé mo", text)).status_code == 200


@pytest.mark.parametrize(
    "header",
    [
        "",
        "Bearer",
        "Basic",
        "Basic !!!",
        "Basic " + base64.b64encode(b"\xff:\xff").decode(),
        "Basic " + base64.b64encode(b"no colon").decode(),
        "Digest username=demo",
        "thk_" + "0" * 12 + "_" + "0" * 64,
        "Bearer thk_" + "0" * 12 + "_" + "0" * 64,
        "Bearer " + "x" * 4000,
        "Bearer ' OR 1=1 --",
    ],
)
def test_what_is_no_valid_key_is_401_and_never_anonymous(client: httpx.Client, header: str) -> None:
    """The same answer for all of them, which says how to authenticate."""
    answer = client.get(PATH, params=WINDOW, headers={"Authorization": header})
    assert problem(answer, 401)["detail"] == "this key is not valid"
    assert answer.headers["www-authenticate"] == 'Bearer realm="trailhouse", Basic realm="trailhouse"'


def test_two_keys_are_none(world: World, client: httpx.Client) -> None:
    """Nobody could say which of them counts."""
    _, text = give(world.client, ["acme"], READ)
    headers = [("Authorization", f"Bearer {text}")] * 2
    problem(client.get(PATH, params=WINDOW, headers=headers), 401)


def test_expired_and_revoked_keys_open_nothing(world: World, client: httpx.Client) -> None:
    """Expired from its moment on, revoked within the stated time, and neither answer tells one from the other."""
    _, old = give(world.client, ["acme"], READ, age=timedelta(hours=2), life=timedelta(hours=1))
    expired = client.get(PATH, params=WINDOW, headers=bearer(old))
    problem(expired, 401)
    key, text = give(world.client, ["acme"], READ)
    assert client.get(PATH, params=WINDOW, headers=bearer(text)).status_code == 200
    revoke_keys(world.client, [key.key_id], datetime.now(UTC))
    time.sleep(TTL_S)
    revoked = client.get(PATH, params=WINDOW, headers=bearer(text))
    assert revoked.text == expired.text


def test_guessing_locks_out(world: World, client: httpx.Client) -> None:
    """Guesses at a key are locked for that address; the right secret never is, or guessing would lock out its holder."""
    key, text = give(world.client, ["acme"], READ)
    _, other = give(world.client, ["acme"], READ)
    answers = [
        client.get(PATH, headers=bearer(f"thk_{key.key_id}_{secrets.token_hex(32)}")).status_code
        for _ in range(12)
    ]
    assert answers == [401] * 10 + [429] * 2
    locked = client.get(PATH, headers=bearer(f"thk_{key.key_id}_{secrets.token_hex(32)}"))
    problem(locked, 429)
    assert 0 < int(locked.headers["retry-after"]) <= 60
    for good in (text, other):
        assert client.get(PATH, params=WINDOW, headers=bearer(good)).status_code == 200
    assert client.get(PATH, headers=bearer(f"thk_{key.key_id}_{secrets.token_hex(32)}")).status_code == 429
    assert client.get(PATH, params=WINDOW).status_code == 200


def test_guessing_at_random_locks_the_address(world: World, client: httpx.Client) -> None:
    """For all that is no key; an address that a header claims changes nothing, and a service behind it goes on."""
    _, text = give(world.client, ["acme"], READ)
    answers = []
    for number in range(14):
        # The form of a key takes the API a second look, so only one of them has it.
        guess = (
            f"thk_{secrets.token_hex(6)}_{secrets.token_hex(32)}" if number == 5 else secrets.token_hex(32)
        )
        headers = bearer(guess) | {"X-Forwarded-For": f"10.0.0.{number}", "Forwarded": f"for=10.0.0.{number}"}
        answers.append(client.get(PATH, headers=headers).status_code)
    assert answers == [401] * 10 + [429] * 4
    assert client.get(PATH, auth=("demo", "password")).status_code == 429
    assert client.get(PATH, params=WINDOW, headers=bearer(text)).status_code == 200
    checks = {
        line.split()[0]: float(line.split()[1])
        for line in client.get("/metrics").text.splitlines()
        if line.startswith("trailhouse_api_key_checks_total")
    }
    assert checks['trailhouse_api_key_checks_total{outcome="wrong"}'] == 10
    assert checks['trailhouse_api_key_checks_total{outcome="locked"}'] == 5


def test_without_the_store_no_key_is_good() -> None:
    """503 with Retry-After, not 401: the client should try again. Without a key nothing changes."""
    with serving(ApiSettings(clickhouse=NO_CLICKHOUSE, kafka=NO_KAFKA)) as lost:
        answer = lost.get("/api/v1/reports", headers=bearer("thk_" + "0" * 12 + "_" + "0" * 64))
        problem(answer, 503)
        assert answer.headers["retry-after"]
        assert lost.get("/api/v1/reports").status_code == 200


def test_every_refusal_is_recorded_where_it_concerns_somebody(world: World) -> None:
    """A foreign organisation, a missing scope, a wrong secret, no such key: whose key it was, and no flood of them."""
    key, text = give(world.client, ["acme"], READ, username="ann")
    writer, writing = give(world.client, ["beta"], [Scope.EVENTS_WRITE])
    recorded = Recorded()
    settings = ApiSettings(clickhouse=world.settings, kafka=NO_KAFKA, keys_ttl_s=TTL_S)
    with serving(settings, recorded=recorded) as client:
        assert client.get(PATH, params=BETA, headers=bearer(text)).status_code == 403
        assert client.get(PATH, params=WINDOW, headers=bearer(writing)).status_code == 403
        assert client.get(PATH, params=WINDOW, headers=bearer(text[:-1] + "x")).status_code == 401
        wrong = f"thk_{key.key_id}_{secrets.token_hex(32)}"
        for _ in range(3):
            client.get(PATH, params=WINDOW, headers=bearer(wrong))
        for _ in range(30):
            client.get(PATH, headers=bearer("guess"))
        events = recorded.take()
    assert {event["action"] for event in events} == {"access:denied"}
    told = [
        (
            event["org_id"],
            event["attributes"]["rule"],
            event.get("actor_user_id"),
            event["attributes"].get("key_id"),
        )
        for event in events
    ]
    assert told[:2] == [
        ("acme", "org", "ann", key.key_id),
        ("beta", "scope", "demo", writer.key_id),
    ]
    assert events[0]["attributes"] == {
        "key_id": key.key_id,
        "rule": "org",
        "attempts": 1,
        "path": PATH,
        "status": 403,
        "asked_org": "beta",
    }
    # A key cut or changed at its end has no key's form, so it is nobody's.
    assert told[2] == (INSTALLATION, "key", None, None)
    assert told[3:6] == [("acme", "key", None, key.key_id)] * 3
    assert {each[:2] for each in told[6:]} == {(INSTALLATION, "key"), (INSTALLATION, "locked")}
    # With the one before it, the ninth of 30 guesses locks; of the 21 that follow the first ten and the 20th are told.
    assert len(told[6:]) == 20
    assert text not in str(events)
    assert wrong not in str(events)


def test_a_key_of_several_organisations_has_a_default_one(world: World) -> None:
    """It is meant where a request names none, and gives no right to another."""
    key, text = new_key("ann", ["acme", "beta"], READ, now=datetime.now(UTC), default_org="beta")
    add_keys(world.client, [key])
    period = {name: value for name, value in WINDOW.items() if name != "org"}
    with serving(ApiSettings(clickhouse=world.settings, kafka=NO_KAFKA)) as client:
        headers = bearer(text.reveal())
        for named, meant in ((period, "beta"), (WINDOW, "acme")):
            answer = client.get(PATH, params=named, headers=headers)
            assert answer.json()["params"]["org"] == meant
        assert client.get(PATH, params=WINDOW | {"org": "zeta"}, headers=headers).status_code == 403


def test_a_key_that_asks_too_often_has_to_wait(world: World) -> None:
    """429 with Retry-After, for this key and no other."""
    _, text = give(world.client, ["acme"], READ)
    _, other = give(world.client, ["acme"], READ)
    settings = ApiSettings(clickhouse=world.settings, kafka=NO_KAFKA, key_rate=0.2)
    with serving(settings) as client:
        listed = [client.get("/api/v1/reports", headers=bearer(text)) for _ in range(3)]
        assert [answer.status_code for answer in listed] == [200, 200, 429]
        assert problem(listed[-1], 429)["title"] == "Too many requests"
        assert 0 < int(listed[-1].headers["retry-after"]) <= 5
        assert client.get("/api/v1/reports", headers=bearer(other)).status_code == 200


def test_it_takes_as_long_whatever_is_wrong(world: World) -> None:
    """An unknown key and a wrong secret of a known one cannot be told apart by time."""
    from trailhouse.queries.key import is_match

    key, text = new_key("demo", ["acme"], READ, now=datetime.now(UTC))
    wrong = text.reveal()[:-1] + "x"

    def seconds(found: object) -> float:
        started = time.perf_counter()
        for _ in range(300):
            is_match(found, wrong)  # type: ignore[arg-type]
        return time.perf_counter() - started

    pairs = [(seconds(key), seconds(None)) for _ in range(31)]
    known, unknown = (statistics.median(each) for each in zip(*pairs, strict=True))
    assert 0.6 < known / unknown < 1.6


def test_credentials_are_read_without_guessing() -> None:
    """A user name may hold what a key may not; the first colon ends it."""
    packed = base64.b64encode(b"demo:thk_a:b").decode()
    assert credentials(f"Basic {packed}") == ("demo", "thk_a:b")
    assert credentials("Bearer  x ") == (None, "x")
    assert credentials("Token x") == (None, "")
