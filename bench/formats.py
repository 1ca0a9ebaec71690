"""The sink's rows into all tables and views, as JSON lines, as Native and as Arrow: what each costs us and the engine.

JSON lines go as the worker wrote them. For the other two a line is read into its fields, and these are built into columns.
"""

from __future__ import annotations

import gc
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import msgspec
import pyarrow as pa
from clickhouse_connect.driver.insert import InsertContext

from bench.database import Database, fresh_database
from bench.process import cpu_seconds_of
from bench.rows import enriched_chunks
from bench.stage import Stage
from trailhouse.sinks.clickhouse import INSERT_SETTINGS, Client, insert_lines
from trailhouse.sinks.settings import SinkSettings

JSON: Final = "JSONEachRow, as the worker wrote it"
NATIVE: Final = "Native, built in Python"
ARROW: Final = "Arrow, built by pyarrow"
NOBODY: Final = "00000000-0000-0000-0000-000000000000"
NEVER: Final = "1970-01-01T00:00:00Z"
#: What the events are, whatever their order and their parts; `ver` is made of columns that are in it.
CONTENT: Final = "SELECT sum(cityHash64(toString(tuple(* EXCEPT('^ver$'))))) FROM {table} FINAL"
COMPARED: Final = ("events", "event_pii", "landed")
_TEXT: Final = pa.string()
_MAP: Final = pa.map_(pa.string(), pa.string())
_MOMENT: Final = pa.timestamp("ms", "UTC")


class Row(msgspec.Struct, gc=False, rename={"from_": "from"}):
    """A line of the enriched topic, with the defaults of the table `landing`."""

    epoch: str
    partition: int
    from_: int
    offset: int
    received_at: str
    reason: str = ""
    detail: str = ""
    size: int = 0
    digest: str = ""
    rules: str = ""
    org_id: str = ""
    event_id: str = NOBODY
    occurred_at: str = NEVER
    action: str = ""
    noun: str = ""
    verb: str = ""
    crud: str = ""
    category: str = ""
    is_activity: bool = False
    is_login: bool = False
    outcome: str = ""
    actor_type: str = ""
    actor_role: str = ""
    user_ref: int = 0
    target_ref: int = 0
    address_ref: int = 0
    network: str = ""
    user_agent: str = ""
    entity_asset: str = ""
    project_asset: str = ""
    report_asset: str = ""
    artifact_asset: str = ""
    artifact_digest: str = ""
    artifact_sequence_asset: str = ""
    response_code: int = 0
    cli_version: str = ""
    source: str = ""
    correlation_id: str = ""
    attributes: dict[str, str] = {}
    changed_fields: list[str] = []
    tags: list[str] = []
    pii_tags: list[str] = []
    subject_refs: list[int] = []
    identity: str = ""
    pii: dict[str, str] = {}


#: Arrow's types where they are not text.
TYPES: Final[Mapping[str, Any]] = {
    "partition": pa.uint16(),
    **dict.fromkeys(("from", "offset", "user_ref", "target_ref", "address_ref"), pa.uint64()),
    "size": pa.uint32(),
    "response_code": pa.uint16(),
    **dict.fromkeys(("is_activity", "is_login"), pa.bool_()),
    **dict.fromkeys(("attributes", "pii"), _MAP),
    **dict.fromkeys(("changed_fields", "tags", "pii_tags"), pa.list_(_TEXT)),
    "subject_refs": pa.list_(pa.uint64()),
}
MOMENTS: Final = ("received_at", "occurred_at")
NAMES: Final = Row.__struct_encode_fields__
_DECODER: Final = msgspec.json.Decoder(Row, strict=True)
Insert = Callable[[Client, Sequence[bytes]], None]


def columns_of(lines: Sequence[bytes]) -> dict[str, list[Any]]:
    """The fields of all lines, by column of `landing`."""
    decode = _DECODER.decode
    rows = [msgspec.structs.astuple(decode(line)) for line in lines]
    return dict(zip(NAMES, map(list, zip(*rows, strict=True)), strict=True))


def arrow_of(lines: Sequence[bytes]) -> bytes:
    """The lines as one Arrow stream."""
    found = columns_of(lines)
    arrays = [_array(name, values) for name, values in found.items()]
    batch = pa.RecordBatch.from_arrays(arrays, names=list(found))
    written = pa.BufferOutputStream()
    with pa.ipc.new_stream(written, batch.schema) as stream:
        stream.write_batch(batch)
    return bytes(written.getvalue())


def _array(name: str, values: list[Any]) -> Any:
    if name in MOMENTS:
        return _moments(values)
    kind = TYPES.get(name, _TEXT)
    return pa.array([list(each.items()) for each in values] if kind == _MAP else values, kind)


def _moments(values: list[str]) -> Any:
    """As milliseconds; the worker writes six digits."""
    return pa.array(values, _TEXT).cast(pa.timestamp("us", "UTC")).cast(_MOMENT)


def _json(client: Client, lines: Sequence[bytes]) -> None:
    insert_lines(client, "landing", lines)


def _arrow(client: Client, lines: Sequence[bytes]) -> None:
    client.raw_insert(
        "landing", insert_block=arrow_of(lines), settings=dict(INSERT_SETTINGS), fmt="ArrowStream"
    )


class _Native:
    """The driver's own columns; the table is described once."""

    def __init__(self) -> None:
        self._context: InsertContext | None = None

    def __call__(self, client: Client, lines: Sequence[bytes]) -> None:
        found = columns_of(lines)
        for name in MOMENTS:
            found[name] = _moments(found[name]).cast(pa.int64()).to_pylist()
        if self._context is None:
            self._context = client.create_insert_context(
                "landing", column_names=list(found), column_oriented=True, settings=dict(INSERT_SETTINGS)
            )
        self._context.data = list(found.values())
        client.data_insert(self._context)


CONTENDERS: Final[Mapping[str, Callable[[], Insert]]] = {
    JSON: lambda: _json,
    NATIVE: _Native,
    ARROW: lambda: _arrow,
}


def compare(stage: Stage, count: int, runs: int, say: Callable[[str], None]) -> list[dict[str, Any]]:
    """One row per format and run, interleaved; void where the tables do not hold what JSON lines made of the same rows."""
    lines = [line for chunk in enriched_chunks(count, "bench") for line in chunk.lines]
    size = min(SinkSettings().batch_rows, -(-len(lines) // 4))
    batches = [lines[start : start + size] for start in range(0, len(lines), size)]
    rows, names = list[dict[str, Any]](), list(CONTENDERS)
    for run in range(runs):
        turn = run % len(names)
        for name in (*names[turn:], *names[:turn]):
            with fresh_database(stage.server, f"formats_{run}") as database:
                row = _measure(stage, database, CONTENDERS[name](), batches)
            rows.append({"contender": name, "run": run + 1, **row})
            cpu = row["cpu_s_per_million"]
            say(
                f"  {name:40} {row['rate']:10,.0f} rows/s  ours {cpu['ours']:5.1f}, engine {cpu['clickhouse']:5.1f} CPU s/M"
            )
    return judged(rows)


def judged(rows: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """The rows; void is whose tables hold something else than those that JSON lines filled."""
    wanted = next(row["content"] for row in rows if row["contender"] == JSON)
    return [
        row
        if row["content"] == wanted
        else {**row, "void": f"the tables hold {row['content']}, from JSON lines {wanted}"}
        for row in rows
    ]


def _measure(
    stage: Stage, database: Database, insert: Insert, batches: Sequence[Sequence[bytes]]
) -> dict[str, Any]:
    """The first batch is left out of the figures, as of the sink's."""
    client, engine = database.client, stage.server.pid or 0
    insert(client, batches[0])
    # As the worker does it: columns of a batch are millions of objects, and the collector would look at them over and over.
    gc.disable()
    try:
        started, ours, theirs = time.perf_counter(), time.process_time(), cpu_seconds_of(engine)
        for batch in batches[1:]:
            insert(client, batch)
        seconds = time.perf_counter() - started
    finally:
        gc.enable()
    count = sum(map(len, batches[1:]))
    spent = {
        "ours": (time.process_time() - ours) / count * 1e6,
        "clickhouse": (cpu_seconds_of(engine) - theirs) / count * 1e6,
    }
    content = {table: int(client.query(CONTENT.format(table=table)).result_rows[0][0]) for table in COMPARED}
    return {
        "rows": count,
        "rate": count / seconds,
        "cpu_s_per_million": spent,
        "users": database.users(),
        "content": content,
    }
