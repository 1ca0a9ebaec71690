"""What an entry consists of: W&B's keys, and who may read what of them."""

from __future__ import annotations

import pytest
from tests.queries.auditing import KEYS, PERSONAL

from trailhouse.producers.event import FIELDS
from trailhouse.queries.audit_columns import EVENT, WANDB, Column


def test_the_nineteen_keys_are_w_and_bs_in_its_order() -> None:
    """Alphabetical, as its table has them."""
    assert [column.name for column in WANDB] == KEYS == sorted(KEYS)
    assert len(WANDB) == 19


@pytest.mark.parametrize("columns", [WANDB, EVENT])
def test_what_is_open_reads_no_personal_data(columns: tuple[Column, ...]) -> None:
    """Neither the map of plaintext nor another table: an anonymised entry cannot hold what it cannot reach."""
    assert [column.name for column in columns if "pii" in column.open.replace("event.pii_tags", "")] == []
    hidden = {column.name for column in columns if not column.open}
    assert hidden == {field.name for field in FIELDS if field.is_pii} & {column.name for column in columns}
    assert all(name in hidden for name in PERSONAL if name in {column.name for column in columns})


def test_our_own_form_leaves_nothing_of_the_contract_out() -> None:
    """Every field but the version of the contract itself."""
    assert {field.name for field in FIELDS} - {column.name for column in EVENT} == {"schema_version"}


def test_a_column_tells_what_the_caller_may_read() -> None:
    """`full` for who may see people, else `open`."""
    column = Column("x", "a", "b")
    assert (column.value(read_pii=True), column.value(read_pii=False)) == ("b", "a")
