"""Slack by a customer's own app (requirements WL1-WL6): letting it in over OAuth v2, and what a message looks like there.

The app needs one scope, `incoming-webhook` (the seed writes `incoming_webhook`): Slack then asks which channel it may post
to, and gives a URL for exactly that. Nobody is let in elsewhere than at a redirect URL that was registered, and what comes
back is only taken by the browser that left.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlsplit

from slack_sdk import WebClient
from slack_sdk.errors import SlackApiError, SlackClientError
from slack_sdk.models.blocks import (
    ContextBlock,
    HeaderBlock,
    MarkdownTextObject,
    PlainTextObject,
    SectionBlock,
)
from slack_sdk.oauth import AuthorizeUrlGenerator

from trailhouse.producers.settings import Secret
from trailhouse.queries.alerts.channel import read_url
from trailhouse.queries.alerts.message import Message
from trailhouse.queries.errors import BadParameter, QueryError

SCOPE: Final = "incoming-webhook"
CALLBACK: Final = "/org/dashboard/notifications/slack"
REDIRECTS_MAX: Final = 20
STATE_LIFE_S: Final = 600
HEADER_MAX, TEXT_MAX = 150, 2_900


class SlackRefused(QueryError):
    """Slack did not let the app in, or the way back is not ours."""

    status = 400
    title = "Slack is not connected"


@dataclass(frozen=True, slots=True)
class SlackApp:
    """A customer's own Slack app, as it is registered with an organisation; `redirects` are this install's own URLs."""

    org: str
    client_id: str
    client_secret: Secret
    redirects: tuple[str, ...]
    is_enabled: bool = True
    changed_by: str = ""

    def redirect(self, host: str) -> str:
        """The redirect URL for a browser that came by this Host; raises `SlackRefused` where none is registered."""
        for each in self.redirects:
            if urlsplit(each).netloc.lower() == host.lower():
                return each.rstrip("/") + CALLBACK
        raise SlackRefused(
            f"no redirect URL is registered for {host}",
            "add it to the app's Redirect URLs at Slack and to the Slack app on the page Notifications",
        )


@dataclass(frozen=True, slots=True)
class Installation:
    """What Slack gave: a URL that posts to one channel, and the bot's token."""

    url: str
    channel: str
    team: str
    token: str


def read_app(org: str, client_id: str, secret: Secret, redirects: Sequence[str], **more: Any) -> SlackApp:
    """An app from a caller's texts; raises `BadParameter`."""
    if not 1 <= len(client_id) <= 64 or not client_id.replace(".", "").isalnum():
        raise BadParameter("client_id", client_id, "a client ID as Slack's Basic Information shows it")
    if not 8 <= len(secret.reveal()) <= 128 or not secret.reveal().isalnum():
        raise BadParameter("client_secret", "***", "a client secret as Slack's Basic Information shows it")
    found = list(dict.fromkeys(each.strip().rstrip("/") for each in redirects if each.strip()))
    if not 1 <= len(found) <= REDIRECTS_MAX:
        raise BadParameter("redirects", ", ".join(found), f"1 to {REDIRECTS_MAX} URLs of this installation")
    for each in found:
        if urlsplit(read_url(each)).path not in {"", "/"} or urlsplit(each).query:
            raise BadParameter(
                "redirects", each, "a host URL without a path, such as https://trailhouse.example.org"
            )
    return SlackApp(org, client_id, secret, tuple(found), **more)


class States:
    """Makes and checks OAuth's `state`: for one organisation, one sign-in (`nonce`) and ten minutes."""

    def __init__(self, secret: Secret) -> None:
        self._secret = secret.reveal().encode() or secrets.token_bytes(32)

    def make(self, org: str, nonce: str) -> str:
        named = base64.urlsafe_b64encode(org.encode()).decode().rstrip("=")
        body = f"{int(time.time())}.{secrets.token_hex(8)}.{named}"
        return f"{body}.{self._sign(body, nonce)}"

    def read(self, state: str, nonce: str) -> str:
        """The organisation on whose behalf this browser left for Slack; raises `SlackRefused` unless it did, not long ago."""
        body, _, mark = state.rpartition(".")
        parts = body.split(".")
        is_ours = state.isascii() and hmac.compare_digest(mark, self._sign(body, nonce))
        if not is_ours or len(parts) != 3 or not 0 <= time.time() - int(parts[0]) <= STATE_LIFE_S:
            raise SlackRefused("this is not the way back of this browser", "press Connect Slack once more")
        return base64.urlsafe_b64decode(parts[2] + "=" * (-len(parts[2]) % 4)).decode()

    def _sign(self, body: str, nonce: str) -> str:
        return hmac.new(self._secret, f"slack.{body}.{nonce}".encode(), hashlib.sha256).hexdigest()


def authorize_url(app: SlackApp, page: str, redirect: str, state: str) -> str:
    """Where the browser goes to let the app in."""
    generator = AuthorizeUrlGenerator(
        client_id=app.client_id, scopes=[SCOPE], redirect_uri=redirect, authorization_url=page
    )
    return generator.generate(state)


def exchange(app: SlackApp, api: str, redirect: str, code: str, timeout_s: int = 10) -> Installation:
    """Turn the code that came back into what was granted; raises `SlackRefused`."""
    client = WebClient(base_url=api, timeout=timeout_s)
    try:
        answer = client.oauth_v2_access(
            client_id=app.client_id,
            client_secret=app.client_secret.reveal(),
            code=code,
            redirect_uri=redirect,
        )
        hook: Any = answer["incoming_webhook"]
        return Installation(
            str(hook["url"]),
            str(hook.get("channel", "")),
            str((answer.get("team") or {}).get("name", "")),
            str(answer.get("access_token") or ""),
        )
    except SlackApiError as error:
        raise SlackRefused(
            f"Slack answered {error.response.get('error', 'no')}", "check the client ID and secret"
        ) from None
    except (KeyError, TypeError, AttributeError):
        raise SlackRefused(
            f"Slack granted no channel: the app lacks the scope {SCOPE}", "add it under OAuth & Permissions"
        ) from None
    except (SlackClientError, OSError, ValueError) as error:
        raise SlackRefused(f"Slack does not answer: {type(error).__name__}", "try again") from None


def blocks_of(message: Message) -> dict[str, Any]:
    """The body of Slack's incoming webhook; text of events cannot mention anybody or make a link."""
    text = "\n".join(escaped(line) for line in message.lines()[1:])
    blocks: list[Any] = [HeaderBlock(text=PlainTextObject(text=message.title[:HEADER_MAX], emoji=False))]
    if text:
        blocks.append(SectionBlock(text=MarkdownTextObject(text=f"```{text[:TEXT_MAX]}```", verbatim=True)))
    link = f" · <{message.url}|open>" if message.url else ""
    note = escaped(message.lines()[0]) + link
    blocks.append(ContextBlock(elements=[MarkdownTextObject(text=note[:TEXT_MAX], verbatim=True)]))
    return {
        "text": escaped(message.title),
        "blocks": [each.to_dict() for each in blocks],
        "unfurl_links": False,
        "metadata": {
            "event_type": "trailhouse_alert",
            "event_payload": {"notification_id": message.notice.notice_id},
        },
    }


def escaped(text: str) -> str:
    """Slack's own characters as text; three backticks would end a block."""
    plain = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return plain.replace("```", "'''")
