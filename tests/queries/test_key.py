"""API keys: what one is, what it allows, how it is compared."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime, timedelta

import pytest

from trailhouse.queries.caller import Caller
from trailhouse.queries.errors import BadParameter
from trailhouse.queries.key import Scope, id_of, is_match, is_of, new_key, parse_life

NOW = datetime(2026, 1, 31, 12, tzinfo=UTC)


def test_a_key_is_256_random_bits_and_kept_as_its_hash() -> None:
    """No two alike; the record holds the id and the SHA-256, and nothing that shows the key."""
    made = [new_key("demo", ["acme"], [Scope.EVENTS_WRITE], now=NOW) for _ in range(100)]
    assert len({text.reveal() for _, text in made}) == len({key.key_id for key, _ in made}) == 100
    for key, text in made:
        plain = text.reveal()
        assert id_of(plain) == key.key_id
        assert len(bytes.fromhex(plain.rpartition("_")[2])) == 32
        assert key.digest == hashlib.sha256(plain.encode()).digest()
        assert plain.rpartition("_")[2] not in repr(key) + repr(text) + str(text)


def test_a_default_organisation_is_one_of_the_keys() -> None:
    """Any, for a key of every organisation; another is a mistake."""
    for orgs in (["acme", "beta"], ["*"]):
        key, _ = new_key("demo", orgs, [Scope.AUDIT_READ], now=NOW, default_org="beta")
        assert key.default_org == key.caller.default_org == "beta"
    for orgs, chosen in ((["acme"], "beta"), (["*"], "*"), (["*"], "b c")):
        with pytest.raises(BadParameter, match="default"):
            new_key("demo", orgs, [Scope.AUDIT_READ], now=NOW, default_org=chosen)


def test_only_the_very_text_matches() -> None:
    """A changed character, another key, a key with the same id, nothing, and no key at all."""
    key, text = new_key("demo", ["acme"], [Scope.ADMIN], now=NOW)
    other, other_text = new_key("demo", ["acme"], [Scope.ADMIN], now=NOW)
    plain = text.reveal()
    assert is_match(key, plain)
    forged = f"thk_{key.key_id}_{other_text.reveal().rpartition('_')[2]}"
    for wrong in (
        plain[:-1],
        plain + "0",
        plain.upper(),
        forged,
        other_text.reveal(),
        "",
        "\ud800",
        key.digest.hex(),
    ):
        assert not is_match(key, wrong)
    assert not is_match(None, plain)
    assert not is_match(other, plain)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "thk_",
        "demo",
        "thk_abc_def",
        "thk_" + "0" * 12 + "_" + "g" * 64,
        "thk_" + "0" * 12 + "_" + "0" * 64 + "\n",
    ],
)
def test_what_is_no_key_has_no_id(text: str) -> None:
    """Only the exact form is looked up."""
    assert id_of(text) is None


def test_scopes_allow_what_they_say_and_admin_all() -> None:
    """None of them follows from another, save that admin is everything."""
    for scope in Scope:
        key, _ = new_key("demo", ["acme"], [scope], now=NOW)
        assert {each for each in Scope if key.allows(each)} == (
            set(Scope) if scope is Scope.ADMIN else {scope}
        )


def test_a_caller_has_the_rights_of_the_key() -> None:
    """Its organisations, persons only with read_pii, the installation only as admin of every organisation."""
    key, _ = new_key("demo", ["acme", "beta"], [Scope.REPORTS_READ], now=NOW)
    assert key.caller == Caller(
        orgs=frozenset({"acme", "beta"}), read_pii=False, is_instance=False, is_known=True
    )
    key, _ = new_key("demo", ["acme"], [Scope.REPORTS_READ, Scope.AUDIT_READ_PII], now=NOW)
    assert key.caller == Caller(orgs=frozenset({"acme"}), read_pii=True, is_instance=False, is_known=True)
    key, _ = new_key("demo", ["acme"], [Scope.ADMIN], now=NOW)
    assert not key.caller.is_instance
    key, _ = new_key("demo", ["*"], [Scope.REPORTS_READ], now=NOW)
    assert key.caller == Caller(orgs=None, read_pii=False, is_instance=False, is_known=True)
    key, _ = new_key("demo", ["*"], [Scope.ADMIN], now=NOW)
    assert key.caller == Caller.operator()


@pytest.mark.parametrize(
    ("username", "orgs", "scopes", "is_service_account", "parameter"),
    [
        ("", ["acme"], [Scope.ADMIN], False, "username"),
        ("a:b", ["acme"], [Scope.ADMIN], False, "username"),
        ("a\nb", ["acme"], [Scope.ADMIN], False, "username"),
        ("a" * 129, ["acme"], [Scope.ADMIN], False, "username"),
        ("demo", [], [Scope.ADMIN], False, "org"),
        ("demo", ["a b"], [Scope.ADMIN], False, "org"),
        ("demo", ["acme", "*"], [Scope.ADMIN], False, "org"),
        ("demo", ["acme"], [], False, "scope"),
        ("bot", ["acme", "beta"], [Scope.ADMIN], True, "org"),
        ("bot", ["*"], [Scope.ADMIN], True, "org"),
    ],
)
def test_what_no_key_can_be(
    username: str, orgs: list[str], scopes: list[Scope], is_service_account: bool, parameter: str
) -> None:
    """Refused by name; `*` stands alone, and a service account has one organisation."""
    with pytest.raises(BadParameter) as caught:
        new_key(username, orgs, scopes, now=NOW, is_service_account=is_service_account)
    assert caught.value.name == parameter


def test_a_key_ends() -> None:
    """Active until the very moment; revoked counts whatever else is true."""
    key, _ = new_key("demo", ["acme"], [Scope.ADMIN], now=NOW, life=parse_life("90d"))
    assert key.status(NOW + timedelta(days=90, milliseconds=-1)) == "active"
    assert key.status(NOW + timedelta(days=90)) == "expired"
    endless, _ = new_key("demo", ["acme"], [Scope.ADMIN], now=NOW)
    assert endless.status(NOW + timedelta(days=36500)) == "active"
    assert parse_life("12h") == timedelta(hours=12)
    assert parse_life("2w") == timedelta(days=14)
    for text in ("", "0d", "-1d", "1", "d", "1y", "1.5d", "999999d"):
        with pytest.raises(BadParameter):
            parse_life(text)


def test_user_names_are_compared_whole() -> None:
    """As given, letter by letter."""
    key, _ = new_key("démo", ["acme"], [Scope.ADMIN], now=NOW)
    assert is_of(key, "démo")
    for other in ("", "demo", "Démo", "démo "):
        assert not is_of(key, other)
