"""What a statement is, read from its text: pure functions, no engine.

The text of a statement reaches us in three ways: in the URL, in the body, or half and half for an INSERT whose data
is the body.
"""

from __future__ import annotations

import re
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
    _SKIP.encode()
    + rb"(INSERT\s+INTO\b(?!.*?\b(?:SELECT|INFILE|VALUES)\b.*?\bFORMAT\s).*?)\bFORMAT\s+(\w+)[ \t]*(?:;|\r?\n|\s)",
    re.IGNORECASE | re.DOTALL,
)
_INFILE: Final = re.compile(rb"\bINFILE\b", re.IGNORECASE)
# These need no grant: `file` reads any file, `eval` hides a statement in a string, the others leave the engine.
_DENIED: Final = re.compile(
    r"^\s*Function (file|eval|python|catboostEvaluate|getServerSetting|getMacro|sleep\w*|ai\w+)\b",
    re.IGNORECASE | re.MULTILINE,
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


def parse_insert(text: bytes) -> Insert | None:
    """The INSERT at the start of `text` when its data follow it; None for any other statement."""
    found = _INSERT.match(text)
    return Insert(found[1].decode(errors="replace"), found[2].decode(), found.end()) if found else None


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


def denied_function(syntax_tree: str) -> str | None:
    """The first function in the output of `EXPLAIN AST` that only an admin may call."""
    found = _DENIED.search(syntax_tree)
    return found[1] if found else None


def quoted(text: str) -> str:
    """A string literal."""
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"


def quoted_name(name: str) -> str:
    """A quoted identifier."""
    return "`" + name.replace("\\", "\\\\").replace("`", "\\`") + "`"
