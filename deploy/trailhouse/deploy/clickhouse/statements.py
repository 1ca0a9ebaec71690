"""What a statement is, read from its text: pure functions, no engine.

The text of a statement reaches us in three ways: in the URL, in the body, or half and half for an INSERT whose data
is the body.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass
from typing import Final

# Chunks of a streamed result are whole documents of their format, so only formats without header and footer join up.
STREAMABLE: Final = frozenset(
    [
        "native",
        "tabseparated",
        "tsv",
        "tabseparatedraw",
        "tsvraw",
        "csv",
        "rowbinary",
        "jsoneachrow",
        "ndjson",
        "jsonlines",
        "jsoncompacteachrow",
    ]
)
_SKIP: Final = r"(?:\s|--[^\n]*\n|/\*.*?\*/)*"
_FORMAT: Final = re.compile(r"\bFORMAT\s+(\w+)\s*(?:SETTINGS\b[^;]*)?;?\s*$", re.IGNORECASE)
_SELECT: Final = re.compile(_SKIP + r"\(*\s*(?:SELECT|WITH)\b", re.IGNORECASE | re.DOTALL)
_INSERT: Final = re.compile(
    _SKIP.encode() + rb"(INSERT\s+INTO\b.*?)\bFORMAT\s+(\w+)[ \t]*(?:;|\r?\n|\s)", re.IGNORECASE | re.DOTALL
)
# What follows the first FORMAT are the data only where nothing before it says where else they are.
_DATA_ELSEWHERE: Final = re.compile(rb"\b(?:SELECT|INFILE|VALUES)\b", re.IGNORECASE)
# A statement's head is short. Megabytes of rows behind it are not searched; a longer head is run as it was written.
_HEAD_BYTES_MAX: Final = 16_384
_HIDDEN: Final = re.compile(rb"--[^\n]*|/\*.*?\*/|#[ !][^\n]*|'(?:[^'\\]|\\.|'')*'", re.DOTALL)
_SCHEMA_NAMES: Final = re.compile(rb"template|protobuf|capnproto|_schema", re.IGNORECASE)
_INFILE: Final = re.compile(rb"\bINFILE\b", re.IGNORECASE)
# Scalar functions that need no grant: `file` reads any file, `eval` hides a statement in a string, `sleep` keeps a
# thread, the others leave the engine or tell about its set-up.
_DENIED: Final = re.compile(
    r"^\s*Function (file|eval|python|catboostEvaluate|getServerSetting|getMacro|sleep\w*|ai\w+)\b",
    re.IGNORECASE | re.MULTILINE,
)
_TABLE_FUNCTION: Final = re.compile(r"^\s*TableExpression\b.*\n\s*Function (\S+)", re.MULTILINE)
_SYSTEM_TABLE: Final = re.compile(r"^\s*(?:Table)?Identifier system\.(\S+)", re.MULTILINE)
# Table functions for everybody; of the others many need no grant and read files or other people's tables.
HARMLESS_TABLE_FUNCTIONS: Final = frozenset(
    (
        "numbers",
        "numbers_mt",
        "zeros",
        "zeros_mt",
        "generate_series",
        "generateseries",
        "values",
        "view",
        "null",
        "format",
    )
)
# What of `system` drivers and Grafana read to connect and to complete names, and analysts to see sizes; nothing that
# shows other people's queries.
READABLE_SYSTEM_TABLES: Final = frozenset(
    (
        "aggregate_function_combinators",
        "build_options",
        "collations",
        "columns",
        "contributors",
        "data_type_families",
        "databases",
        "formats",
        "functions",
        "licenses",
        "numbers",
        "numbers_mt",
        "one",
        "parts",
        "parts_columns",
        "settings",
        "table_engines",
        "table_functions",
        "tables",
        "time_zones",
        "zeros",
    )
)


@dataclass(frozen=True, slots=True)
class Insert:
    """An INSERT whose data follow its text: `text[:end]` is the statement, `head` what stands before FORMAT."""

    head: str
    format: str
    end: int

    def from_file(self, path: str, compression: str) -> str:
        """The same INSERT reading its data from a file, many times faster than data behind the text."""
        head, *settings = re.split(r"\s(?=SETTINGS\b)", self.head, maxsplit=1, flags=re.IGNORECASE)
        return f"{head} FROM INFILE '{path}' COMPRESSION '{compression}' {''.join(settings)} FORMAT {self.format}"


def names_a_schema(sql: bytes) -> bool:
    """Whether a statement might use a format or setting that reads or writes a file of a given name.

    `Template` quotes its file in errors, `Protobuf` writes one; `SETTINGS` stands in no syntax tree. So their names may
    stand in strings and comments only, and identifiers may not spell them with escapes. Where strings cannot be told
    from the rest by their quotes (heredocs, typographic quotes), they may stand nowhere.
    """
    if b"$" in sql or not sql.isascii():
        return bool(_SCHEMA_NAMES.search(sql)) or (
            b"\\" in sql and any(quote in sql for quote in (b"`", b'"'))
        )
    bare = _HIDDEN.sub(b"''", sql)
    return bool(_SCHEMA_NAMES.search(bare)) or b"\\" in bare


def parse_insert(text: bytes) -> Insert | None:
    """The INSERT at the start of `text` when its data follow it; None for any other statement."""
    found = _INSERT.match(text[:_HEAD_BYTES_MAX])
    if found is None or _DATA_ELSEWHERE.search(found[1]):
        return None
    return Insert(found[1].decode(errors="replace"), found[2].decode(), found.end())


def result_format(text: str, default: str) -> str:
    """The format a statement's result comes in: its own FORMAT clause, else `default`."""
    found = _FORMAT.search(text)
    return found[1] if found else default


def is_streamable(text: str, result: str) -> bool:
    """Whether a statement's result may be sent chunk by chunk."""
    return result.lower() in STREAMABLE and _SELECT.match(text) is not None


def names_file(text: bytes) -> bool:
    """Whether a statement says INFILE, which would show a file of this machine in its parse error."""
    return _INFILE.search(text) is not None


def forbidden(syntax_tree: str, table_functions: Collection[str]) -> str | None:
    """What in the output of `EXPLAIN AST` only an admin may use; None when there is nothing.

    `table_functions` are the engine's, in lower case; any other name is a view with parameters.
    """
    if syntax_tree.startswith("ShowProcesslistQuery"):
        return "SHOW PROCESSLIST"
    if found := _DENIED.search(syntax_tree):
        return f"function {found[1]}"
    for name in _TABLE_FUNCTION.findall(syntax_tree):
        if name.lower() in table_functions and name.lower() not in HARMLESS_TABLE_FUNCTIONS:
            return f"table function {name}"
    for name in _SYSTEM_TABLE.findall(syntax_tree):
        if name not in READABLE_SYSTEM_TABLES:
            return f"table system.{name}"
    return None


def quoted(text: str) -> str:
    """A string literal."""
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"


def quoted_name(name: str) -> str:
    """A quoted identifier."""
    return "`" + name.replace("\\", "\\\\").replace("`", "\\`") + "`"
