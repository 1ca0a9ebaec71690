"""The OpenID provider, real and on this machine: what it signs is believed, and nothing else."""

from __future__ import annotations

import base64
import functools
import hmac
import json
import time
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from joserfc.jwk import RSAKey
from tests.openid import CLIENT, SECRET, OpenId, openid

from trailhouse.producers.settings import Secret
from trailhouse.queries.dashboard.provider import Ask, Provider
from trailhouse.queries.errors import ProviderUnavailable, SignInFailed
from trailhouse.queries.oidc_settings import OidcSettings

ASK = Ask("state", "nonce", "v" * 64, "http://127.0.0.1/back")


@functools.cache
def http() -> httpx.Client:
    """One for all: each reads the machine's certificates anew."""
    return httpx.Client()


@pytest.fixture(scope="module")
def running() -> Iterator[OpenId]:
    with openid() as provider:
        yield provider


@pytest.fixture
def there(running: OpenId) -> OpenId:
    running.reset()
    return running


def part(told: dict[str, str]) -> str:
    return base64.urlsafe_b64encode(json.dumps(told).encode()).rstrip(b"=").decode()


def provider_of(there: OpenId, **more: Any) -> Provider:
    settings = OidcSettings(
        issuer=there.url, client_id=CLIENT, client_secret=Secret(SECRET), rights="audit = acme reports:read"
    )
    return Provider(settings, **{"client": http(), **more})


def test_a_good_token_is_believed(there: OpenId) -> None:
    """Also of several audiences, when we are the party it was made for."""
    provider = provider_of(there)
    assert provider.verified(there.token("nonce"), "nonce")["email"] == "ann@example.org"
    assert provider.verified(there.token("nonce", aud=[CLIENT, "other"], azp=CLIENT), "nonce")["sub"] == "ann"


@pytest.mark.parametrize(
    ("changed", "rule"),
    [
        ({"nonce": "another"}, "nonce"),
        ({"nonce": None}, "nonce"),
        ({"aud": "another"}, "audience"),
        ({"aud": None}, "audience"),
        ({"aud": [CLIENT, "other"], "azp": "other"}, "audience"),
        ({"exp": 1_700_000_000}, "expired"),
        ({"exp": None}, "expired"),
        ({"iss": "https://evil.example"}, "issuer"),
        ({"iat": 4_000_000_000}, "claims"),
        ({"sub": None}, "claims"),
        ({"sub": ""}, "claims"),
    ],
)
def test_a_token_that_is_not_for_this_sign_in_is_refused(
    there: OpenId, changed: dict[str, Any], rule: str
) -> None:
    """Each with its word."""
    with pytest.raises(SignInFailed) as failed:
        provider_of(there).verified(there.token("nonce", **changed), "nonce")
    assert failed.value.refusal == f"oidc_{rule}"


def test_signatures_of_others_are_none(there: OpenId) -> None:
    """A foreign key, no signature at all, HMAC with what everybody knows, and what is no token."""
    good = there.token("nonce")
    there.signer = RSAKey.generate_key(2048, {"kid": "one"})
    tokens = [there.token("nonce"), "", "a.b.c", good[:-8] + "AAAAAAAA"]
    there.is_unsigned = True
    tokens += [there.token("nonce"), good.rpartition(".")[0] + "."]
    head, body = (part(each) for each in ({"alg": "HS256", "kid": "one"}, {"sub": "ann", "nonce": "nonce"}))
    for secret in (SECRET.encode(), there.key.as_pem(private=False)):
        mark = hmac.digest(secret, f"{head}.{body}".encode(), "sha256")
        tokens.append(f"{head}.{body}.{base64.urlsafe_b64encode(mark).rstrip(b'=').decode()}")
    for number, token in enumerate(tokens):
        with pytest.raises(SignInFailed) as failed:
            provider_of(there).verified(token, "nonce")
        assert failed.value.refusal == "oidc_signature", number


def test_new_keys_are_looked_for_and_not_for_each_wrong_token(there: OpenId) -> None:
    """A provider may change its keys at any time; whoever sends nonsense does not make us ask."""
    now = [time.time()]
    provider = provider_of(there, clock=lambda: now[0])
    provider.verified(there.token("nonce"), "nonce")
    there.key = RSAKey.generate_key(2048, {"kid": "one", "use": "sig"})
    with pytest.raises(SignInFailed):
        provider.verified(there.token("nonce"), "nonce")
    now[0] += 11
    provider.verified(there.token("nonce"), "nonce")
    there.asked.clear()
    for _ in range(5):
        with pytest.raises(SignInFailed):
            provider.verified("a.b.c", "nonce")
    assert there.asked == []


def test_a_code_is_exchanged_once_with_its_verifier(there: OpenId) -> None:
    """PKCE: whoever has caught a code has not got the verifier."""
    provider = provider_of(there)

    def code() -> str:
        asked = httpx.URL(provider.address(ASK)).params
        assert asked["code_challenge_method"] == "S256"
        assert ASK.verifier not in str(asked)
        return str(httpx.URL(there.agree(dict(asked))).params["code"])

    first = code()
    assert provider.claims(first, ASK)["sub"] == "ann"
    with pytest.raises(SignInFailed) as failed:
        provider.claims(first, ASK)
    assert failed.value.refusal == "oidc_code"
    with pytest.raises(SignInFailed):
        provider.claims(code(), Ask("state", "nonce", "w" * 64, ASK.back))


def test_groups_may_stand_in_userinfo_alone(there: OpenId) -> None:
    """Of the same person, or not at all."""
    provider = provider_of(there)
    there.more = {"groups": ["audit"], "email": "other@example.org"}
    code = httpx.URL(there.agree(dict(httpx.URL(provider.address(ASK)).params))).params["code"]
    told = provider.claims(code, ASK)
    assert (told["groups"], told["email"]) == (["audit"], "ann@example.org")
    there.more = {"sub": "bea", "groups": ["audit"]}
    code = httpx.URL(there.agree(dict(httpx.URL(provider.address(ASK)).params))).params["code"]
    with pytest.raises(SignInFailed) as failed:
        provider.claims(code, ASK)
    assert failed.value.refusal == "oidc_userinfo"


def test_a_provider_that_is_none_is_told() -> None:
    """Away, of another name, with addresses that are not safe; while it is away nobody else waits."""
    settings = OidcSettings(issuer="http://127.0.0.1:9", client_id="t", rights="a = acme admin")
    with pytest.raises(ProviderUnavailable, match="does not answer"):
        Provider(settings, client=http()).address(ASK)
    count = []

    def answer(request: httpx.Request) -> httpx.Response:
        count.append(request.url.path)
        return httpx.Response(
            200, json={"issuer": "https://other", "authorization_endpoint": "http://evil/x"}
        )

    def failing(request: httpx.Request) -> httpx.Response:
        count.append(request.url.path)
        return httpx.Response(500)

    with pytest.raises(ProviderUnavailable, match="another issuer"):
        Provider(settings, client=httpx.Client(transport=httpx.MockTransport(answer))).address(ASK)
    other = OidcSettings(issuer="https://other", client_id="t", rights="a = acme admin")
    with pytest.raises(ProviderUnavailable, match="not an https address"):
        Provider(other, client=httpx.Client(transport=httpx.MockTransport(answer))).address(ASK)
    count.clear()
    broken = Provider(other, client=httpx.Client(transport=httpx.MockTransport(failing)))
    for _ in range(3):
        with pytest.raises(ProviderUnavailable):
            broken.address(ASK)
    assert len(count) == 1
