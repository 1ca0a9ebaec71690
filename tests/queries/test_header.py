"""What a header says beside words; how a report as a whole is read and refused is in test_report."""

from __future__ import annotations

from datetime import date

import pytest

from trailhouse.queries.errors import ReportBroken
from trailhouse.queries.header import Explain, read_about, read_column, read_explain, read_semantics
from trailhouse.queries.parameter import Parameter

DAY = read_column("x", "day", {"type": "date", "unit": "day", "text": "when"})


def test_a_hidden_column_is_no_part_of_what_is_shown() -> None:
    """It is declared as any other, and says of itself that it is hidden."""
    column = read_column("x", "ref", {"type": "text", "unit": "hash", "text": "who", "is_hidden": True})
    assert (column.is_hidden, DAY.is_hidden) == (True, False)
    assert "is_hidden" not in column.to_dict()


def test_semantics_may_change_nothing() -> None:
    """A quote alone says whose definition this is already."""
    found = read_semantics("x", "port", {"quote": "As they say."})
    assert found.to_dict() == {
        "name": "port",
        "quote": "As they say.",
        "last": None,
        "since": None,
        "parameters": {},
    }
    dated = read_semantics("x", "wandb-saas", {"quote": "q", "since": "2025-05-09"})
    assert dated.since == date(2025, 5, 9)


def test_explain_spells_from_and_is_as_sql_does() -> None:
    """Words that Python keeps for itself."""
    found = read_explain("x", {"from": "landed", "where": "1", "column": "day", "is": "count()"}, (DAY,))
    assert found == Explain("1", None, "day", "count()", "landed")


def test_a_row_may_speak_of_what_a_parameter_chooses() -> None:
    """`about` names a bucket or the parameter that does, and the column that says how many later."""
    per = Parameter("per", "String", "week", "which", choices=("week", "month"))
    after = read_column("x", "after", {"type": "integer", "unit": "weeks", "text": "later"})
    found = read_about("x", {"bucket": "per", "after": "after"}, (DAY, after), (per,))
    assert (found.bucket_of({"per": "month"}), found.after) == ("month", "after")
    assert read_about("x", {"bucket": "day"}, (DAY,), ()).bucket_of({}) == "day"
    for fields, columns, rule in (
        ({"bucket": "hour"}, (DAY,), "bucket of about is 'hour'"),
        ({"bucket": "by"}, (DAY,), "bucket of about is 'actor'"),
        ({"bucket": "per"}, (after,), "about has a bucket, and no column is a date"),
        ({"bucket": "per", "after": "day"}, (DAY, after), "about counts 'day'"),
    ):
        with pytest.raises(ReportBroken, match=rule):
            read_about(
                "x", fields, columns, (per, Parameter("by", "String", "actor", "", choices=("actor",)))
            )


@pytest.mark.parametrize("fields", [None, [], "where", {"wher": "1"}])
def test_what_is_no_map_of_known_keys_is_refused(fields: object) -> None:
    """A typo in a header is our mistake and is named."""
    for read in (read_column, read_semantics):
        with pytest.raises(ReportBroken, match="report x: "):
            read("x", "name", fields)
    with pytest.raises(ReportBroken, match="report x: explain"):
        read_explain("x", fields, (DAY,))
