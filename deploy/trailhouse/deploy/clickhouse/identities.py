"""Those who may talk to the engine, and how the engine holds them to it.

`admin` may do everything; `ingest` inserts into and reads the database `trailhouse`; `reader` reads it, with caps on
time and memory. The tables of API keys and of who signs in are none of their business: whoever can write them makes itself
a key, or puts people out. `api` is a reader who may also read those tables. `analyst` reads no personal data; `archive`
neither, and who is whom among hashes. What decides about deletion or says what an organisation is, is written by `admin`
and, so far as the page Settings writes it, by `settings`, which may insert into these few tables and do nothing else. The engine enforces the grants through roles declared in `users.xml` (every connection does `SET ROLE`); `Job`
refuses what grants do not cover.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final
from xml.sax.saxutils import escape

from trailhouse.deploy.clickhouse.errors import refused
from trailhouse.producers.settings import Secret

DATABASE: Final = "trailhouse"
MEMORY_SHARE: Final = 0.5
KEYS: Final = "api_keys"
#: Of who signs in to the dashboard: ended sessions, and in which organisation somebody is at home.
GUESTS: Final = ("ended_sessions", "person_orgs")
#: Whoever could write these would let people in or out; only the API reads them.
DOOR: Final = (KEYS, *GUESTS)
#: Tombstones, holds and retention: whoever could write them could hide people, keep them for ever, or have them deleted.
#: Plaintext personal data: what happened with it, and the directory. Views on them ask for the rights of whoever reads.
PERSONAL: Final = ("event_pii", "users", "people", "actors", "directory", "deeds")
#: Addresses and tokens of notifications, sealed; who may write any table of alerts could send what is read elsewhere.
SEALED: Final = ("alert_channels", "slack_apps")
ALERTS: Final = (*SEALED, "alerts", "alert_steps", "alert_notices")
DECISIONS: Final = ("erased", "holds", "retention", "expired", "expiries", "org_settings")
#: Who is whom among hashes, for the archive alone: no policy on rows reaches through this view.
LINKS: Final = "known_links"


#: What the page Settings of the dashboard writes.
SETTINGS: Final = (*DOOR, "org_settings", "retention")


@dataclass(frozen=True, slots=True)
class Identity:
    """One of them: its name is also the name of its role in the engine."""

    name: str
    grants: tuple[str, ...]
    is_admin: bool = False
    is_readonly: bool = False
    caps: Mapping[str, int] = field(default_factory=dict)


_CAPS: Final = {"max_execution_time": 30, "max_memory_usage": 2_000_000_000}
IDENTITIES: Final = {
    identity.name: identity
    for identity in (
        Identity("admin", ("GRANT ALL ON *.*",), is_admin=True),
        Identity(
            "ingest",
            (
                f"GRANT INSERT, SELECT, SHOW ON {DATABASE}.*",
                *(f"REVOKE INSERT, SELECT, SHOW ON {DATABASE}.{table}" for table in DOOR),
                *(f"REVOKE INSERT ON {DATABASE}.{table}" for table in (*DECISIONS, *ALERTS)),
                *(f"REVOKE SELECT ON {DATABASE}.{table}" for table in SEALED),
            ),
        ),
        Identity(
            "reader",
            (
                f"GRANT SELECT, SHOW ON {DATABASE}.*",
                *(f"REVOKE SELECT, SHOW ON {DATABASE}.{table}" for table in DOOR),
                *(f"REVOKE SELECT ON {DATABASE}.{table}" for table in ("event_pii", *SEALED)),
            ),
            is_readonly=True,
            caps=_CAPS,
        ),
        Identity(
            "analyst",
            (
                f"GRANT SELECT, SHOW ON {DATABASE}.*",
                *(f"REVOKE SELECT, SHOW ON {DATABASE}.{table}" for table in DOOR),
                *(f"REVOKE SELECT ON {DATABASE}.{table}" for table in (*PERSONAL, *SEALED, LINKS)),
            ),
            is_readonly=True,
            caps=_CAPS,
        ),
        Identity(
            "archive",
            (
                f"GRANT SELECT, SHOW ON {DATABASE}.*",
                *(f"REVOKE SELECT, SHOW ON {DATABASE}.{table}" for table in DOOR),
                *(f"REVOKE SELECT ON {DATABASE}.{table}" for table in (*PERSONAL, *SEALED)),
            ),
            is_readonly=True,
        ),
        Identity("api", (f"GRANT SELECT, SHOW ON {DATABASE}.*",), is_readonly=True, caps=_CAPS),
        Identity(
            "alerts",
            (
                f"GRANT SELECT, SHOW ON {DATABASE}.*",
                *(f"GRANT INSERT ON {DATABASE}.{table}" for table in ALERTS),
            ),
        ),
        Identity(
            "settings", tuple(f"GRANT INSERT, SELECT, SHOW ON {DATABASE}.{table}" for table in SETTINGS)
        ),
    )
}


class Passwords:
    """Checks passwords, of which it keeps digests only: engine functions can read a Python process's variables."""

    def __init__(self, passwords: Mapping[str, Secret]) -> None:
        self._digests = {
            name: hashlib.sha256(passwords[name].reveal().encode()).digest() for name in IDENTITIES
        }

    def identify(self, headers: Mapping[str, str], query: Mapping[str, str]) -> Identity:
        """Who a request comes from: Basic authorization, else `X-ClickHouse-User`/`-Key`, else `user`/`password`.

        `headers` has lower-case names. Raises AUTHENTICATION_FAILED, the same for a wrong name and a wrong password.
        """
        user = headers.get("x-clickhouse-user") or query.get("user", "")
        key = headers.get("x-clickhouse-key") or query.get("password", "")
        scheme, _, credentials = headers.get("authorization", "").partition(" ")
        if scheme.lower() == "basic":
            user, _, key = _decoded(credentials).partition(":")
        expected = self._digests.get(user, b"")
        if not hmac.compare_digest(expected, hashlib.sha256(key.encode()).digest()):
            message = f"{user or 'default'}: Authentication failed: password is incorrect, or there is no user with such name"
            raise refused(516, "AUTHENTICATION_FAILED", message)
        return IDENTITIES[user]


def _decoded(credentials: str) -> str:
    try:
        return base64.b64decode(credentials).decode(errors="replace")
    except ValueError:
        return ""


def config_xml(users: Path, data: Path, memory_bytes: int | None = None) -> str:
    """The engine's configuration; `users` is the absolute path of the file made by `users_xml`.

    All queries together get `memory_bytes`, by default half of the memory this machine or container has. Who asks for
    more fails with MEMORY_LIMIT_EXCEEDED, the greediest first; the process stays.

    As many merges and mutations may be under way as on a server, by two threads in turn: chDB allows four, and a deletion
    from more parts than are free waits most of a second for each of the others.
    """
    bound = (
        f"<max_server_memory_usage_to_ram_ratio>{MEMORY_SHARE}</max_server_memory_usage_to_ram_ratio>"
        if memory_bytes is None
        else f"<max_server_memory_usage>{memory_bytes}</max_server_memory_usage>"
    )
    return f"""<clickhouse>
{bound}
<background_merges_mutations_concurrency_ratio>16</background_merges_mutations_concurrency_ratio>
<user_directories><users_xml><path>{escape(str(users))}</path></users_xml></user_directories>
<user_files_path>{escape(str(data / "user_files"))}/</user_files_path>
</clickhouse>
"""


def users_xml() -> str:
    """Roles with their grants, and the engine's one user, which is nobody until it takes one of them."""
    roles = "\n".join(
        f"<{identity.name}><grants>{''.join(f'<query>{grant}</query>' for grant in identity.grants)}</grants></{identity.name}>"
        for identity in IDENTITIES.values()
    )
    granted = "".join(f"<query>GRANT {name}</query>" for name in IDENTITIES)
    return f"""<clickhouse>
<profiles><default/></profiles><quotas><default/></quotas>
<roles>
{roles}
</roles>
<users><default><password/><networks><ip>::/0</ip></networks><profile>default</profile><quota>default</quota>
<grants>{granted}</grants></default></users>
</clickhouse>
"""
