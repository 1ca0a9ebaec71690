"""What commands about people's data work with: the stack, ClickHouse's admin, the pepper, and a record of what they do."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from trailhouse.deploy.errors import DeployError
from trailhouse.deploy.self_audit import record, self_audit

if TYPE_CHECKING:
    from trailhouse.deploy.stack import Stack
    from trailhouse.producers.event import Scalar
    from trailhouse.queries.office import Office
    from trailhouse.sinks.clickhouse import Client
    from trailhouse.sinks.person import Person
    from trailhouse.stream.persons import Pseudonyms


@dataclass(frozen=True, slots=True)
class Session:
    """`client` is ClickHouse's admin; `operator` is who runs the command, as the tables keep it."""

    stack: Stack
    client: Client
    operator: str

    def pseudonyms(self) -> Pseudonyms:
        """The hashes of the stack's stream; raises `DeployError` where its pepper is not at hand."""
        from trailhouse.stream.persons import Pseudonyms  # noqa: PLC0415 - keeps the command line quick

        return Pseudonyms(pepper_of(self.stack, os.environ))

    def find(
        self, org: str, names: list[str], *, is_exact: bool = False, with_aliases: bool = False
    ) -> Person:
        """The person meant; where the names lead to ids nobody named, says them to the operator, and raises."""
        from trailhouse.deploy.options import say  # noqa: PLC0415 - keeps the command line quick
        from trailhouse.sinks.errors import AmbiguousPerson  # noqa: PLC0415
        from trailhouse.sinks.person import find_person  # noqa: PLC0415

        try:
            return find_person(
                self.client, self.pseudonyms(), org, names, is_exact=is_exact, with_aliases=with_aliases
            )
        except AmbiguousPerson as error:
            for each in error.ids:
                say(each)
            raise

    @contextmanager
    def office(self) -> Iterator[Office]:
        """What administrators write, as whoever runs the command."""
        from trailhouse.queries.office import Office  # noqa: PLC0415 - keeps the command line quick
        from trailhouse.queries.self_audit import Who  # noqa: PLC0415

        with self_audit(self.stack) as audit:
            yield Office(self.client, audit, Who.operator())

    def record(self, action: str, org: str, **details: Scalar) -> None:
        """Record what is about to be done; raises `NotRecorded`, and then it must not be done.

        Whom it is done to is told as a ref alone: a record of an erasure must not name who was erased.
        """
        record(self.stack, action, *([] if org == "*" else [org]), **details)


@contextmanager
def operator_session(data: Path | None) -> Iterator[Session]:
    """The session of one command."""
    from trailhouse.deploy.stack import find_stack  # noqa: PLC0415 - keeps the command line quick
    from trailhouse.queries.self_audit import operator_name  # noqa: PLC0415
    from trailhouse.sinks.clickhouse import connect  # noqa: PLC0415

    stack = find_stack(data, os.environ)
    client = connect(stack.clickhouse("admin"))
    try:
        yield Session(stack, client, operator_name())
    finally:
        client.close()


def pepper_of(stack: Stack, environ: Mapping[str, str]) -> bytes:
    """The pepper of the stack's stream: of the state folder's secrets, else `TRAILHOUSE_PEPPER`."""
    from trailhouse.deploy.credentials import load_credentials  # noqa: PLC0415 - keeps the command line quick
    from trailhouse.producers.settings import Secret, text_of  # noqa: PLC0415

    if stack.folder is not None:
        return load_credentials(stack.folder.credentials).pepper.reveal().encode()
    if not (pepper := text_of("TRAILHOUSE_PEPPER", Secret, environ)):
        raise DeployError(
            "finding a person needs the pepper of the stream",
            hint="set TRAILHOUSE_PEPPER as the stream has it",
        )
    return pepper.encode()


def shown_ref(ref: int) -> str:
    """A ref as every report shows it."""
    return f"u_{ref:016x}"
