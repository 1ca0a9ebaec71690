"""The header format: what a report file must say, and how a mistake is reported."""

from __future__ import annotations

import re
from datetime import date

import pytest
import yaml

from trailhouse.queries import report as module
from trailhouse.queries.errors import ReportBroken, UnknownReport
from trailhouse.queries.header import Explain, Semantics
from trailhouse.queries.parameter import Parameter
from trailhouse.queries.report import BOUND, find, load, parse

GOOD = """\
/*
title: Things
question: How many things?
source: [X1]
counts: things
terms: [event]
chart: number
last: 30d
parameters:
  kind: {type: String, default: a, choices: [a, b], text: which}
  top: {type: UInt32, default: 3, minimum: 1, maximum: 9, text: how many}
semantics:
  kroolo: {last: 7d, since: 2025-05-09, quote: Filter by weekly., parameters: {top: 5}}
explain: {where: "action = {row_name:String} AND noun != {kind:String}", bucket: week, column: things, is: count()}
columns:
  week: {type: date, unit: first day, text: when}
  name: {type: text, unit: action, text: what, is_hidden: true}
  things: {type: integer, unit: things, text: how many}
*/
SELECT count() AS things FROM events WHERE org_id IN {orgs:Array(String)} AND action = {kind:String} LIMIT {top:UInt32}
"""


def test_a_report_is_its_header_and_its_sql() -> None:
    """Everything the CLI, API and docs need comes from the one file; the header never reaches the server."""
    report = parse("things", GOOD)
    assert (
        report.name,
        report.title,
        report.chart,
        report.last,
        report.source,
    ) == ("things", "Things", "number", "30d", ("X1",))
    assert Parameter("kind", "String", "a", "which", choices=("a", "b")) == report.parameters[0]
    assert [column.name for column in report.columns] == ["week", "name", "things"]
    assert [column["name"] for column in report.to_dict()["columns"]] == ["week", "things"]
    where = "action = {row_name:String} AND noun != {kind:String}"
    assert report.explain == Explain(where, "week", "things", "count()")
    kroolo = Semantics("kroolo", "Filter by weekly.", "7d", date(2025, 5, 9), {"top": 5})
    assert report.semantics == {"kroolo": kroolo}
    assert report.to_dict()["semantics"] == [kroolo.to_dict()]
    assert report.sql.startswith("SELECT count()")


@pytest.mark.parametrize(
    ("old", "new", "rule"),
    [
        ("/*\n", "-- ", "open with a YAML header"),
        ("chart: number", "chart: map", "chart is 'map'; wanted one of number, line, bar, pie, table"),
        ("chart: number\n", "", "header lacks 'chart'"),
        ("title: Things", "titel: Things", "header has 'titel'"),
        ("title: Things", "title: [", "header is not YAML"),
        ("source: [X1]", "source: X1", "source must be a list"),
        ("source: [X1]", "source: []", "header lacks 'source'"),
        ("type: integer, unit", "type: float, unit", "type of column things is 'float'"),
        ("unit: things, ", "", "column things: "),
        ("  name: {type", "  state: {type", "column state has a name that every row in JSON has already"),
        ("last: 30d", "last: 30d\nwhole: week", "whole is 'week'; wanted one of month"),
        ("quote: Filter by weekly., ", "", "semantics kroolo: "),
        ("{last: 7d, ", "{last: often, ", "semantics kroolo: last is 'often'"),
        ("since: 2025-05-09", "since: '2025-13-09'", "semantics kroolo: since '2025-13-09' is no date"),
        ("kroolo: {", "Kroolo: {", "semantics Kroolo: must have a name of a-z 0-9 -"),
        ("{top: 5}", "{top: 10}", "semantics kroolo: top cannot be 10"),
        ("{top: 5}", "{low: 5}", "semantics kroolo: low cannot be 5"),
        ("bucket: week", "bucket: hour", "bucket of explain is 'hour'; wanted one of day, week, month"),
        ("{type: date,", "{type: time,", "explain has a bucket, and no column is a date"),
        ("column: things, ", "", "explain needs either column and is, or text"),
        ("is: count()", "is: count(), text: some", "explain needs either column and is, or text"),
        ("column: things", "column: sums", "explain is about 'sums', which is no column"),
        ("is: count()", "is: count(), from: users", "from of explain is 'users'; wanted one of events"),
        ("{row_name:String}", "{row_name:Date}", "{row_name:Date} is declared as String"),
        ("{row_name:String}", "{row_title:String}", "{row_title:String} is declared as nothing"),
        ("text: which", "text: which, colour: red", "parameter kind: "),
        ("default: a,", "default: c,", "parameter kind: default kind is 'c'"),
        ("default: 3,", "default: 10,", "parameter top: default top is '10'"),
        ("default: 3,", "default: '3',", "parameter top: default '3' is not of the type"),
        ("  kind: {", "  org: {", "parameter org has a name that every report has already"),
        ("  kind: {", "  since: {", "parameter since has a name that every report has already"),
        ("{top:UInt32}", "{top:UInt64}", "{top:UInt64} is declared as UInt32"),
        ("{top:UInt32}", "{limit:UInt32}", "{limit:UInt32} is declared as nothing"),
        ("LIMIT {top:UInt32}", "", "the SQL never uses {top:UInt32}"),
        ("org_id IN {orgs:Array(String)}", "1", "the SQL never uses {orgs:Array(String)}"),
        ("{orgs:Array(String)}", "{orgs:Identifier}", "{orgs:Identifier} is declared as Array(String)"),
        ("{orgs:Array(String)}", "{org:String}", "{org:String} is declared as nothing"),
    ],
)
def test_a_broken_header_names_the_report_and_the_rule(old: str, new: str, rule: str) -> None:
    """No file can forget whose data it shows, or take a value that is not declared with its type."""
    assert old in GOOD
    with pytest.raises(ReportBroken, match=re.escape(rule)) as caught:
        parse("things", GOOD.replace(old, new))
    assert str(caught.value).startswith("report things: ")


def test_a_report_name_is_a_question_in_snake_case() -> None:
    """Names become paths, commands and metric labels."""
    with pytest.raises(ReportBroken, match="must have a name"):
        parse("Things!", GOOD)


def test_the_packaged_reports() -> None:
    """The reports other things rely on, with exactly their columns."""
    columns = {
        name: ",".join(column.name for column in report.columns if not column.is_hidden)
        for name, report in load().items()
    }
    assert columns == columns | {
        "active_users": "active_users",
        "balance_by_hour": "hour,org,landed,stored,repeats,conflicts,rejected,expired,counted,difference",
        "events_by_action": "action,events",
        "most_active_users": "rank,user,active_days,last_active",
        "rejected_by_reason": "reason,records,org",
        "users_active_over_time": "day,active_users",
        "weekly_active_users": "week,active_users",
        "who_read_what": "who,key,action,what,persons_shown,outcome,times,last",
    }


def test_reports_are_read_once_and_alike_without_the_library(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever takes one out of what `load` gave keeps it from nobody; PyYAML may come without its faster reader."""
    once = load()
    kept = dict(once)
    once.clear()
    assert all(kept[name] is each for name, each in load().items())
    assert load().keys() == kept.keys()
    monkeypatch.setattr(module, "_SAFE_LOADER", yaml.SafeLoader)
    assert module._packaged.__wrapped__() == kept


def test_values_reach_the_sql_as_server_side_parameters_only() -> None:
    """No report holds a driver's own placeholder or a quoted parameter."""
    for report in load().values():
        assert not re.search(r"%s|%\(|\$\d|'\{|\}'", report.sql), report.name
        assert set(re.findall(r"\{(\w+):", report.sql)) <= {
            *BOUND,
            *(each.name for each in report.parameters),
        }


@pytest.mark.parametrize("name", load())
def test_a_report_sets_nothing_for_the_whole_question(name: str) -> None:
    """Whoever reads over the API may change no setting (ClickHouse's code 164); within a subquery it is taken."""
    depth, sql = 0, re.sub(r"--.*|'(?:[^'\\]|\\.)*'", "", load()[name].sql)
    for found in re.finditer(r"[()]|\bSETTINGS\b", sql):
        assert found[0] != "SETTINGS" or depth > 0
        depth += {"(": 1, ")": -1}.get(found[0], 0)


@pytest.mark.parametrize("name", sorted(load()))
def test_every_final_says_that_copies_lie_in_one_partition(name: str) -> None:
    """The setting holds for the SELECT it ends, not for others of a UNION: merging all partitions took three times as long."""
    sql = load()[name].sql
    can_be_said = not re.search(r"^FROM \w+ FINAL$", sql, re.MULTILINE)  # of the outermost nothing may be set
    finals = sql.count(" FINAL\n") if can_be_said else 0
    assert sql.count("SETTINGS do_not_merge_across_partitions_select_final = 1") == finals


def test_an_unknown_report_gets_the_closest_name() -> None:
    """A typo is answered with what was probably meant."""
    with pytest.raises(UnknownReport) as caught:
        find(load(), "active_user")
    assert caught.value.hint == "did you mean active_users?"
    with pytest.raises(UnknownReport) as caught:
        find(load(), "zzz")
    assert "weekly_active_users" in caught.value.hint
