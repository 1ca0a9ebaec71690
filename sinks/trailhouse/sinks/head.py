"""The head of an enriched line: what the sink looks at before the line goes on as it came."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import msgspec


class Head(msgspec.Struct, gc=False, rename={"from_offset": "from"}):
    """The only fields of an enriched line that the sink looks at; the line itself goes on as it came."""

    epoch: str
    partition: int
    from_offset: int
    offset: int
    received_at: str
    occurred_at: str = ""
    reason: str = ""
    org_id: str = ""

    @property
    def month(self) -> str:
        """The month partition the row falls into: of the event, or of receipt where there is none.

        A line leaves defaults out, and the first moment of 1970 is one.
        """
        return (self.occurred_at or (self.received_at if self.reason else "1970-01"))[:7]

    @property
    def day(self) -> str:
        """The day of receipt, by which `landed` is partitioned."""
        return self.received_at[:10]


_HEADS: Final = msgspec.json.Decoder(Head)
_OPENING, _CLOSING = b"{}"


def read_heads(values: Sequence[bytes | None]) -> list[Head | None]:
    """The heads of enriched lines, None for a value that is none.

    Neighbours must not shift (two lines in one value beside halves of another): the rule of `decode_many` in
    `trailhouse.stream.raw` holds here, too.
    """
    if all(value and value[0] == _OPENING and value[-1] == _CLOSING for value in values):
        try:
            heads: list[Head | None] = list(_HEADS.decode_lines(b"\n".join(values)))  # type: ignore[arg-type]  # no None
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            pass
        else:
            if len(heads) == len(values):
                return heads
    return [_read_head(value) for value in values]


def _read_head(value: bytes | None) -> Head | None:
    try:
        return _HEADS.decode(value or b"")
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
