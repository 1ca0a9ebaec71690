"""What a statement is, from its text alone."""

from __future__ import annotations

import pytest

from trailhouse.deploy.clickhouse.statements import (
    forbidden,
    is_streamable,
    parse_insert,
    quoted,
    quoted_name,
    result_format,
)


@pytest.mark.parametrize(
    ("text", "head", "form", "rest"),
    [
        (b"INSERT INTO t FORMAT JSONEachRow\n{}", "INSERT INTO t ", "JSONEachRow", b"{}"),
        (b"insert into `a b`.t (x) format CSV\r\n1", "insert into `a b`.t (x) ", "CSV", b"1"),
        (
            b"-- note\n/* more */ INSERT INTO t SETTINGS a = 1 FORMAT Native ;data",
            "INSERT INTO t SETTINGS a = 1 ",
            "Native",
            b"data",
        ),
    ],
)
def test_an_insert_whose_data_follow(text: bytes, head: str, form: str, rest: bytes) -> None:
    """Statement and data are told apart wherever the statement stands."""
    insert = parse_insert(text)
    assert insert is not None
    assert (insert.head, insert.format, text[insert.end :]) == (head, form, rest)


@pytest.mark.parametrize(
    "text",
    [
        b"INSERT INTO t SELECT 1 FORMAT CSV\n",
        b"INSERT INTO t VALUES ('x FORMAT CSV\n')",
        b"INSERT INTO t FROM INFILE 'x' FORMAT CSV\n",
        b"SELECT 'INSERT INTO t FORMAT CSV\n'",
    ],
)
def test_other_statements_are_not(text: bytes) -> None:
    """Only an INSERT with data behind it is one."""
    assert parse_insert(text) is None


def test_settings_follow_the_file() -> None:
    """INFILE stands before SETTINGS, as the engine wants it."""
    insert = parse_insert(b"INSERT INTO t (a) SETTINGS x = 1 FORMAT CSV\n")
    assert insert is not None
    assert (
        insert.from_file("/f", "lz4")
        == "INSERT INTO t (a) FROM INFILE '/f' COMPRESSION 'lz4' SETTINGS x = 1  FORMAT CSV"
    )


def test_formats() -> None:
    """A statement's own FORMAT wins; only formats without header and footer are streamed, and only rows."""
    assert result_format("SELECT 1 FORMAT Arrow", "TSV") == "Arrow"
    assert result_format("SELECT 1 FORMAT CSV SETTINGS a = 1;", "TSV") == "CSV"
    assert result_format("SELECT 'FORMAT CSV' AS x", "TSV") == "TSV"
    assert is_streamable("(SELECT 1)", "Native")
    assert is_streamable("/* a */ WITH 1 AS x SELECT x", "jsoneachrow")
    assert not is_streamable("SELECT 1", "JSON")
    assert not is_streamable("SHOW TABLES", "Native")


def test_literals() -> None:
    """Quotes and backslashes do not end a literal."""
    assert quoted("a'b\\c") == "'a\\'b\\\\c'"
    assert quoted_name("a`b\\c") == "`a\\`b\\\\c`"


@pytest.mark.parametrize(
    ("tree", "expected"),
    [
        ("SelectQuery\n ExpressionList\n  Function file (children 1)", "function file"),
        ("SelectQuery\n  Function aiGenerate (children 1)", "function aiGenerate"),
        (
            "TablesInSelectQueryElement\n TableExpression (children 1)\n  Function merge (children 1)",
            "table function merge",
        ),
        (
            "TablesInSelectQueryElement\n TableExpression (children 1)\n  Function Merge (children 1)",
            "table function Merge",
        ),
        (
            "TableExpression (children 1)\n TableIdentifier system.processes (alias p)",
            "table system.processes",
        ),
        ("ShowProcesslistQuery\n", "SHOW PROCESSLIST"),
        ("TableExpression (children 1)\n Function numbers (children 1)", None),
        ("TableExpression (children 1)\n Function calendar (children 1)", None),
        ("TableExpression (children 1)\n TableIdentifier system.tables", None),
        ("ExpressionList\n Function count (children 1)\n Literal 'file'", None),
    ],
)
def test_what_only_an_admin_may_use(tree: str, expected: str | None) -> None:
    """Functions that leave the engine, table functions but a few, other people's queries; views with parameters are fine."""
    assert forbidden(tree, {"merge", "numbers", "file"}) == expected
