"""Options that several commands share, and how rows are printed."""

from __future__ import annotations

import json
import os
import re
import sys
from collections.abc import Mapping, Sequence
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from trailhouse.deploy.invocation import spelled

Data = Annotated[
    Path | None,
    typer.Option(
        "--data",
        metavar="DIR",
        help="State folder of the stack; else TRAILHOUSE_DATA, the environment, the last one started.",
    ),
]


class Format(StrEnum):
    """How a command prints its rows."""

    TABLE = "table"
    JSON = "json"


class RowsFormat(StrEnum):
    """How a command prints rows that may leave as a file."""

    TABLE = "table"
    CSV = "csv"
    JSON = "json"
    NDJSON = "ndjson"


FormatOption = Annotated[Format, typer.Option("--format", help="How to print.")]


def has_colour(environ: Mapping[str, str], *, is_terminal: bool) -> bool:
    """Whether to colour what is printed: never off a terminal, never with `NO_COLOR`."""
    return is_terminal and not environ.get("NO_COLOR") and environ.get("TERM") != "dumb"


def say(text: str) -> None:
    """Progress and advice: to stderr, so that stdout holds data only. Commands in it are spelled to be pasted."""
    print(spelled(text), file=sys.stderr, flush=True)


def print_json(value: object) -> None:
    """One JSON document to stdout."""
    print(json.dumps(value, indent=2, ensure_ascii=False))


def print_table(columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
    """Rows under their column names to stdout, as wide as they are when it is no terminal; numbers to the right."""
    from rich.console import Console  # noqa: PLC0415 - loading rich takes longer than many commands
    from rich.table import Table  # noqa: PLC0415

    table = Table(box=None, pad_edge=False, header_style="bold")
    for number, column in enumerate(columns):
        texts = [str(row[number]) for row in rows]
        is_numeric = any(texts) and all(re.fullmatch(r"-?[\d,.]+|-", text) for text in texts)
        table.add_column(column, justify="right" if is_numeric else "left")
    for row in rows:
        table.add_row(*(str(cell) for cell in row))
    is_terminal = sys.stdout.isatty()
    Console(
        no_color=not has_colour(os.environ, is_terminal=is_terminal),
        width=None if is_terminal else 10_000,
        markup=False,  # cells are text: what somebody called their topic must not style our table
        emoji=False,
        highlight=False,
    ).print(table)
