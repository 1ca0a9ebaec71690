"""E-mail addresses in text: found with whatever stands next to them, and read in every way they may be meant."""

from __future__ import annotations

import time

import pytest

from trailhouse.producers.event import EVENT_BYTES_MAX
from trailhouse.stream.addresses import may_hold_address, readings, without_addresses
from trailhouse.stream.persons import Pseudonyms
from trailhouse.stream.pii import scan

OLGA = "olga@acme.example"
ODD = [
    f"`{OLGA}`",
    f"**{OLGA}**",
    f"__{OLGA}__",
    f"\u201c{OLGA}\u201d",
    f"see\u2026{OLGA}\u2026",
    f"#{OLGA}",
    f"~{OLGA}",
    f"-{OLGA}",
    f"+{OLGA}",
    f"note:**{OLGA}",
    f"Olga Ott <{OLGA}>",
    f"mailto:{OLGA}",
    f"mailto:{OLGA}?subject=x",
    f"{OLGA}.",
    "olga\uff20acme.example",
    "olga\ufe6bacme.example",
    "https://acme.example/?email=olga%40acme.example&x=1",
    "https://acme.example/?next=%2Fx%3Femail%3Dolga%2540acme.example",
    "%3Colga%40acme.example%3E",
    "olga&#64;acme.example",
    "olga&#x40;acme.example",
    "olga&commat;acme.example",
]


@pytest.mark.parametrize("text", ODD)
def test_what_stands_next_to_an_address_hides_it_from_nobody(text: str) -> None:
    """Whatever is written around it or in place of its @: it is taken out, and she is found by it."""
    found = scan(text)
    assert found is not None
    assert found.kinds == ("email",)
    assert OLGA in found.emails
    assert "olga" not in found.redacted
    pseudonyms = Pseudonyms(b"")
    for field in range(2, 8):  # each field of people, after the organisation and the type
        fields: list[str | None] = [None] * 6
        fields[field - 2] = text
        assert pseudonyms.ref("acme", OLGA) in pseudonyms.people("acme", None, *fields).subjects


@pytest.mark.parametrize(
    "address",
    [OLGA, "Olga.Ott+x@Acme.example", "o_o@a-b.example", "zo\u00eb@example.de", "o'b@acme.example"],
)
def test_an_ordinary_address_has_one_reading(address: str) -> None:
    """It speaks of nobody else."""
    _, found = without_addresses(address)
    assert len(found) == 1
    assert readings(found[0]) == (found[0],)


def test_addresses_are_taken_out_one_by_one() -> None:
    """What lies between stays, and an @ alone is no address."""
    assert without_addresses("a@b.co, c@d.co@e.co x@y @ 50%40 react@18.2.0") == (
        "<email>, <email>@e.co x@y @ 50%40 react@18.2.0",
        ["a@b.co", "c@d.co"],
    )
    assert not may_hold_address("run:delete 4711")


@pytest.mark.parametrize(
    "unit", ["a", "@", "a@b.co", "%40", "a%40b.co ", "%2540", "&#64;", "&#", "*a@b.co", "\u2026@b.co"]
)
def test_no_text_makes_it_slow(unit: str) -> None:
    """Time grows with length and no faster."""
    text = unit * (EVENT_BYTES_MAX // 4 // len(unit))
    started = time.process_time()
    for each in without_addresses(text)[1]:
        readings(each)
    assert time.process_time() - started < 2
