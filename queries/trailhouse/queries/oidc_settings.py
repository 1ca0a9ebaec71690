"""Settings of the sign-in with an OpenID provider."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

from trailhouse.producers.errors import SettingsError
from trailhouse.producers.settings import Secret, Settings, setting
from trailhouse.queries.rights import SYNTAX, Rule, is_rules, parse_rules
from trailhouse.stream.host_guard import is_loopback

#: A claim's name, with dots where it is inside another one.
_CLAIM: Final = re.compile(r"[^\s.]+(\.[^\s.]+)*|https?://\S+")
_SCOPES: Final = re.compile(r"[\x21\x23-\x5b\x5d-\x7e]+( [\x21\x23-\x5b\x5d-\x7e]+)*")


def is_safe_url(text: str) -> bool:
    """Whether secrets may be sent there: TLS, or this machine."""
    try:
        parts = urlsplit(text)
        is_plain = parts.scheme == "http" and is_loopback(parts.hostname or "")
        return bool(parts.hostname) and (parts.scheme == "https" or is_plain) and not parts.username
    except ValueError:  # brackets that do not match
        return False


@dataclass(frozen=True, slots=True)
class OidcSettings(Settings):
    """Whom the dashboard believes who people are, and what they may do. Without an issuer there is no such sign-in."""

    issuer: str = setting(
        "TRAILHOUSE_OIDC_ISSUER",
        "",
        "OpenID provider people sign in to the dashboard with, as its discovery document spells it; none = keys alone",
        check=lambda text: not text or (is_safe_url(text) and not urlsplit(text).query),
        wanted="https://…, without a query",
    )
    client_id: str = setting(
        "TRAILHOUSE_OIDC_CLIENT_ID", "", "What the provider calls this dashboard; needed with an issuer"
    )
    client_secret: Secret = setting(
        "TRAILHOUSE_OIDC_CLIENT_SECRET",
        Secret(),
        "The client's secret; none for a public client, which PKCE alone protects",
    )
    name: str = setting(
        "TRAILHOUSE_OIDC_NAME",
        "single sign-on",
        "What the button on the sign-in page calls the provider",
        check=lambda text: 1 <= len(text) <= 40 and text.isprintable(),
        wanted="1-40 printable characters",
    )
    scopes: str = setting(
        "TRAILHOUSE_OIDC_SCOPES",
        "openid email",
        "Scopes asked of the provider, with spaces; some give the groups of a person only for one more",
        check=lambda text: bool(_SCOPES.fullmatch(text)) and "openid" in text.split(" "),
        wanted="words with spaces, openid among them",
    )
    username_claim: str = setting(
        "TRAILHOUSE_OIDC_USERNAME_CLAIM",
        "email",
        "Claim that names a person in the log and on the page; an address that is not verified does not count, then it is `sub`",
        check=lambda text: bool(_CLAIM.fullmatch(text)),
        wanted="a claim's name",
    )
    rights_claim: str = setting(
        "TRAILHOUSE_OIDC_RIGHTS_CLAIM",
        "groups",
        "Claim with a person's groups or roles, with dots for one inside another (`realm_access.roles`)",
        check=lambda text: bool(_CLAIM.fullmatch(text)),
        wanted="a claim's name",
    )
    rights: str = setting(
        "TRAILHOUSE_OIDC_RIGHTS",
        "",
        "What a value of that claim gives: `VALUE = ORGS SCOPES; …`, as `audit = acme reports:read,audit:read; operators = * admin`. "
        "Whom no rule names may not sign in",
        check=is_rules,
        wanted=SYNTAX,
    )
    session_s: int = setting(
        "TRAILHOUSE_OIDC_SESSION_S",
        43_200,
        "Seconds until such a person signs in anew; so long what the provider takes away goes on",
        check=lambda seconds: 300 <= seconds <= 43_200,
        wanted="300 to 43200",
    )

    def __post_init__(self) -> None:
        super(OidcSettings, self).__post_init__()
        for env, value in (
            ("TRAILHOUSE_OIDC_CLIENT_ID", self.client_id),
            ("TRAILHOUSE_OIDC_RIGHTS", self.rights),
        ):
            if self.issuer and not value.strip():
                raise SettingsError(env, value, "something, as TRAILHOUSE_OIDC_ISSUER is set")

    @property
    def is_on(self) -> bool:
        """Whether people may sign in so."""
        return bool(self.issuer)

    @property
    def rules(self) -> tuple[Rule, ...]:
        """What values of the claim give."""
        return parse_rules(self.rights)
