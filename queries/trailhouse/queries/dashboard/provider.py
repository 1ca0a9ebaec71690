"""The OpenID provider: what it says of itself, where people are sent, and whom it says a code is of.

OpenID Connect Core 1.0 §3.1 (authorization code), RFC 7636 (PKCE, S256), RFC 9207 (issuer in the answer). Blocks, so
not on an event loop. Keys of the provider are read anew when a token names one that is not known.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import quote

import httpx
from authlib.oauth2.rfc6749.parameters import prepare_grant_uri
from authlib.oauth2.rfc7636 import create_s256_code_challenge
from authlib.oidc.core import CodeIDToken
from authlib.oidc.discovery import OpenIDProviderMetadata, get_well_known_url
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from trailhouse.queries.dashboard.person import values_of
from trailhouse.queries.errors import ProviderUnavailable, SignInFailed
from trailhouse.queries.oidc_settings import OidcSettings, is_safe_url

TIMEOUT_S: Final = 10.0
#: What the provider says of itself holds so long; its keys, too, unless a token names another one.
FRESH_S: Final = 3_600.0
RELOAD_S: Final = 10.0
#: While a provider is away nobody else waits for it.
RETRY_S: Final = 5.0
LEEWAY_S: Final = 60
BODY_BYTES_MAX: Final = 1 << 20
#: Signatures by a key that only the provider has; never `none`, never HMAC with the client's secret.
ALGORITHMS: Final = (
    "RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA", "Ed25519",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Ask:
    """One sign-in: `state`, `nonce` and `verifier` are its own; `back` = where the provider sends the browser."""

    state: str
    nonce: str
    verifier: str
    back: str


class Provider:
    """For any thread. `clock` gives Unix seconds, `client` takes the place of one that waits `TIMEOUT_S`."""

    def __init__(
        self,
        settings: OidcSettings,
        clock: Callable[[], float] = time.time,
        client: httpx.Client | None = None,
    ) -> None:
        self.settings, self._clock = settings, clock
        self._client = client or httpx.Client(timeout=TIMEOUT_S, follow_redirects=False)
        self._lock = threading.Lock()
        self._about: OpenIDProviderMetadata | None = None
        self._keys: KeySet | None = None
        self._about_at = self._keys_at = self._away_until = float("-inf")

    def close(self) -> None:
        """Close its connections."""
        self._client.close()

    def address(self, ask: Ask) -> str:
        """Where the browser is sent to sign in; raises `ProviderUnavailable`."""
        return str(
            prepare_grant_uri(
                self._endpoint("authorization_endpoint"),
                self.settings.client_id,
                "code",
                redirect_uri=ask.back,
                scope=self.settings.scopes,
                state=ask.state,
                nonce=ask.nonce,
                code_challenge=create_s256_code_challenge(ask.verifier),
                code_challenge_method="S256",
            )
        )

    def claims(self, code: str, ask: Ask) -> Mapping[str, Any]:
        """What the provider says of whom `code` is of, verified; raises `SignInFailed` and `ProviderUnavailable`.

        Where the token does not have the claim with the rights, the userinfo endpoint is asked as well.
        """
        answer = self._exchange(code, ask)
        claims = self.verified(str(answer.get("id_token", "")), ask.nonce, answer.get("access_token"))
        about = self._described()
        if values_of(claims, self.settings.rights_claim) or not about.get("userinfo_endpoint"):
            return claims
        more = self._read(
            self._endpoint("userinfo_endpoint"),
            headers={"Authorization": f"Bearer {answer.get('access_token', '')}"},
        )
        if more.get("sub") != claims["sub"]:  # OpenID Connect Core 1.0 §5.3.2
            raise SignInFailed("userinfo", "the provider spoke of somebody else")
        name = self.settings.rights_claim
        name = name if name in more else name.partition(".")[0]
        return {**more, **claims, name: more.get(name)}

    def verified(self, token: str, nonce: str, access_token: object = None) -> Mapping[str, Any]:
        """The claims of an ID token that is signed, fresh, for us, and of this sign-in; raises `SignInFailed`."""
        try:
            try:
                read = jwt.decode(token, self._key_set(), algorithms=list(ALGORITHMS))
            except (JoseError, ValueError):
                if not self._may_reload():
                    raise
                read = jwt.decode(token, self._key_set(anew=True), algorithms=list(ALGORITHMS))
        except (JoseError, ValueError, TypeError, KeyError):
            raise SignInFailed("signature", "the provider's answer is not signed by it") from None
        if "iss" in read.claims and read.claims["iss"] != self.settings.issuer:
            raise SignInFailed("issuer", "the answer is another provider's")
        options: dict[str, Any] = {
            "iss": {"essential": True, "value": self.settings.issuer},
            "aud": {"essential": True, "value": self.settings.client_id},
        }
        params = {"nonce": nonce, "client_id": self.settings.client_id, "access_token": access_token}
        claims = CodeIDToken(read.claims, read.header, options, params)
        try:
            claims.validate(int(self._clock()), LEEWAY_S)
        except JoseError as error:
            claim = getattr(error, "claim", "") or ("exp" if "expired" in error.error else "")
            word = {"aud": "audience", "azp": "audience", "exp": "expired", "nonce": "nonce"}.get(
                claim, "claims"
            )
            raise SignInFailed(word, f"the provider's answer cannot be used: {word}") from None
        if not isinstance(claims["sub"], str) or not claims["sub"]:
            raise SignInFailed("claims", "the provider does not say who you are")
        return dict(claims)

    def _exchange(self, code: str, ask: Ask) -> Mapping[str, Any]:
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": ask.back,
            "code_verifier": ask.verifier,
        }
        secret, auth = self.settings.client_secret.reveal(), None
        known: Any = self._described().get("token_endpoint_auth_methods_supported") or ["client_secret_basic"]
        if secret and "client_secret_basic" in known:
            # RFC 6749 §2.3.1: both are form-encoded first.
            auth = (quote(self.settings.client_id, safe=""), quote(secret, safe=""))
        else:
            form |= {"client_id": self.settings.client_id} | ({"client_secret": secret} if secret else {})
        return self._read(self._endpoint("token_endpoint"), form=form, auth=auth)

    def _described(self) -> OpenIDProviderMetadata:
        with self._lock:
            if self._about is not None and self._clock() - self._about_at < FRESH_S:
                return self._about
            if self._clock() < self._away_until:
                raise ProviderUnavailable("it did not answer a moment ago")
            try:
                found = self._read(get_well_known_url(self.settings.issuer, external=True), what="discovery")
            except ProviderUnavailable:
                self._away_until = self._clock() + RETRY_S
                raise
            about = OpenIDProviderMetadata(found)
            if about.get("issuer") != self.settings.issuer:
                raise ProviderUnavailable("the discovery document is another issuer's")
            self._about, self._about_at = about, self._clock()
            return about

    def _endpoint(self, name: str) -> str:
        address = str(self._described().get(name) or "")
        if not is_safe_url(address):
            raise ProviderUnavailable(f"its {name} is not an https address")
        return address

    def _key_set(self, *, anew: bool = False) -> KeySet:
        address = self._endpoint("jwks_uri")
        with self._lock:
            if anew or self._keys is None or self._clock() - self._keys_at >= FRESH_S:
                found: Any = self._read(address, what="keys")
                try:
                    self._keys = KeySet.import_key_set(found)
                except (JoseError, ValueError, TypeError, KeyError):
                    raise ProviderUnavailable("its keys cannot be read") from None
                self._keys_at = self._clock()
            return self._keys

    def _may_reload(self) -> bool:
        """Whether new keys may be looked for: whoever sends wrong tokens must not have them fetched each time."""
        return self._clock() - self._keys_at >= RELOAD_S

    def _read(
        self,
        address: str,
        *,
        form: Mapping[str, str] | None = None,
        auth: tuple[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        what: str = "",
    ) -> dict[str, Any]:
        """A JSON object from the provider; a refused code is the person's trouble, anything else the provider's."""
        try:
            answer = self._client.request(
                "POST" if form else "GET",
                address,
                data=dict(form) if form else None,
                auth=auth,
                headers={"Accept": "application/json", **(headers or {})},
            )
        except httpx.HTTPError as error:
            raise ProviderUnavailable(f"it does not answer: {type(error).__name__}") from error
        if form and answer.status_code in {400, 401}:
            raise SignInFailed(
                "code", "the provider does not take its own code: it was used before, or is too old"
            )
        if answer.status_code != httpx.codes.OK or len(answer.content) > BODY_BYTES_MAX:
            raise ProviderUnavailable(f"it answers {what or 'us'} with {answer.status_code}")
        try:
            found = answer.json()
        except ValueError:
            found = None
        if not isinstance(found, dict):
            raise ProviderUnavailable(f"its {what or 'answer'} is no JSON object")
        return found
