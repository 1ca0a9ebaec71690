"""A dead letter: a rejected record for people, as it lies on the rejected topic.

Key = the raw record's place, so a letter written twice is recognised. Value = the record's bytes as they came. Our
headers come first; the record's own follow, the last `audit.err.headers` of them, so no producer can pass its headers
off as ours.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple, Self

from trailhouse.stream.bundle import DeadLetter
from trailhouse.stream.enriched import RULES_VERSION
from trailhouse.stream.topics import RAW_BYTES_MAX, REJECTED_BYTES_MAX

KEY_BYTES_MAX: Final = 32 << 10
#: Left for the batch, the record's frame and our own headers.
FRAME_BYTES: Final = 4 << 10
HEADER_BYTES: Final = 12

Headers = Sequence[tuple[str, bytes | None]]


class Place(NamedTuple):
    """Where a raw record lies; written `EPOCH/PARTITION/OFFSET`, the epoch being the raw topic's id."""

    epoch: str
    partition: int
    offset: int

    def __str__(self) -> str:
        return f"{self.epoch}/{self.partition}/{self.offset}"

    @classmethod
    def parse(cls, text: str) -> Place:
        """Read what `str` wrote; raises `ValueError`."""
        epoch, partition, offset = text.rsplit("/", 2)
        if not (epoch and partition.isdecimal() and offset.isdecimal()):
            raise ValueError(text)
        return cls(epoch, int(partition), int(offset))


@dataclass(frozen=True, slots=True)
class Letter:
    """One rejected record: where it lay and why it was rejected, then its key, bytes and headers as they came.

    `stage` is "sink" where ClickHouse refused the row: then `value` is the enriched line, not the raw record's.
    `size`, `key_size` (bytes) and `headers_cut` (headers) say how much there was where not all of it was kept.
    """

    place: Place
    reason: str
    detail: str
    key: bytes | None
    value: bytes | None
    headers: Headers = ()
    rules: str = ""
    stage: str = ""
    size: int | None = None
    key_size: int | None = None
    headers_cut: int = 0

    @classmethod
    def of(cls, dead: DeadLetter) -> Self:
        """The letter of a record the stream rejected."""
        return cls(
            Place(dead.epoch, dead.partition, dead.offset),
            dead.reason.value,
            dead.detail,
            dead.key,
            dead.value,
            dead.headers,
            rules=RULES_VERSION,
        )

    def to_record(self) -> tuple[bytes, bytes | None, list[tuple[str, bytes | None]]]:
        """Key, value and headers for the rejected topic.

        A compressed batch within the raw topic's limit may hold a record far beyond it: what does not fit a record of
        the rejected topic is cut, and said to be; the whole of it stays on the raw topic as long as that keeps it.
        """
        value, key = self.value, self.key
        said: list[tuple[str, str]] = [
            ("reason", self.reason),
            ("detail", self.detail),
            ("place", str(self.place)),
            ("rules", self.rules),
            ("stage", self.stage),
        ]
        if value is not None and len(value) > RAW_BYTES_MAX:
            said.append(("size", str(len(value))))
            value = value[:RAW_BYTES_MAX]
        if key is not None and len(key) > KEY_BYTES_MAX:
            said.append(("key_size", str(len(key))))
            key = key[:KEY_BYTES_MAX]
        room = REJECTED_BYTES_MAX - FRAME_BYTES - len(value or b"") - len(key or b"")
        kept = list(_fitting(self.headers, room))
        said.append(("headers", str(len(kept))))
        if len(kept) < len(self.headers):
            said.append(("headers_cut", str(len(self.headers) - len(kept))))
        ours: list[tuple[str, bytes | None]] = [
            (f"audit.err.{name}", text.encode()) for name, text in said if text
        ]
        if key is not None:
            ours.append(("audit.key", key))
        return str(self.place).encode(), value, ours + kept

    @classmethod
    def from_record(cls, value: bytes | None, headers: Headers) -> Self | None:
        """Read a record of the rejected topic back; None for one that is no dead letter of ours."""
        said: dict[str, bytes] = {}
        for name, content in headers:
            said.setdefault(name, content or b"")  # ours come first: what follows cannot change what they say
        try:
            count = int(said.get("audit.err.headers", b"0"))
            if not 0 <= count <= len(headers):
                return None
            ours = dict(headers[: len(headers) - count])
            told = {name: (content or b"").decode() for name, content in ours.items() if name != "audit.key"}
            size, key_size = told.get("audit.err.size"), told.get("audit.err.key_size")
            return cls(
                Place.parse(told["audit.err.place"]),
                told["audit.err.reason"],
                told.get("audit.err.detail", ""),
                ours.get("audit.key"),
                value,
                tuple(headers[len(headers) - count :]),
                told.get("audit.err.rules", ""),
                told.get("audit.err.stage", ""),
                int(size) if size else None,
                int(key_size) if key_size else None,
                int(told.get("audit.err.headers_cut", "0")),
            )
        except (KeyError, ValueError):
            return None

    @property
    def is_whole(self) -> bool:
        """Whether value, key and headers are all there, as the raw record had them."""
        return not (self.stage or self.size or self.key_size or self.headers_cut)


def _fitting(headers: Headers, room: int) -> Iterator[tuple[str, bytes | None]]:
    """As many of the headers, from the first on, as fit into `room` bytes."""
    for name, content in headers:
        room -= len(name.encode()) + len(content or b"") + HEADER_BYTES
        if room < 0:
            return
        yield name, content
