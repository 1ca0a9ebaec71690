"""Who is meant: every identity of one person, and never anybody else's."""

from __future__ import annotations

import pytest
from tests.sinks.lines import enriched, event
from tests.sinks.people import ANNA, ANNA_ACTS, ANNA_ID, BOB, OLD_ANNA, PSEUDONYMS, store

from trailhouse.sinks.clickhouse import Client, insert_lines
from trailhouse.sinks.errors import AmbiguousPerson, PersonUnknown, WrongPepper
from trailhouse.sinks.person import Person, find_person
from trailhouse.stream.persons import Pseudonyms


def found(client: Client, *names: str, org: str = "acme", is_exact: bool = False) -> Person:
    return find_person(client, PSEUDONYMS, org, names, is_exact=is_exact)


def test_one_person_by_any_of_their_names(database: Client) -> None:
    """By id, by address in any case, by an address of long ago: the same refs, and those of all of them."""
    store(database)
    wanted = {PSEUDONYMS.ref("acme", each) for each in (ANNA_ID, ANNA.lower(), OLD_ANNA)}
    others = {PSEUDONYMS.ref("acme", each) for each in ("bob", "bob@example.org", "carl")}
    for name in (ANNA_ID, ANNA, ANNA.upper(), f" {OLD_ANNA} "):
        person = found(database, name)
        assert wanted <= set(person.refs)
        assert {ANNA_ID, ANNA.lower(), OLD_ANNA} <= set(person.identities)
        assert not others & set(person.refs)


def test_exactly_as_named(database: Client) -> None:
    """Nothing is followed: an id without its addresses."""
    store(database)
    person = found(database, ANNA_ID, is_exact=True)
    assert (person.identities, person.refs) == ((ANNA_ID,), (PSEUDONYMS.ref("acme", ANNA_ID),))


def test_one_who_never_acted(database: Client) -> None:
    """Known as somebody acted upon, by id and address; or by an address inside a value alone."""
    store(database)
    assert set(found(database, "dora@example.org").identities) == {"dora", "dora@example.org"}
    insert_lines(database, "landing", enriched([event(20, attributes={"note": "eve@example.org"})], start=50))
    assert found(database, "eve@example.org").identities == ("eve@example.org",)


def test_an_alias_of_the_roster_is_the_same_person(database: Client) -> None:
    """Somebody said so: from either id the other is found, and their addresses; it needs no naming."""
    store(database)
    alias = event(
        20, **BOB, action="roster:alias", user_asset="anna-old", attributes={"alias_of_user": ANNA_ID}
    )
    insert_lines(database, "landing", enriched([alias], start=50))
    for name in ("anna-old", ANNA):
        assert {"anna-old", ANNA_ID, ANNA.lower()} <= set(found(database, name).identities)


def test_one_who_acted_upon_thousands(database: Client) -> None:
    """Those others are nobody of hers, however many there are."""
    store(database)
    acts = [
        event(n, **ANNA_ACTS, user_asset=f"0-{n}", user_email=f"{n}@example.org") for n in range(20, 1400)
    ]
    insert_lines(database, "landing", enriched(acts, start=50))
    assert set(found(database, OLD_ANNA).identities) == {OLD_ANNA, ANNA_ID, ANNA, ANNA.lower(), ANNA.upper()}


def test_nobody(database: Client) -> None:
    """Neither a name nobody has, nor one of another organisation; the error does not repeat the name."""
    store(database)
    for name, org in (("zoe@example.org", "acme"), ("bob", "beta"), ("Bob", "acme")):
        with pytest.raises(PersonUnknown) as error:
            found(database, name, org=org)
        assert name not in str(error.value)


def test_an_address_of_several_is_nobodys(database: Client) -> None:
    """A shared address leads to ids nobody named: refused, without their names in the error; named all, it is one."""
    shared = "desk@example.org"
    lines = enriched([event(n, actor_user_id=f"desk-{n % 3}", actor_email=shared) for n in range(9)])
    insert_lines(database, "landing", lines)
    for names in ([shared], ["desk-1"], ["desk-1", "desk-2"]):
        with pytest.raises(AmbiguousPerson) as error:
            found(database, *names)
        assert error.value.ids == ("desk-0", "desk-1", "desk-2")
        assert "desk" not in str(error.value)
    assert len(found(database, "desk-0", "desk-1", "desk-2").refs) == 4
    assert found(database, "desk-1", is_exact=True).identities == ("desk-1",)


def test_another_pepper_is_noticed(database: Client) -> None:
    """It would find nobody and hide nobody, silently."""
    store(database)
    with pytest.raises(WrongPepper):
        find_person(database, Pseudonyms(b"not the pepper of these lines"), "acme", [ANNA])
