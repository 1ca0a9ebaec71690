"""`persons`: who is who, and hashes that say nothing without the pepper."""

from __future__ import annotations

import unicodedata

import pytest

from trailhouse.stream.persons import Pseudonyms, email_identity

PEPPER = b"a pepper for tests only"


@pytest.mark.parametrize(
    ("email", "identity"),
    [
        ("alice@example.com", "alice@example.com"),
        (" Alice@EXAMPLE.com\t", "alice@example.com"),
        ("ZOË@example.com", "zoë@example.com"),
        ("Weiß@example.com", "weiß@example.com"),
        (unicodedata.normalize("NFD", "Zoë@example.com"), "zoë@example.com"),
        ("", ""),
    ],
)
def test_an_address_identifies_a_person_however_it_is_written(email: str, identity: str) -> None:
    """Case, composition and space around it do not make another person."""
    assert email_identity(email) == identity


def test_refs_are_the_same_in_every_process_and_version() -> None:
    """Golden values: another hash would count every person twice from the day of the upgrade."""
    pseudonyms = Pseudonyms(PEPPER)
    assert pseudonyms.ref("acme", "alice@example.com") == 0x93C5_5884_36AC_1EF7
    assert pseudonyms.ref("acme", "😀") == 0x0CF0_450B_82B5_9AAC
    assert Pseudonyms(b"").ref("acme", "alice") == 0x450E_3FCB_98F4_82D8


def test_a_person_has_unrelated_refs_in_two_organisations() -> None:
    """Nobody can follow a person from one organisation into another."""
    pseudonyms = Pseudonyms(PEPPER)
    refs = {pseudonyms.ref(org, "alice") for org in ("acme", "acme2", "Acme", "globex", "")}
    assert len(refs) == 5


def test_organisation_and_person_do_not_run_together() -> None:
    """`ab` + `c` is not `a` + `bc`."""
    pseudonyms = Pseudonyms(PEPPER)
    assert pseudonyms.ref("ab", "c") != pseudonyms.ref("a", "bc")


def test_another_pepper_gives_other_refs() -> None:
    """So a leaked table is worth nothing without the pepper."""
    assert Pseudonyms(PEPPER).ref("acme", "alice") != Pseudonyms(PEPPER + b"!").ref("acme", "alice")


def test_a_long_pepper_works() -> None:
    """BLAKE2b takes keys of at most 64 bytes; a longer pepper is no error."""
    assert Pseudonyms(b"p" * 1000).ref("acme", "alice") != 0


def test_nobody_is_zero_and_nobody_else_is() -> None:
    """0 means nobody in every table, so no person may have it."""
    pseudonyms = Pseudonyms(PEPPER)
    assert pseudonyms.ref("acme", "") == 0
    refs = [pseudonyms.ref("acme", f"user-{n}") for n in range(10_000)]
    assert len(set(refs)) == 10_000
    assert all(0 < ref < 2**64 for ref in refs)


def test_a_digest_of_zero_is_not_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    """The one digest in 2^64 that would mean nobody is moved."""
    pseudonyms = Pseudonyms(PEPPER)
    pseudonyms.ref("acme", "somebody else")

    class Zero:
        def __init__(self, *_: object, **__: object) -> None: ...

        def digest(self) -> bytes:
            return bytes(8)

    monkeypatch.setattr("trailhouse.stream.persons.blake2b", Zero)
    assert pseudonyms.ref("acme", "alice") == 1
