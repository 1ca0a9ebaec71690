"""The ledger: a row of table `batches` for what each stored batch holds of each partition."""

from __future__ import annotations

import hashlib
import os
import socket
from collections.abc import Iterator
from dataclasses import dataclass

import msgspec

from trailhouse.sinks.batch import Batch, Run


class Entry(msgspec.Struct, gc=False):
    """One row of `batches`: raw offsets `first` to `last`, taken from enriched offsets `enriched_first` to
    `enriched_last`; `events`, `rejected` and `size` in bytes of the lines, `repeats` passed over beside them. `digest` = SHA-256
    over the lines, each ended by a line feed. `received_at` = broker time of the last one.
    """

    epoch: str
    partition: int
    first: int
    last: int
    enriched_first: int
    enriched_last: int
    events: int
    rejected: int
    repeats: int
    size: int
    digest: str
    received_at: str
    sink: str
    generation: int

    def encode(self) -> bytes:
        return msgspec.json.encode(self)


@dataclass(slots=True)
class _Sum:
    """What the runs of one partition under one topic id come to."""

    entry: Entry
    digest: hashlib._Hash


def entries(batch: Batch, sink: str) -> list[Entry]:
    """A row for each topic id and partition of the batch, in the order they appear; repeats alone make none."""
    sums: dict[tuple[str, int], _Sum] = {}
    repeats = batch.repeats.copy()
    for run, start, end in _pieces(batch):
        first, last, lines = batch.heads[start], batch.heads[end - 1], batch.lines[start:end]
        key = first.epoch, first.partition
        if key not in sums:
            sums[key] = _Sum(
                Entry(
                    *key,
                    first.from_offset,
                    last.offset,
                    run.first,
                    run.last,
                    0,
                    0,
                    0,
                    0,
                    "",
                    "",
                    sink,
                    batch.generation,
                ),
                hashlib.sha256(),
            )
        total = sums[key]
        rejected = sum(head.reason != "" for head in batch.heads[start:end])
        entry = total.entry
        entry.last, entry.enriched_last, entry.received_at = last.offset, run.last, last.received_at
        entry.events += len(lines) - rejected
        entry.rejected += rejected
        body = b"\n".join([*lines, b""])
        entry.size += len(body)
        total.digest.update(body)
        entry.digest = total.digest.hexdigest()
    for (_, partition), total in sums.items():
        total.entry.repeats = repeats.pop(partition, 0)
    return [total.entry for total in sums.values()]


def _pieces(batch: Batch) -> Iterator[tuple[Run, int, int]]:
    """Each run cut where the topic id changes: run, first and last index (excluded) of its rows."""
    for run in batch.runs:
        start = run.start
        epochs = {head.epoch for head in batch.heads[run.start : run.end]}
        for index in range(run.start + 1, run.end if len(epochs) > 1 else run.start):
            if batch.heads[index].epoch != batch.heads[start].epoch:
                yield run, start, index
                start = index
        if start < run.end:
            yield run, start, run.end


def name_of_this_sink(instance: str) -> str:
    """Which process stored a batch: its static member id, else host and process number."""
    return instance or f"{socket.gethostname()}/{os.getpid()}"
