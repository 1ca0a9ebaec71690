"""The secrets of a local stack: made once, kept in a file only its owner can read."""

from __future__ import annotations

import contextlib
import json
import os
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import quote, urlsplit

from trailhouse.deploy.errors import DeployError
from trailhouse.producers.settings import Secret

VARIABLE: Final = "TRAILHOUSE_CREDENTIALS"
IDENTITIES: Final = ("admin", "ingest", "reader", "analyst", "api", "settings", "alerts", "archive")


@dataclass(frozen=True, slots=True)
class Credentials:
    """Passwords of the ClickHouse identities, the key of the hashes that stand for persons, that of alerts' addresses."""

    clickhouse: Mapping[str, Secret]
    pepper: Secret
    alerts: Secret

    @classmethod
    def generate(cls) -> Credentials:
        return cls(
            {name: Secret(secrets.token_urlsafe(24)) for name in IDENTITIES},
            Secret(secrets.token_urlsafe(32)),
            Secret(secrets.token_urlsafe(32)),
        )


def load_credentials(path: Path) -> Credentials:
    """The secrets in `path`; made and written (mode 0600) when the file does not exist.

    Raises what `read_credentials` raises.
    """
    with contextlib.suppress(FileExistsError):
        _write_new(path, Credentials.generate())
    return read_credentials(path)


def read_credentials(path: Path) -> Credentials:
    """The secrets in `path`.

    Raises `DeployError` when there is no such file, when others may read it, or when it is not one of ours.
    """
    try:
        if path.stat().st_mode & 0o077:
            raise DeployError(f"{path} can be read by others", hint=f"chmod 600 {path}")
        kept = json.loads(path.read_text())
        missing = [name for name in IDENTITIES[3:] if name not in kept["clickhouse"]]
        if missing or "alerts" not in kept:
            # A folder of an earlier version: its API was a `reader`, and it had no `analyst` and no alerts. `up` comes
            # here first, while nothing else of the stack runs.
            kept = {"alerts": secrets.token_urlsafe(32), **kept}
            kept["clickhouse"] |= {name: secrets.token_urlsafe(24) for name in missing}
            _replace(path, kept)
        return Credentials(
            {name: Secret(kept["clickhouse"][name]) for name in IDENTITIES},
            Secret(kept["pepper"]),
            Secret(kept["alerts"]),
        )
    except FileNotFoundError:
        raise DeployError(f"{path} is gone", hint="restore it from a backup") from None
    except (ValueError, KeyError, TypeError) as error:
        raise DeployError(
            f"{path} is not a file of secrets",
            cause=f"{type(error).__name__}: {error}",
            hint="restore it from a backup",
        ) from None


def with_secrets(environ: Mapping[str, str]) -> Mapping[str, str]:
    """The settings of a role of the local stack: what its supervisor gave it, and the secrets that belong to them.

    The secrets are in the file that `TRAILHOUSE_CREDENTIALS` names, so that they are in no environment and no other
    file; without that variable nothing changes. Raises what `read_credentials` raises.
    """
    if not environ.get(VARIABLE):
        return environ
    credentials = read_credentials(Path(environ[VARIABLE]))
    filled = {**environ, "TRAILHOUSE_PEPPER": credentials.pepper.reveal()}
    for variable in (
        "TRAILHOUSE_CLICKHOUSE_DSN",
        "TRAILHOUSE_API_SETTINGS_DSN",
        "TRAILHOUSE_ALERTS_CLICKHOUSE_DSN",
    ):
        dsn = urlsplit(environ.get(variable, ""))
        user, address = dsn.username or "", dsn.netloc.rpartition("@")[2]
        if user in credentials.clickhouse and dsn.password is None:
            password = quote(credentials.clickhouse[user].reveal(), safe="")
            filled[variable] = dsn._replace(netloc=f"{user}:{password}@{address}").geturl()
            if user == "alerts":
                filled["TRAILHOUSE_ALERTS_KEY"] = credentials.alerts.reveal()
    return filled


def _write_new(path: Path, credentials: Credentials) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    kept = {
        "clickhouse": {name: secret.reveal() for name, secret in credentials.clickhouse.items()},
        "pepper": credentials.pepper.reveal(),
        "alerts": credentials.alerts.reveal(),
    }
    draft = _draft(path, kept)
    try:
        os.link(draft, path)  # of two writers the first wins
    finally:
        draft.unlink()


def _replace(path: Path, kept: object) -> None:
    _draft(path, kept).replace(path)


def _draft(path: Path, kept: object) -> Path:
    """Written apart, to be put into place as a whole: nobody ever reads half a file."""
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    draft.unlink(missing_ok=True)  # of a process that was killed here
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as file:
        json.dump(kept, file)
    return draft
