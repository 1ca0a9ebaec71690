"""The keys in memory: read anew every few seconds, and for a while kept in use when the store is away."""

from __future__ import annotations

import logging
import math
import threading
import time
from collections.abc import Callable, Mapping
from typing import Final

from trailhouse.queries.errors import QueryError, StorageUnavailable
from trailhouse.queries.key import Key

RETRY_S: Final = 1.0
log = logging.getLogger(__name__)


class KeyRing:
    """All keys as of at most `ttl_s` ago: a revocation holds after that time at the latest.

    All of them, not one by one as they are used, because then guessing costs the store nothing. While the store does
    not answer, the last ones go on for `grace_s`: an outage of the reports' store must not stop events from being
    collected, and nobody can revoke a key meanwhile.
    """

    def __init__(
        self,
        load: Callable[[], Mapping[str, Key]],
        *,
        ttl_s: float,
        grace_s: float,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._load, self._ttl_s, self._grace_s, self._clock = load, ttl_s, grace_s, clock
        self._keys: Mapping[str, Key] = {}
        self._as_of: float | None = None
        self._retry_at = 0.0
        self._trouble: QueryError | None = None
        self._lock = threading.Lock()

    @property
    def is_current(self) -> bool:
        """Whether `find` may be asked; otherwise `refresh` first."""
        now = self._clock()
        return self._as_of is not None and (
            now - self._as_of < self._ttl_s or (now < self._retry_at and self._is_in_grace(now))
        )

    @property
    def age_s(self) -> float:
        """How old the keys are."""
        return math.inf if self._as_of is None else self._clock() - self._as_of

    def find(self, key_id: str) -> Key | None:
        """The key with that id; raises `StorageUnavailable` for an unknown one while the keys cannot be read."""
        key = self._keys.get(key_id)
        if key is None and self._trouble is not None:
            raise self._trouble
        return key

    def refresh(self, older_s: float | None = None) -> None:
        """Read the keys unless they are current, or not older than `older_s`; blocks.

        Raises `QueryError` when they can neither be read nor kept.
        """
        with self._lock:
            if self.is_current and (older_s is None or self.age_s < older_s):
                return
            # Taken before reading: what is revoked while the answer is under way may not be in it.
            now = self._clock()
            if now < self._retry_at and self._trouble is not None:
                if self._is_in_grace(now):
                    return
                raise self._trouble
            try:
                self._keys = self._load()
            except QueryError as error:
                self._fail(error)
                if not self._is_in_grace(self._clock()):
                    raise
            else:
                self._as_of, self._trouble = now, None

    def _fail(self, error: QueryError) -> None:
        if self._trouble is None:
            log.warning("the API keys cannot be read: %s", error)
        self._trouble = StorageUnavailable(f"the API keys cannot be read: {error}", error.hint)
        self._retry_at = self._clock() + RETRY_S

    def _is_in_grace(self, now: float) -> bool:
        return self._as_of is not None and now - self._as_of < self._ttl_s + self._grace_s
