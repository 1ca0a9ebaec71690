"""Texts that were looked at and allowed: whoever sends one again need not have it parsed for that again.

Reports come with the same texts and bound values, and parsing a long one takes milliseconds.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Mapping
from typing import Final

KEPT_MAX: Final = 512
BYTES_MAX: Final = 65_536
Key = tuple[str, bytes, str, tuple[tuple[str, str], ...]]


def key_of(
    identity: str, sql: bytes, default_format: str, settings: Mapping[str, str], *, is_session: bool
) -> Key | None:
    """All that decides whether a text may be run; None where more does, or the text is too long to be kept.

    A session may have been told to read texts otherwise, and a parameter of type `Identifier` names what is read.
    """
    if is_session or len(sql) > BYTES_MAX or b"identifier" in sql.lower():
        return None
    return identity, sql, default_format, tuple(sorted(settings.items()))


class Allowed:
    """The latest keys of statements that only read and were allowed. Any thread may ask."""

    def __init__(self, most: int = KEPT_MAX) -> None:
        self._most = most
        self._lock = threading.Lock()
        self._keys: OrderedDict[Key, None] = OrderedDict()

    def knows(self, key: Key | None) -> bool:
        """Whether `add` was called with it, and not too long ago."""
        with self._lock:
            if key is None or key not in self._keys:
                return False
            self._keys.move_to_end(key)
            return True

    def add(self, key: Key | None) -> None:
        """Know it from now on, in place of the one that was asked for the longest time ago; None is nothing to know."""
        if key is None:
            return
        with self._lock:
            self._keys[key] = None
            self._keys.move_to_end(key)
            while len(self._keys) > self._most:
                self._keys.popitem(last=False)
