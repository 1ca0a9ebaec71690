"""Entries as text: which columns stand in a line, and that statements stay plain. `test_audit_read` runs them."""

from __future__ import annotations

import pytest

from trailhouse.queries.audit_columns import EVENT, WANDB, Column
from trailhouse.queries.audit_lines import csv_header, csv_line, json_line, table_columns

COLUMNS = (Column("who", "", "pii['who']"), Column("code", "event.code", "event.code", "number"))


def test_a_column_that_may_not_be_seen_is_not_in_the_statement() -> None:
    """Not as a null and not as an empty column."""
    for write in (json_line, csv_line, table_columns):
        assert "who" in write(COLUMNS, read_pii=True)
        assert "who" not in write(COLUMNS, read_pii=False)
    assert csv_header(COLUMNS, read_pii=True) == b"who,code\r\n"
    assert csv_header(COLUMNS, read_pii=False) == b"code\r\n"


@pytest.mark.parametrize("columns", [WANDB, EVENT])
def test_statements_are_ascii(columns: tuple[Column, ...]) -> None:
    """Nothing on the way to the store has to agree on an encoding."""
    for write in (json_line, csv_line, table_columns):
        assert write(columns, read_pii=True).isascii()
