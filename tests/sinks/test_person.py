"""Who is meant: every identity of one person, and never anybody else's."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from tests.databases import Databases
from tests.sinks.lines import enriched, event
from tests.sinks.people import ANNA, ANNA_ACTS, ANNA_ID, BOB, OLD_ANNA, PSEUDONYMS, store

from trailhouse.sinks.clickhouse import Client, insert_lines
from trailhouse.sinks.errors import AliasFound, AmbiguousPerson, PersonUnknown, WrongPepper
from trailhouse.sinks.person import Person, find_person
from trailhouse.stream.persons import Pseudonyms


@pytest.fixture(scope="module")
def people(databases: Databases) -> Iterator[Client]:
    """Anna and the others, in a database that tests add to and change nothing in."""
    with databases.lend() as (_, client):
        store(client)
        yield client


def found(
    client: Client, *names: str, org: str = "acme", is_exact: bool = False, with_aliases: bool = False
) -> Person:
    return find_person(client, PSEUDONYMS, org, names, is_exact=is_exact, with_aliases=with_aliases)


def test_one_person_by_any_of_their_names(people: Client) -> None:
    """By id, by address in any case, by an address of long ago: the same refs, and those of all of them."""
    wanted = {PSEUDONYMS.ref("acme", each) for each in (ANNA_ID, ANNA.lower(), OLD_ANNA)}
    others = {PSEUDONYMS.ref("acme", each) for each in ("bob", "bob@example.org", "carl")}
    for name in (ANNA_ID, ANNA, ANNA.upper(), f" {OLD_ANNA} "):
        person = found(people, name)
        assert wanted <= set(person.refs)
        assert {ANNA_ID, ANNA.lower(), OLD_ANNA} <= set(person.identities)
        assert not others & set(person.refs)


def test_exactly_as_named(people: Client) -> None:
    """Nothing is followed: an id without its addresses."""
    person = found(people, ANNA_ID, is_exact=True)
    assert (person.identities, person.refs) == ((ANNA_ID,), (PSEUDONYMS.ref("acme", ANNA_ID),))


def test_one_who_never_acted(people: Client) -> None:
    """Known as somebody acted upon, by id and address; or by an address inside a value alone."""
    assert set(found(people, "dora@example.org").identities) == {"dora", "dora@example.org"}
    insert_lines(people, "landing", enriched([event(20, attributes={"note": "eve@example.org"})], start=50))
    assert found(people, "eve@example.org").identities == ("eve@example.org",)


def test_an_alias_of_the_roster_is_the_same_person_where_whoever_asks_says_so(database: Client) -> None:
    """From either id the other is found, and their addresses: told and refused, unless it is named or wanted."""
    store(database)
    alias = event(
        20, **BOB, action="roster:alias", user_asset="anna-old", attributes={"alias_of_user": ANNA_ID}
    )
    insert_lines(database, "landing", enriched([alias], start=50))
    everything = {"anna-old", ANNA_ID, ANNA.lower()}
    for name, other in (("anna-old", ANNA_ID), (ANNA, "anna-old")):
        with pytest.raises(AliasFound, match="a roster calls 1 ids the same person") as error:
            found(database, name)
        assert error.value.ids == (other,)
        assert "--with-aliases" in error.value.hint
        assert everything <= set(found(database, name, with_aliases=True).identities)
    assert everything <= set(found(database, "anna-old", ANNA_ID).identities)
    assert found(database, "anna-old", is_exact=True).identities == ("anna-old",)


def test_an_address_with_a_name_beside_it_is_that_address(database: Client) -> None:
    """From the id to the plain address that stands in its field, and back; a list of several is nobody's."""
    odd = ["Olga Ott <Olga@acme.example>", "olga.ott\uff20acme.example", "x@acme.example, y@acme.example"]
    events = [event(n, actor_user_id="o-17", actor_email=each) for n, each in enumerate(odd)]
    insert_lines(database, "landing", enriched(events))
    for name in ("o-17", "olga@acme.example", "olga.ott@acme.example"):
        identities = set(found(database, name).identities)
        assert identities >= {"o-17", "olga@acme.example", "olga.ott@acme.example"}
        assert not identities & {"x@acme.example", "y@acme.example"}


def test_one_who_acted_upon_thousands(database: Client) -> None:
    """Those others are nobody of hers, however many there are."""
    store(database)
    acts = [
        event(n, **ANNA_ACTS, user_asset=f"0-{n}", user_email=f"{n}@example.org") for n in range(20, 1400)
    ]
    insert_lines(database, "landing", enriched(acts, start=50))
    assert set(found(database, OLD_ANNA).identities) == {OLD_ANNA, ANNA_ID, ANNA, ANNA.lower(), ANNA.upper()}


def test_nobody(people: Client) -> None:
    """Neither a name nobody has, nor one of another organisation; the error does not repeat the name."""
    for name, org in (("zoe@example.org", "acme"), ("bob", "beta"), ("Bob", "acme")):
        with pytest.raises(PersonUnknown) as error:
            found(people, name, org=org)
        assert name not in str(error.value)


def test_an_address_of_several_is_nobodys(people: Client) -> None:
    """A shared address leads to ids nobody named: refused, without their names in the error; named all, it is one."""
    shared = "desk@example.org"
    lines = enriched([event(n, actor_user_id=f"desk-{n % 3}", actor_email=shared) for n in range(9)])
    insert_lines(people, "landing", lines)
    for names in ([shared], ["desk-1"], ["desk-1", "desk-2"]):
        with pytest.raises(AmbiguousPerson) as error:
            found(people, *names)
        assert error.value.ids == ("desk-0", "desk-1", "desk-2")
        assert "desk" not in str(error.value)
    assert len(found(people, "desk-0", "desk-1", "desk-2").refs) == 4
    assert found(people, "desk-1", is_exact=True).identities == ("desk-1",)


def test_another_pepper_is_noticed(people: Client) -> None:
    """It would find nobody and hide nobody, silently."""
    with pytest.raises(WrongPepper):
        find_person(people, Pseudonyms(b"not the pepper of these lines"), "acme", [ANNA])
