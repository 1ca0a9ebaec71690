"""The audit log's entries as Parquet, for tools that read no JSON (WA16); needs pyarrow."""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import Any

from trailhouse.queries.archive.entry import KEYS


def encode(entries: Sequence[Any]) -> bytes:
    """A table with a column for each key: texts, `response_code` a number, `timestamp` UTC to the second; none = null."""
    import pyarrow as pa  # noqa: PLC0415 - large, and only needed where Parquet is asked for
    from pyarrow import parquet  # noqa: PLC0415

    columns = {}
    for name in KEYS:
        values: list[Any] = [getattr(each, name) or None for each in entries]
        if name == "timestamp":
            texts = pa.array([str(value)[:-1] for value in values], pa.string())
            columns[name] = texts.cast(pa.timestamp("s")).cast(pa.timestamp("s", "UTC"))
        else:
            columns[name] = pa.array(values, pa.int32() if name == "response_code" else pa.string())
    written = io.BytesIO()
    parquet.write_table(pa.table(columns), written, compression="zstd")
    return written.getvalue()


def count(content: bytes) -> int:
    """How many rows a file has."""
    from pyarrow import parquet  # noqa: PLC0415

    rows: int = parquet.ParquetFile(io.BytesIO(content)).metadata.num_rows
    return rows
