"""A report: one SQL file that opens with a YAML header in a comment, and everything else is derived from the two.

    /*
    title: …            a few words
    question: …         what a person wants to know
    source: [WD9, …]    requirement ids
    counts: …           what is counted, in one sentence
    terms: [active-user, …]   anchors in docs/definitions.md
    chart: number | line | bar | pie | table
    ties: …             how equal rows are ranked; only where rows are ranked
    last: 30d           the period when none is asked for
    whole: month        the period's first month counts whole; only where parts of months say nothing
    lead: 29d | NAME    what is bound as `before_spans`: that long before the period, or a week or month as parameter NAME
                        says, and then the period's first one counts whole
    semantics: {name: {quote: …, last: …, since: …, parameters: {…}}}   whose definitions there are, and what they change
    about: {bucket: day | week | month | NAME, after: COLUMN}   of which one a row with a date speaks, where `explain` has no
                        bucket; NAME is a parameter that chooses; `after`: that many after the one of the row's date
    explain: {where: …, bucket: day | week | month, column: …, is: …, from: …, text: …}   the events behind a row
    parameters: {name: {type: …, default: …, choices: […] | minimum: …, maximum: …, text: …}}
    columns: {name: {type: date | time | integer | number | text, unit: …, text: …, is_hidden: …, is_now: …}}
    */
    SELECT …

The text below the header is what ClickHouse runs. Its `{name:Type}` are bound by the server: those of `BOUND` by the
runner, never from a caller's text, the rest are the header's parameters. `explain` may also have `{row_COLUMN:Type}`, the
row's value in a column, with the type of `ROW_TYPES`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from types import MappingProxyType
from typing import Any, Final, get_args

import yaml

from trailhouse.queries.errors import BadParameter, ReportBroken, UnknownReport
from trailhouse.queries.header import (
    ROW_TYPES,
    About,
    Chart,
    Column,
    Explain,
    Semantics,
    one_of,
    read_about,
    read_column,
    read_explain,
    read_semantics,
)
from trailhouse.queries.lead import fault_in
from trailhouse.queries.parameter import Parameter

# PyYAML's own library reads the headers of all reports in 0.03 s, without it (it may be missing) they take 0.2.
_SAFE_LOADER: Final = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
# What the runner binds in every report: whose data, which period, which rights.
BOUND: Final[Mapping[str, str]] = MappingProxyType(
    {
        "orgs": "Array(String)",
        "spans": "Array(Tuple(Int64, Int64, Int32))",
        "cuts": "Array(Tuple(Int64, Int64, Int32))",
        "ranges": "Array(Tuple(Int64, Int64))",
        "pieces": "Array(Tuple(UInt16, UInt16, Int8, UInt8, UInt8))",
        "stretches": "Array(Tuple(UInt16, UInt16, UInt8, UInt8))",
        "dates": "Array(Tuple(Int32, Int32))",
        "months": "Array(Date)",
        "month_ends": "Array(Int64)",
        "before_spans": "Array(Tuple(Int64, Int64, Int32))",
        "before_cuts": "Array(Tuple(Int64, Int64, Int32))",
        "before_ranges": "Array(Tuple(Int64, Int64))",
        "before_pieces": "Array(Tuple(UInt16, UInt16, Int8, UInt8, UInt8))",
        "before_dates": "Array(Tuple(Int32, Int32))",
        "before_months": "Array(Date)",
        "past_spans": "Array(Tuple(Int64, Int64, Int32))",
        "past_cuts": "Array(Tuple(Int64, Int64, Int32))",
        "week_start": "UInt8",
        "read_pii": "Bool",
        "is_instance": "Bool",
        "is_known": "Bool",
    }
)
# Views that look in `events` for what a period cuts of quarter-hours; each has a twin that does not.
_CUTTING: Final = re.compile(
    r"\b(?=(?:(?:active_days|login_days|active|day_counts|page_views)_in|activations)\()"
)
# What every report can be asked with besides its own parameters.
ASKED: Final[Mapping[str, str]] = MappingProxyType(
    {
        "org": "organisation the report is about; several of them with commas",
        "company": "instead of `org`: all organisations of a company, if you may read each",
        "since": "first local day, or first instant",
        "until": "last local day (it counts whole), or the instant before which the period ends; today when left out",
        "last": "instead of `since`: the last days, weeks, months or years up to `until`, such as 30d, 12w, 6m, 1y, or all",
        "timezone": "IANA time zone whose days count; when left out that of the organisation, else UTC",
        "week_start": "first day of a week, monday to sunday; when left out that of the organisation, else monday",
        "semantics": "whose definition answers, where the report knows several",
    }
)
# What a row in JSON says besides its columns.
ROW_KEYS: Final = frozenset({"state", "explain"})
_HEADER: Final = re.compile(r"\A/\*\n(.*?)\n\*/\n", re.DOTALL)
_PLACEHOLDER: Final = re.compile(r"\{(\w+):([^{}]+)\}")
_NAME: Final = re.compile(r"[a-z][a-z0-9_]*")
_KEYS: Final = (
    "title",
    "question",
    "source",
    "counts",
    "terms",
    "chart",
    "ties",
    "last",
    "whole",
    "lead",
    "semantics",
    "about",
    "explain",
    "parameters",
    "columns",
)
_OPTIONAL: Final = frozenset({"ties", "whole", "lead", "semantics", "about", "parameters"})


def uncut(sql: str) -> str:
    """SQL about a period that has cuts, as it is asked of one that has none (`uncut_…` in docs/tables.md)."""
    return _CUTTING.sub("uncut_", sql)


@dataclass(frozen=True, slots=True)
class Report:
    """One question the product answers. `sql` is the file without its header."""

    name: str
    title: str
    question: str
    source: tuple[str, ...]
    counts: str
    terms: tuple[str, ...]
    chart: Chart
    ties: str
    last: str
    is_whole_month: bool
    lead: str
    semantics: Mapping[str, Semantics]
    about: About | None
    explain: Explain
    parameters: tuple[Parameter, ...]
    columns: tuple[Column, ...]
    sql: str

    @property
    def is_for_instance(self) -> bool:
        """Whether it can be asked about the whole installation, records of no organisation included."""
        return "{is_instance:" in self.sql

    @property
    def uncut_sql(self) -> str:
        """The same of a period without cuts, as nearly all are: nothing about `events` is then planned to find none."""
        return uncut(self.sql)

    def to_dict(self) -> dict[str, Any]:
        """The header as JSON values, without the SQL."""
        return {
            "name": self.name,
            "title": self.title,
            "question": self.question,
            "counts": self.counts,
            "source": list(self.source),
            "terms": list(self.terms),
            "chart": self.chart,
            "ties": self.ties or None,
            "last": self.last,
            "semantics": [each.to_dict() for each in self.semantics.values()],
            "parameters": [
                {"name": each.name, "text": each.text, "default": each.default, **each.to_schema()}
                for each in self.parameters
            ],
            "columns": [column.to_dict() for column in self.columns if not column.is_hidden],
        }


def parse(name: str, text: str) -> Report:
    """Read one report file; raises `ReportBroken` naming the rule it breaks.

    Every report must bind `orgs` and every placeholder must be declared with its type, so that no file can forget
    whose data it shows or take a value from elsewhere.
    """
    match = _HEADER.match(text)
    if match is None or not _NAME.fullmatch(name):
        raise ReportBroken(
            name,
            "must have a name of a-z 0-9 _ and open with a YAML header between /* and */ on lines of their own",
        )
    try:
        header = yaml.load(match[1], _SAFE_LOADER)  # noqa: S506 - safe, whichever it is
    except yaml.YAMLError as error:
        raise ReportBroken(name, f"header is not YAML: {error}") from None
    _check_keys(name, header)
    columns = tuple(read_column(name, key, value) for key, value in header["columns"].items())
    parameters = tuple(_parameter(name, key, value) for key, value in header.get("parameters", {}).items())
    explain = read_explain(name, header["explain"], columns)
    report = Report(
        name=name,
        title=header["title"],
        question=header["question"],
        source=tuple(header["source"]),
        counts=header["counts"],
        terms=tuple(header["terms"]),
        chart=one_of(name, "chart", header["chart"], get_args(Chart)),
        ties=header.get("ties", ""),
        last=str(header["last"]),
        is_whole_month=one_of(name, "whole", header.get("whole", "month"), ("month",)) == header.get("whole"),
        lead=header.get("lead", ""),
        semantics={
            key: read_semantics(name, key, value) for key, value in header.get("semantics", {}).items()
        },
        about=_about(name, header.get("about"), explain, columns, parameters),
        explain=explain,
        parameters=parameters,
        columns=columns,
        sql=text[match.end() :].strip(),
    )
    if clash := [column.name for column in columns if column.name in ROW_KEYS]:
        raise ReportBroken(name, f"column {clash[0]} has a name that every row in JSON has already")
    _check_placeholders(report)
    if fault := fault_in(report.lead, {each.name: each for each in report.parameters}):
        raise ReportBroken(name, fault)
    _check_semantics(report)
    return report


def load() -> dict[str, Report]:
    """The packaged reports by name, in alphabetical order, read once in a process; raises `ReportBroken`."""
    return dict(_packaged())


@cache
def _packaged() -> Mapping[str, Report]:
    folder = files("trailhouse.queries") / "reports"
    found = sorted(
        (file.name, file.read_text("utf-8")) for file in folder.iterdir() if file.name.endswith(".sql")
    )
    return {name.removesuffix(".sql"): parse(name.removesuffix(".sql"), text) for name, text in found}


def find(reports: Mapping[str, Report], name: str) -> Report:
    """The report of that name; raises `UnknownReport` with the closest one."""
    if name not in reports:
        raise UnknownReport(name, reports)
    return reports[name]


def _check_keys(name: str, header: Any) -> None:
    if not isinstance(header, dict):
        raise ReportBroken(name, "header must be a map")
    if unknown := [key for key in header if key not in _KEYS]:
        raise ReportBroken(name, f"header has {unknown[0]!r}; the keys are {', '.join(_KEYS)}")
    if missing := [key for key in _KEYS if not header.get(key) and key not in _OPTIONAL]:
        raise ReportBroken(name, f"header lacks {missing[0]!r}")
    lists, maps = ("source", "terms"), ("semantics", "about", "explain", "parameters", "columns")
    kinds = dict.fromkeys(lists, list) | dict.fromkeys(maps, dict)
    for key, value in header.items():
        if not isinstance(value, kinds.get(key, str)):
            raise ReportBroken(name, f"{key} must be a {kinds.get(key, str).__name__}")


def _check_placeholders(report: Report) -> None:
    declared = dict(BOUND) | {each.name: each.type for each in report.parameters}
    if clash := [each.name for each in report.parameters if each.name in BOUND or each.name in ASKED]:
        raise ReportBroken(report.name, f"parameter {clash[0]} has a name that every report has already")
    names = _check_declared(report.name, report.sql, declared)
    for needed in ("orgs", *(each.name for each in report.parameters)):
        if needed not in names:
            raise ReportBroken(report.name, f"the SQL never uses {{{needed}:{declared[needed]}}}")
    of_row = {f"row_{column.name}": ROW_TYPES[column.type] for column in report.columns}
    _check_declared(report.name, f"{report.explain.where} {report.explain.is_}", declared | of_row)


def _check_declared(report: str, sql: str, declared: Mapping[str, str]) -> set[str]:
    used = {(key, " ".join(kind.split())) for key, kind in _PLACEHOLDER.findall(sql)}
    for key, kind in sorted(used):
        if declared.get(key) != kind:
            raise ReportBroken(report, f"{{{key}:{kind}}} is declared as {declared.get(key, 'nothing')}")
    return {key for key, _ in used}


def _check_semantics(report: Report) -> None:
    own = {each.name: each for each in report.parameters}
    for each in report.semantics.values():
        for name, value in each.parameters.items():
            try:
                is_good = name in own and own[name].parse(str(value)) == value
            except BadParameter:
                is_good = False
            if not is_good:
                raise ReportBroken(report.name, f"semantics {each.name}: {name} cannot be {value!r}")


def _about(
    report: str, fields: Any, explain: Explain, columns: tuple[Column, ...], parameters: tuple[Parameter, ...]
) -> About | None:
    if fields is None:
        return About(explain.bucket) if explain.bucket else None
    return read_about(report, fields, columns, parameters)


def _parameter(report: str, name: str, fields: dict[str, Any]) -> Parameter:
    try:
        parameter = Parameter(name=name, **{**fields, "choices": tuple(fields.get("choices", ()))})
        if parameter.parse(str(parameter.default)) != parameter.default:
            raise ReportBroken(
                report, f"parameter {name}: default {parameter.default!r} is not of the type of its choices"
            )
    except TypeError as error:
        raise ReportBroken(report, f"parameter {name}: {error}") from None
    except BadParameter as error:
        raise ReportBroken(report, f"parameter {name}: default {error}, {error.hint}") from None
    return parameter
