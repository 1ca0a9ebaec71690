"""A channel: where notifications go. A signed webhook, mail, or a place in Slack. Pure but for drawing a secret.

What is secret of it (a webhook's whole URL and signing secret, mail addresses, Slack's URL and token) is one sealed text;
`shown` is what people know it by.
"""

from __future__ import annotations

import base64
import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final
from urllib.parse import urlsplit

from trailhouse.producers.event import is_printable
from trailhouse.queries.errors import BadParameter, UnknownParameter

KINDS: Final = ("webhook", "email", "slack")
FIELDS: Final[Mapping[str, str]] = {
    "name": "what it is called",
    "kind": "`webhook` or `email`; Slack is connected on the dashboard's page Notifications",
    "url": "of a webhook: where it is sent to, https",
    "to": "of mail: one or more addresses, separated by commas",
}
NAME_LENGTH_MAX: Final = 80
URL_LENGTH_MAX: Final = 2_048
RECIPIENTS_MAX: Final = 20
SECRET_PREFIX: Final = "whsec_"  # noqa: S105 - what secrets begin with
LONG_AGO: Final = datetime.fromtimestamp(0, UTC)
_ADDRESS: Final = re.compile(r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)+")


@dataclass(frozen=True, slots=True)
class Channel:
    """A channel as it is kept."""

    org: str
    channel_id: str
    name: str
    kind: str
    shown: str
    sealed: str
    created_by: str = ""
    created_at: datetime = LONG_AGO
    is_deleted: bool = False


def read_channel(given: Mapping[str, Any]) -> tuple[str, str, str, dict[str, Any]]:
    """(name, kind, what is shown, what is sealed) of a caller's fields; raises `BadParameter`, `UnknownParameter`.

    A webhook's signing secret is drawn here; the caller is shown it once.
    """
    for each in given:
        if each not in FIELDS:
            raise UnknownParameter("a channel", each, FIELDS)
    texts = {name: value for name, value in given.items() if value is not None}
    for each, value in texts.items():
        if not isinstance(value, str):
            raise BadParameter(each, value, "a text")
    kind = texts.get("kind", "webhook" if texts.get("url") else "email")
    if kind not in KINDS[:2]:
        raise BadParameter("kind", kind, "webhook or email; connect Slack on the page Notifications")
    name = read_name(texts.get("name", ""))
    if kind == "webhook":
        url = read_url(texts.get("url", ""))
        return name, kind, shown_url(url), {"url": url, "secret": new_secret()}
    to = read_addresses(texts.get("to", ""))
    return name, kind, ", ".join(map(shown_address, to)), {"to": to}


def read_name(text: str) -> str:
    if not 1 <= len(text.strip()) <= NAME_LENGTH_MAX or not is_printable(text.strip()):
        raise BadParameter("name", text, f"1 to {NAME_LENGTH_MAX} printable characters")
    return text.strip()


def read_url(text: str) -> str:
    """A URL that may be sent to, as far as text tells; where its name leads is looked at when it is sent."""
    parts = urlsplit("")
    try:
        parts = urlsplit(text.strip())
        is_good = parts.scheme in {"https", "http"} and bool(parts.hostname) and parts.port != 0
    except ValueError:
        is_good = False
    if not is_good or len(text) > URL_LENGTH_MAX or not text.strip().isascii() or not is_printable(text):
        raise BadParameter("url", text, "an https URL")
    if parts.username is not None or parts.fragment:
        raise BadParameter("url", text, "a URL without a user or a fragment; requests are signed")
    return text.strip()


def read_addresses(text: str) -> list[str]:
    """Mail addresses, each once."""
    found = list(dict.fromkeys(each.strip() for each in text.split(",") if each.strip()))
    if not 1 <= len(found) <= RECIPIENTS_MAX or not all(_ADDRESS.fullmatch(each) for each in found):
        raise BadParameter("to", text, f"1 to {RECIPIENTS_MAX} e-mail addresses, separated by commas")
    return found


def shown_url(url: str) -> str:
    """Its origin: paths hold tokens."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}/\N{HORIZONTAL ELLIPSIS}"


def shown_address(address: str) -> str:
    """`m…@example.org` for `mia@example.org`."""
    local, _, domain = address.partition("@")
    return f"{local[0]}\N{HORIZONTAL ELLIPSIS}@{domain}"


def new_secret() -> str:
    """A webhook's signing secret, in the form of the Standard Webhooks."""
    return SECRET_PREFIX + base64.b64encode(secrets.token_bytes(32)).decode()
