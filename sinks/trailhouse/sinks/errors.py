"""Errors of the sinks.

SinkError
├── MigrationError     a migration was edited after it ran, is missing, or failed
├── ConflictRefused    an event is in no conflict that could be settled
├── RangeRefused       a range of raw offsets cannot be accepted as lost
├── PersonUnknown      no table has a row of that person
├── AliasFound         a roster calls ids that nobody named the same person
├── AmbiguousPerson    the names lead to ids that nobody named
├── WrongPepper        the pepper at hand is not the one the stream uses
├── Held               a legal hold covers what was to be deleted
├── HoldUnknown        no such hold stands
├── ErasureIncomplete  a person is not erased yet
├── RebuildRefused     a table cannot be made anew from events
├── InsertsHang        inserts that began before do not end
├── RetentionRefused   a class or a number of days there is not
└── StorageRefused     ClickHouse refused an insert because of a row in it
"""

from __future__ import annotations

from collections.abc import Sequence


class SinkError(Exception):
    """Root; the message says what happened, with which value, `hint` what to do."""

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.hint = hint


class MigrationError(SinkError):
    """A migration was edited after it was applied, is missing, or failed."""


class ConflictRefused(SinkError):
    """An event is in no open conflict."""


class RangeRefused(SinkError):
    """A range of raw offsets is not missing, or not gone for good."""


class PersonUnknown(SinkError):
    """No table of `org` has a row of a person called so. Names are not repeated: errors hold no personal data."""

    def __init__(self, org: str, names: int) -> None:
        super().__init__(
            f"nobody is known by {'that name' if names == 1 else 'those names'} in {org}",
            "name an id or an e-mail address as events have it; ids are case-sensitive",
        )


class AmbiguousPerson(SinkError):
    """The names lead to `ids` that nobody named: an address that several ids share is not one person.

    The text counts the ids and does not say them: errors hold no personal data.
    """

    def __init__(self, org: str, ids: Sequence[str]) -> None:
        super().__init__(
            f"in {org} that leads to {len(ids)} ids, and not all of them were named",
            "name every id that is this person (--user once each), or take only what is named with --exact",
        )
        self.ids = tuple(ids)


class AliasFound(AmbiguousPerson):
    """A roster says that `ids`, which nobody named, are the same person; whoever writes events may have said it."""

    def __init__(self, org: str, ids: Sequence[str]) -> None:
        super().__init__(org, ids)
        self.args = (f"in {org} a roster calls {len(ids)} ids the same person that were not named",)
        self.hint = "where they are: take them, too, with --with-aliases, or name each with --user; where not: --exact"


class WrongPepper(SinkError):
    """The pepper at hand gives other refs than the directory holds."""

    def __init__(self) -> None:
        super().__init__(
            "this pepper is not the one the directory was made with", "set TRAILHOUSE_PEPPER to the stream's"
        )


class Held(SinkError):
    """The legal hold `hold_id` covers what was to be deleted; nothing was changed.

    `is_beside`: it covers somebody else, of whom the same rows speak.
    """

    exit_code = 4

    def __init__(self, hold_id: str, reason: str, *, is_beside: bool = False) -> None:
        also = ", for the same rows speak of somebody it covers" if is_beside else ""
        super().__init__(
            f"legal hold {hold_id} forbids it{also}: {reason}",
            f"once it may end: trailhouse hold release {hold_id} --reason '…'",
        )
        self.hold_id = hold_id


class HoldUnknown(SinkError):
    """No hold of that id stands."""

    def __init__(self, hold_id: str) -> None:
        super().__init__(f"no hold {hold_id} stands", "`trailhouse hold list` shows those that do")


class ErasureIncomplete(SinkError):
    """A person is not erased yet: `left` says what is in the way or left over."""

    def __init__(self, left: str) -> None:
        super().__init__(f"not erased yet: {left}", "run it again: it goes on where it was cut off")


class RetentionRefused(SinkError):
    """A class of data there is not, or a number of days out of range."""

    exit_code = 2


class RebuildRefused(SinkError):
    """A table cannot be made anew: it is not made of events, or they are gone, or somebody is at it."""


class InsertsHang(SinkError):
    """`count` inserts that began before have gone on for `waited_s` seconds."""

    def __init__(self, count: int, waited_s: float) -> None:
        super().__init__(
            f"inserts have been running for {waited_s:g} s: {count}", "run it again once ClickHouse is well"
        )


class StorageRefused(SinkError):
    """ClickHouse refused an insert with error `code` because of a row in it."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(f"ClickHouse refused the insert: code {code}: {message}")
        self.code = code
