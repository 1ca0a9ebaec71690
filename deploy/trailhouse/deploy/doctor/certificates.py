"""Until when the certificates of the servers hold that roles connect to."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from trailhouse.deploy.doctor.finding import Finding, fail, ok, warn
from trailhouse.sinks.certificate import CertificateExpired
from trailhouse.sinks.peer import Expiry, Peer

AREA: Final = "certificates"
WARN_DAYS, FAIL_DAYS = 21, 3


def look(name: str, peer: Peer | None, now: float, expiry: Expiry) -> Iterator[Finding]:
    """Of `peer`, where there is one; `name` is how people call it. Raises `SettingsError`."""
    if peer is None:
        return
    try:
        days = (peer.expires_at(expiry) - now) / 86400
    except CertificateExpired as error:
        yield fail(AREA, name, str(error), error.hint)
        return
    except OSError as error:
        # The connection that follows fails as well, and says which setting to look at.
        yield warn(AREA, name, f"not known: {type(error).__name__}", "can this host reach it directly?")
        return
    found, advice = f"holds {days:.0f} days", "renew it at the server"
    if days < FAIL_DAYS:
        yield fail(AREA, name, found, advice)
    elif days < WARN_DAYS:
        yield warn(AREA, name, found, advice)
    else:
        yield ok(AREA, name, found)
