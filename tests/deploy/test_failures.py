"""How failures are reported."""

from __future__ import annotations

import pytest

from trailhouse.deploy.cli import run
from trailhouse.deploy.errors import PortTaken
from trailhouse.deploy.failures import Failure, failure_of
from trailhouse.deploy.invocation import install_line
from trailhouse.producers.errors import SettingsError
from trailhouse.stream.tracing import TracesUnavailable


def test_three_lines_at_most() -> None:
    """Cause and hint are printed when there are any."""
    assert str(Failure("it broke")) == "error: it broke"
    assert str(Failure("it broke", "a stone", "sweep")) == "error: it broke\ncause: a stone\nhint: sweep"


def test_errors_of_ours_speak_for_themselves() -> None:
    """Message, cause and hint come from the error."""
    failure = failure_of(PortTaken("kafka", 9092))
    assert failure == Failure(
        "port 9092 for kafka is taken",
        "another process listens on it",
        "stop that process, or let free ports be chosen: --ports auto",
    )
    assert failure_of(SettingsError("TRAILHOUSE_X", "a", "b")).error == "TRAILHOUSE_X is 'a'; wanted b"


@pytest.mark.parametrize(
    ("name", "extra"),
    [
        ("faust", "stream"),
        ("clickhouse_connect.driver", "sinks"),
        ("fastapi", "queries"),
        ("chdb", "local"),
        ("sqlalchemy", "outbox"),
        ("opentelemetry.sdk", "otel"),
    ],
)
def test_a_missing_package_comes_with_its_pip_line(name: str, extra: str) -> None:
    """Whichever optional package is missing, the line that brings it is printed."""
    failure = failure_of(ModuleNotFoundError(f"No module named {name!r}", name=name))
    assert failure.hint == install_line(extra)


def test_an_extra_that_a_setting_needs_comes_with_its_pip_line() -> None:
    """As it is installed here, which the error itself does not know."""
    assert failure_of(TracesUnavailable("no package 'x'")).hint == install_line("otel")


def test_exit_codes() -> None:
    """130 for Ctrl-C, 4 for a refused password, 1 for the rest."""

    class Refused(Exception):
        code = 516

    assert failure_of(KeyboardInterrupt()).code == 130
    assert failure_of(Refused("no")).code == 4
    assert failure_of(OSError(28, "No space left on device")).code == 1


def test_a_defect_says_so() -> None:
    """An error nobody foresaw names itself and the way to its traceback."""
    failure = failure_of(ZeroDivisionError("division by zero"))
    assert failure.error == "ZeroDivisionError: division by zero"
    assert "TRAILHOUSE_DEBUG=1" in failure.hint


def test_no_dump_of_a_driver_is_shown() -> None:
    """A server that is away is away, not a connection pool; click's own words have no class names."""

    class Away(Exception):
        pass

    Away.__module__ = "clickhouse_connect.driver.exceptions"
    failure = failure_of(Away("HTTPConnectionPool(host='127.0.0.1', port=1): Max retries exceeded"))
    assert (failure.error, failure.cause) == ("ClickHouse does not answer", "")


def test_a_wrong_choice_is_told_in_plain_words(capsys: pytest.CaptureFixture[str]) -> None:
    """With the choices, and with the help of the very command."""
    assert run(["reports", "--format", "xml"], {}) == 2
    assert capsys.readouterr().err.splitlines() == [
        "error: Invalid value for '--format': 'xml' is not one of 'table', 'json'",
        "hint: trailhouse reports --help lists options",
    ]
