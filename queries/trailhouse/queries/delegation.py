"""What an administrator may hand on, and of whom: never more than they have themselves. Pure."""

from __future__ import annotations

from trailhouse.queries.errors import BadParameter, MissingScope, NotAllowed
from trailhouse.queries.key import Key, Scope


def check_admin(own: Key | None, org: str) -> Key:
    """The key itself; raises `MissingScope` unless it administers, `NotAllowed` unless it does so in `org`."""
    if own is None or not own.allows(Scope.ADMIN):
        raise MissingScope(Scope.ADMIN)
    own.caller.check(org)
    return own


def is_within(key: Key, own: Key) -> bool:
    """Whether an administrator may know of a key, and revoke it: all its organisations are theirs."""
    return own.orgs is None or (key.orgs is not None and key.orgs <= own.orgs)


def check_given(key: Key, own: Key, *, may_outlive: bool = False) -> None:
    """Raise unless the new `key` is within what its maker has: organisations, scopes, and how long.

    `may_outlive`: the maker holds no key that expires, but signed in for a while. Raises `BadParameter` and `NotAllowed`.
    """
    if not is_within(key, own):
        strange = sorted((key.orgs or {"*"}) - (own.orgs or frozenset()))
        raise NotAllowed(strange[0])
    for scope in sorted(key.scopes):
        if not own.allows(scope):
            raise MissingScope(scope)
    is_longer = key.expires_at is None or (own.expires_at is not None and key.expires_at > own.expires_at)
    if own.expires_at is not None and is_longer and not may_outlive:
        until = own.expires_at.isoformat(timespec="minutes").replace("+00:00", "Z")
        raise BadParameter("expires", "later than your own key", f"a time before {until}, when yours expires")
