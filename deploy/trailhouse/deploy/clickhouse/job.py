"""One request's work on one connection: who may run what, with which settings, and in which form the result leaves."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from trailhouse.deploy.clickhouse.allowed import key_of
from trailhouse.deploy.clickhouse.body import Body
from trailhouse.deploy.clickhouse.codec import ENGINE_COMPRESSION, decode
from trailhouse.deploy.clickhouse.engine import Engine, Result
from trailhouse.deploy.clickhouse.errors import EngineError, refused
from trailhouse.deploy.clickhouse.identities import Identity
from trailhouse.deploy.clickhouse.sessions import Lease, Sessions
from trailhouse.deploy.clickhouse.statements import (
    Insert,
    forbidden,
    is_streamable,
    names_a_schema,
    names_file,
    parse_insert,
    quoted,
    quoted_name,
    result_format,
)

# What the engine's parser calls a statement that changes nothing.
_READ_ONLY: Final = "READ_ONLY"
# Settings the reader may choose for itself; they change how a result looks or end it sooner.
_READER_SETTINGS: Final = (
    "output_format_",
    "format_csv_",
    "format_tsv_",
    "date_time_output_format",
    "session_timezone",
    "join_use_nulls",
    "max_",
    "result_overflow_mode",
)


@dataclass(frozen=True, slots=True)
class Request:
    """What a client asks for, free of HTTP."""

    identity: Identity
    statement: bytes
    body: Body
    encoding: str = ""
    database: str = ""
    default_format: str = "TabSeparated"
    settings: Mapping[str, str] | None = None
    parameters: Mapping[str, str] | None = None
    session: str = ""
    session_timeout_s: float = 60.0
    is_get: bool = False


@dataclass(frozen=True, slots=True)
class Answer:
    """The first bytes of a result; `following` are the next of one that is streamed, whose rest is to be fetched. `format`
    is empty when there is no result.
    """

    result: Result
    format: str
    following: bytes = b""

    @property
    def is_stream(self) -> bool:
        return bool(self.following)


class Job:
    """One request's work on one connection. Every method blocks and runs in a worker thread; `close` must follow.

    `threads` = how many it may use unless it asks for others; 0 = as many as there are processors.
    """

    def __init__(self, engine: Engine, sessions: Sessions, request: Request, threads: int = 0) -> None:
        self._engine, self._request = engine, request
        self._undo: list[str] = []
        self._lease: Lease | None = None
        # Only the admin can change anything that outlives a request, so only its sessions have something to keep.
        if request.session and request.identity.is_admin:
            self._lease = sessions.lease(request.session, request.session_timeout_s)
            self._connection = self._lease.connection
        else:
            self._connection = engine.connect(request.identity, threads)
        try:
            self._prepare()
        except BaseException:
            self.close()
            raise

    def execute(self) -> Answer:
        """Run the statement; raises `EngineError`."""
        request = self._request
        if request.statement and request.body.size and (insert := parse_insert(request.statement + b"\n")):
            self._check(request.statement)
            if compression := ENGINE_COMPRESSION.get(request.encoding):
                return self._insert(insert, request.body, compression)
            with Body(decode(request.body.read(), request.encoding)) as plain:
                return self._insert(insert, plain, "none")
        body = decode(request.body.read(), request.encoding) if request.body.size else b""
        sql = request.statement + b"\n" + body if request.statement and body else request.statement or body
        if (insert := parse_insert(sql)) and insert.end < len(sql):
            self._check(sql[: insert.end])
            with Body(memoryview(sql)[insert.end :]) as data:
                return self._insert(insert, data, "none")
        return self._query(sql)

    def fetch(self) -> bytes:
        """The next chunk of a stream; empty at its end."""
        return self._connection.fetch()

    def close(self) -> None:
        """Cancel what still runs and give the connection back; safe to call twice."""
        if self._lease is None:
            self._connection.close()
            return
        self._connection.cancel()
        for statement in self._undo:  # what the URL asked for holds for one request
            with contextlib.suppress(EngineError):
                self._connection.run(statement)
        self._undo.clear()
        self._lease.release()

    def _prepare(self) -> None:
        request, identity = self._request, self._request.identity
        if request.database:
            if request.database.lower() in {"system", "information_schema"} and not identity.is_admin:
                raise refused(
                    497, "ACCESS_DENIED", f"{identity.name}: name tables of {request.database} in full"
                )
            self._undo.append("USE default")
            self._connection.run(f"USE {quoted_name(request.database)}")
        settings = allowed_settings(identity, request.settings or {})
        if settings:
            self._undo.append("SET " + ", ".join(f"{name} = DEFAULT" for name in settings))
            self._connection.run(
                "SET " + ", ".join(f"{name} = {quoted(value)}" for name, value in settings.items())
            )
        if identity.is_readonly:
            self._connection.run("SET readonly = 1")
        elif request.is_get and not request.session:  # as the server: a GET never writes
            self._connection.run("SET readonly = 2")

    def _check(self, sql: bytes) -> str:
        """The kind of a statement, as `_judge` finds it or found it before."""
        request = self._request
        key = key_of(
            request.identity.name,
            sql,
            request.default_format,
            request.settings or {},
            is_session=self._lease is not None,
        )
        if self._engine.allowed.knows(key):
            return _READ_ONLY
        kind = self._judge(sql)
        if kind == _READ_ONLY:
            self._engine.allowed.add(key)
        return kind

    def _judge(self, sql: bytes) -> str:
        """The kind of a statement; raises when it is several or `identity` may not run it.

        Grants do not cover everything: SET ROLE, INTO OUTFILE, KILL, USE and BACKUP are of kind CONTROL, some
        functions and the tables of `system` need no grant. A text that does not parse has no statements; the engine will refuse it.
        """
        identity = self._request.identity
        if not identity.is_admin and names_a_schema(sql + b"\n" + self._request.default_format.encode()):
            raise refused(
                497, "ACCESS_DENIED", f"{identity.name}: formats and settings that name files are not allowed"
            )
        kind = self._connection.classify(sql)
        if kind.statements > 1:
            raise refused(62, "SYNTAX_ERROR", "Syntax error (Multi-statements are not allowed)")
        if identity.is_admin or not kind.statements:
            return kind.name
        writes = kind.name == "MUTATING" and not identity.is_readonly
        if (kind.name != _READ_ONLY and not writes) or names_file(sql):
            raise refused(497, "ACCESS_DENIED", f"{identity.name}: Not enough privileges for this statement")
        tree = self._connection.run(b"EXPLAIN AST " + sql, "TSVRaw", self._request.parameters).data
        if name := forbidden(tree.decode(errors="replace"), self._engine.table_functions):
            raise refused(
                497, "ACCESS_DENIED", f"{identity.name}: Not enough privileges: {name} is not allowed"
            )
        return kind.name

    def _insert(self, insert: Insert, data: Body, compression: str) -> Answer:
        return Answer(self._connection.run(insert.from_file(data.ready().path, compression)), "")

    def _query(self, sql: bytes) -> Answer:
        parameters = self._request.parameters or {}
        kind, text = self._check(sql), sql.decode(errors="replace")
        wanted = result_format(text, self._request.default_format)
        if kind == _READ_ONLY and is_streamable(text, wanted):
            self._connection.stream(sql, wanted, parameters)
            first = self._connection.fetch()
            # Most results are one chunk: known to be whole, they need no stream.
            return Answer(Result(first), wanted, self._connection.fetch() if first else b"")
        result = self._connection.run(sql, wanted, parameters)
        return Answer(result, wanted if result.data or kind == _READ_ONLY else "")


def allowed_settings(identity: Identity, settings: Mapping[str, str]) -> dict[str, str]:
    """The settings a request may set; raises READONLY or SETTING_CONSTRAINT_VIOLATION for one it may not."""
    for name in settings:
        if not identity.is_admin and names_a_schema(name.encode()):
            raise refused(
                164, "READONLY", f"Cannot modify '{name}': settings that name files are not allowed"
            )
    if not identity.is_readonly:
        return dict(settings)
    allowed: dict[str, str] = {}
    for name, value in settings.items():
        if name == "readonly":
            continue  # it is read-only whatever it asks
        if not name.startswith(_READER_SETTINGS):
            raise refused(164, "READONLY", f"Cannot modify '{name}' setting in readonly mode")
        cap = identity.caps.get(name)
        if cap is not None and not (value.isdigit() and 0 < int(value) <= cap):
            raise refused(
                452, "SETTING_CONSTRAINT_VIOLATION", f"Setting {name} should be between 1 and {cap}"
            )
        allowed[name] = value
    return allowed
