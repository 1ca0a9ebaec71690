"""Where a reader of the event log is: for each partition of the raw topic, the offset up to which it has read. Pure.

Time is no such place: an event may arrive days after it happened. Offsets are given once and only grow, and everything
up to a high-water mark is stored. So a reader that goes from mark to mark sees every event, however late.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

from trailhouse.producers.event import ORG_ID
from trailhouse.queries.errors import BadParameter

LENGTH_MAX: Final = 16_384
OFFSETS_END: Final = 2**63
PARTITIONS_END: Final = 2**16
#: Not a cursor: where the log ends now.
NOW: Final = "now"
_VERSION: Final = 1
_EPOCH: Final = re.compile(r"[!-~]{0,64}")

#: (topic id, partition)
Key = tuple[str, int]


class Place(NamedTuple):
    """Where an event lies; places are read in this order."""

    epoch: str
    partition: int
    offset: int

    @property
    def key(self) -> Key:
        return self.epoch, self.partition


class Stretch(NamedTuple):
    """Offsets of one partition that are still to be read: those after `after`, up to and with `until`."""

    epoch: str
    partition: int
    after: int
    until: int

    @property
    def key(self) -> Key:
        return self.epoch, self.partition


@dataclass(frozen=True, slots=True)
class Cursor:
    """How far a reader of organisation `org` has read; a partition that is not named was not read at all.

    It gives no rights: whoever shows one reads with the rights of their key.
    """

    org: str
    read: Mapping[Key, int]

    def left(self, marks: Mapping[Key, int]) -> list[Stretch]:
        """What is still to be read up to `marks`, in the order of reading."""
        return [
            Stretch(*key, self.read.get(key, -1), mark)
            for key, mark in sorted(marks.items())
            if mark > self.read.get(key, -1)
        ]

    def after(self, stretches: Iterable[Stretch], last: Place | None) -> Cursor:
        """The cursor of who has read `stretches` up to and with `last`; None = all of them."""
        read = dict(self.read)
        for stretch in stretches:
            if last is None or stretch.key < last.key:
                read[stretch.key] = stretch.until
            elif stretch.key == last.key:
                read[stretch.key] = last.offset
        return Cursor(self.org, read)

    def to_text(self) -> str:
        """Opaque text that fits a URL."""
        places = [[*key, offset] for key, offset in sorted(self.read.items())]
        data = json.dumps([_VERSION, self.org, places], separators=(",", ":"), ensure_ascii=False).encode()
        return base64.urlsafe_b64encode(data).decode().rstrip("=")

    @classmethod
    def from_text(cls, text: str) -> Cursor:
        """Read one back; raises `BadParameter` for what `to_text` does not write."""
        try:
            return cls._read(text)
        except (ValueError, TypeError, RecursionError, binascii.Error):
            raise BadParameter("cursor", text, f"a cursor as an answer gave it, or {NOW}") from None

    @classmethod
    def _read(cls, text: str) -> Cursor:
        if len(text) > LENGTH_MAX or not text.isascii():
            raise ValueError(text)
        data = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
        version, org, places = json.loads(data)
        if type(version) is not int or version != _VERSION or type(places) is not list:
            raise ValueError(text)
        read = {(epoch, partition): offset for epoch, partition, offset in places}
        if (
            not ORG_ID.fullmatch(org)
            or len(read) != len(places)
            or not all(_is_place(*key, offset) for key, offset in read.items())
        ):
            raise ValueError(text)
        return cls(org, read)


def _is_place(epoch: Any, partition: Any, offset: Any) -> bool:
    return (
        type(epoch) is str
        and _EPOCH.fullmatch(epoch) is not None
        and type(partition) is int
        and 0 <= partition < PARTITIONS_END
        and type(offset) is int
        and 0 <= offset < OFFSETS_END
    )
