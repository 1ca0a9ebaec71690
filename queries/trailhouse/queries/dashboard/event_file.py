"""Events as CSV, as the API's event log writes them. Pure."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import orjson

from trailhouse.queries.render import FORMULA_STARTS


def csv_of(events: Iterable[Mapping[str, Any]], names: Sequence[str]) -> str:
    """A header row, then a row per event with a cell for each of `names`; formulas get a leading apostrophe."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\r\n")
    writer.writerow(names)
    for event in events:
        writer.writerow([_cell(event.get(name)) for name in names])
    return out.getvalue()


def _cell(value: Any) -> str:
    if value is None:
        return ""
    text = value if isinstance(value, str) else orjson.dumps(value).decode()
    return f"'{text}" if text[:1] in FORMULA_STARTS else text
