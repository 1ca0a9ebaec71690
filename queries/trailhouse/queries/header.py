"""What the header of a report may say beside words: its columns, whose definitions it knows, what is behind a row."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from types import MappingProxyType
from typing import Any, Final, Literal, get_args

from trailhouse.queries.errors import BadParameter, ReportBroken
from trailhouse.queries.parameter import Parameter
from trailhouse.queries.periods import parse_last

Chart = Literal["number", "line", "bar", "pie", "table"]
ColumnType = Literal["date", "time", "integer", "number", "text"]
Bucket = Literal["day", "week", "month"]
Source = Literal["events", "landed", "rejected"]

# As which type `explain` binds the value that a row has in a column.
ROW_TYPES: Final[Mapping[ColumnType, str]] = MappingProxyType(
    {
        "date": "Date",
        "time": "DateTime64(3, 'UTC')",
        "integer": "Int64",
        "number": "Float64",
        "text": "String",
    }
)
_SEMANTICS: Final = re.compile(r"[a-z][a-z0-9-]*")


@dataclass(frozen=True, slots=True)
class Column:
    """A column of the answer; `unit` says what its figures count, or how its values read.

    One that `is_hidden` is in no table and no file: it tells `explain` and links which row is meant. A figure that
    `is_now` is the same whatever period is asked about.
    """

    name: str
    type: ColumnType
    unit: str
    text: str
    is_hidden: bool = False
    is_now: bool = False

    def to_dict(self) -> dict[str, str]:
        """The column as JSON values."""
        return {"name": self.name, "type": self.type, "unit": self.unit, "text": self.text}


@dataclass(frozen=True, slots=True)
class Semantics:
    """Whose definition answers, and what it changes: the default period, the first date that counts, parameters.

    `quote` is the line of the source it comes from, word for word. `since` is a local date of the zone asked for.
    """

    name: str
    quote: str
    last: str = ""
    since: date | None = None
    parameters: Mapping[str, str | int] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """What it changes, as JSON values."""
        return {
            "name": self.name,
            "quote": self.quote,
            "last": self.last or None,
            "since": self.since.isoformat() if self.since else None,
            "parameters": dict(self.parameters),
        }


@dataclass(frozen=True, slots=True)
class About:
    """Of which day, week or month a row speaks: the one its date begins, or that many later as column `after` says.

    `bucket` is one of `Bucket`, or the parameter that chooses one.
    """

    bucket: str
    after: str = ""

    def bucket_of(self, own: Mapping[str, str | int]) -> Bucket:
        """The bucket, a report's own parameters being these."""
        found: Bucket = own.get(self.bucket, self.bucket)  # type: ignore[assignment] # checked when the header is read
        return found


@dataclass(frozen=True, slots=True)
class Explain:
    """Which rows of `source` are behind a row of the report: those of the period for which `where` holds.

    `bucket`: the row's date narrows the period to that day, week or month. The aggregate `is_` over them equals the
    row's number in `column`; both '' where the number is no such aggregate, and `text` says what is listed.
    """

    where: str
    bucket: Bucket | None = None
    column: str = ""
    is_: str = ""
    source: Source = "events"
    text: str = ""


def read_column(report: str, name: str, fields: Any) -> Column:
    """One of `columns`; raises `ReportBroken`."""
    column: Column = _made(report, f"column {name}", Column, fields, name=name)
    one_of(report, f"type of column {name}", column.type, get_args(ColumnType))
    return column


def read_semantics(report: str, name: str, fields: Any) -> Semantics:
    """One of `semantics`; raises `ReportBroken`."""
    if isinstance(fields, dict) and isinstance(fields.get("since"), str):
        try:
            fields = fields | {"since": date.fromisoformat(fields["since"])}
        except ValueError:
            raise ReportBroken(report, f"semantics {name}: since {fields['since']!r} is no date") from None
    found: Semantics = _made(report, f"semantics {name}", Semantics, fields, name=name)
    if not _SEMANTICS.fullmatch(name) or not found.quote:
        raise ReportBroken(report, f"semantics {name}: must have a name of a-z 0-9 - and a quote")
    try:
        if found.last:
            parse_last(found.last)
    except BadParameter as error:
        raise ReportBroken(report, f"semantics {name}: {error}") from None
    return found


def read_explain(report: str, fields: Any, columns: tuple[Column, ...]) -> Explain:
    """What `explain` says; raises `ReportBroken`."""
    names = {"is": "is_", "from": "source"}
    if isinstance(fields, dict):
        fields = {names.get(key, key): value for key, value in fields.items()}
    found: Explain = _made(report, "explain", Explain, fields)
    one_of(report, "from of explain", found.source, get_args(Source))
    if found.bucket is not None:
        one_of(report, "bucket of explain", found.bucket, get_args(Bucket))
        if not any(column.type == "date" for column in columns):
            raise ReportBroken(report, "explain has a bucket, and no column is a date")
    if bool(found.column) != bool(found.is_) or bool(found.column) == bool(found.text):
        raise ReportBroken(report, "explain needs either column and is, or text")
    if found.column and found.column not in {each.name for each in columns}:
        raise ReportBroken(report, f"explain is about {found.column!r}, which is no column")
    return found


def read_about(
    report: str, fields: Any, columns: tuple[Column, ...], parameters: tuple[Parameter, ...]
) -> About:
    """What `about` says; raises `ReportBroken`."""
    found: About = _made(report, "about", About, fields)
    own = {each.name: each.choices for each in parameters}
    for bucket in own.get(found.bucket, (found.bucket,)):
        one_of(report, "bucket of about", bucket, get_args(Bucket))
    if not any(column.type == "date" for column in columns):
        raise ReportBroken(report, "about has a bucket, and no column is a date")
    if found.after and found.after not in {each.name for each in columns if each.type == "integer"}:
        raise ReportBroken(report, f"about counts {found.after!r}, which is no column of whole numbers")
    return found


def one_of(report: str, what: str, value: Any, allowed: tuple[str, ...]) -> Any:
    """The value; raises `ReportBroken` unless it is allowed."""
    if value not in allowed:
        raise ReportBroken(report, f"{what} is {value!r}; wanted one of {', '.join(allowed)}")
    return value


def _made(report: str, what: str, kind: Any, fields: Any, **given: str) -> Any:
    if not isinstance(fields, dict):
        raise ReportBroken(report, f"{what} must be a map")
    try:
        return kind(**given, **fields)
    except TypeError as error:
        raise ReportBroken(report, f"{what}: {error}") from None
