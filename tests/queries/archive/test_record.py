"""Records: what a line holds, and how a file of them is read."""

from __future__ import annotations

import orjson
import pytest
from tests.sinks.lines import enriched, event

from trailhouse.queries.archive import packed
from trailhouse.queries.archive.errors import ArchiveBroken
from trailhouse.queries.archive.packed import pack
from trailhouse.queries.archive.record import (
    COPY,
    OWN,
    REJECTED,
    Record,
    decode,
    decode_file,
    encode,
    landing_line,
    without_content,
)
from trailhouse.stream.enriched import Enriched

#: What `landing` knows of people beyond their keyed hashes.
PERSONAL = {"subject_refs", "identity", "pii"}


def record(offset: int, first: int | None = None, **fields: object) -> Record:
    return Record("e", 0, offset if first is None else first, offset, "2026-01-01T00:00:00.000Z", **fields)  # type: ignore[arg-type]


def test_a_record_has_every_column_of_landing_but_the_personal_ones() -> None:
    """A column that `landing` gets one day has to come here, or restoring would lose it."""
    assert set(Record.__struct_fields__) - set(OWN) == set(Enriched.__struct_fields__) - PERSONAL


def test_lines_are_sparse_and_come_back() -> None:
    """Nothing empty stands in a line; what is read is what was written."""
    some = [record(0, is_entry=True, action="a"), record(1, kind=REJECTED, reason="no_json")]
    lines = encode(some)
    assert orjson.loads(lines.splitlines()[0]) == {
        "epoch": "e",
        "partition": 0,
        "from": 0,
        "offset": 0,
        "received_at": "2026-01-01T00:00:00.000Z",
        "is_entry": True,
        "action": "a",
    }
    assert decode(lines) == some
    with pytest.raises(ArchiveBroken):
        decode(b'{"epoch":')


def test_the_landing_line_is_what_the_stream_wrote() -> None:
    """But for what is personal: the archive's own keys do not reach the tables."""
    (line,) = enriched([event(1, actor_email="x@example.org")])
    plain = {key: value for key, value in orjson.loads(line).items() if key not in PERSONAL}
    kept = decode(orjson.dumps({**plain, "is_entry": True, "slot": "x", "content": 7}) + b"\n")[0]
    assert orjson.loads(landing_line(kept)) == plain


def test_a_copy_says_only_where_it_lies() -> None:
    full = record(5, kind=COPY, action="a", org_id="acme", user_ref=7, content=9)
    bare = without_content(full)
    assert (bare.offset, bare.org_id, bare.content, bare.action, bare.user_ref) == (5, "acme", 9, "", 0)


def test_a_file_is_read_piece_by_piece(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whole lines whatever the pieces; which file it is, is said of a line that is none."""
    monkeypatch.setattr(packed, "PIECE", 100)
    some = [record(offset, action="a" * (offset * 7 % 200)) for offset in range(200)]
    assert list(decode_file(pack(encode(some)), "f", 1 << 20)) == some
    with pytest.raises(ArchiveBroken, match="f: a line is no record"):
        list(decode_file(pack(encode(some) + b"{}\n"), "f", 1 << 20))
