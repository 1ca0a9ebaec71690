"""Take chunks from whoever makes them before whoever wants them asks: a bounded buffer with a thread of its own.

The store gives a query seconds; a client may take minutes to fetch its result. So the result waits here, up to a limit,
and packed when there is much of it.
"""

from __future__ import annotations

import threading
import zlib
from collections import deque
from collections.abc import Generator, Iterator
from typing import Final

IDLE_S: Final = 60.0
_STOP_WAIT_S: Final = 30.0
# What waits is packed from this share of the limit on; before it, packing would only cost.
_PACKED_FROM: Final = 0.25


class ReadAhead:
    """Iterate over `chunks`, which a thread reads on up to `limit` bytes ahead. `close` ends that thread, wherever it is.

    What `chunks` raises is raised here, after all that came before it. Who takes nothing for `idle_s` while the buffer
    is full has gone away: then the thread ends by itself.
    """

    def __init__(self, chunks: Generator[bytes], limit: int, *, idle_s: float = IDLE_S) -> None:
        self._chunks, self._limit, self._idle_s = chunks, limit, idle_s
        self._ready: deque[tuple[bytes, bool]] = deque()
        self._held = 0
        self._is_over = self._is_closed = False
        self._error: BaseException | None = None
        self._changed = threading.Condition()
        self._thread = threading.Thread(target=self._read, name="read-ahead", daemon=True)
        self._thread.start()

    def __iter__(self) -> Iterator[bytes]:
        while (chunk := self.take()) is not None:
            yield chunk

    def take(self) -> bytes | None:
        """The next chunk, waiting for it; None at the end."""
        with self._changed:
            self._changed.wait_for(lambda: self._ready or self._is_over)
            if self._ready:
                chunk, is_packed = self._ready.popleft()
                self._held -= len(chunk)
                self._changed.notify_all()
            elif self._error is not None:
                raise self._error
            else:
                return None
        return zlib.decompress(chunk) if is_packed else chunk

    def wait(self) -> None:
        """Until the first chunk is there, or the end; raises what `chunks` raised before it."""
        with self._changed:
            self._changed.wait_for(lambda: self._ready or self._is_over)
            if self._error is not None and not self._ready:
                raise self._error

    def stop(self) -> None:
        """Have the thread stop and `chunks` clean up, without waiting for it."""
        with self._changed:
            self._is_closed = True
            self._changed.notify_all()

    def close(self) -> None:
        """Stop, and wait for the thread; nothing happens a second time."""
        self.stop()
        self._thread.join(_STOP_WAIT_S)

    def _read(self) -> None:
        try:
            for chunk in self._chunks:
                is_packed = self._held > self._limit * _PACKED_FROM
                if not self._put(zlib.compress(chunk, 1) if is_packed else chunk, is_packed=is_packed):
                    break
        except BaseException as error:
            self._error = error
        finally:
            self._chunks.close()
            with self._changed:
                self._is_over = True
                self._changed.notify_all()

    def _put(self, chunk: bytes, *, is_packed: bool) -> bool:
        """Wait for room, and keep a chunk; False when nobody wants it any more."""
        with self._changed:
            # One chunk larger than the limit goes through alone.
            while not self._is_closed and self._held and self._held + len(chunk) > self._limit:
                held = self._held
                if not self._changed.wait(self._idle_s) and self._held == held:
                    raise TimeoutError(f"nobody took anything for {self._idle_s:g} s")
            if self._is_closed:
                return False
            self._ready.append((chunk, is_packed))
            self._held += len(chunk)
            self._changed.notify_all()
            return True
