"""`pii`: what is found in free text, what is left alone, and that no text makes it slow."""

from __future__ import annotations

import json
import time

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from trailhouse.producers.event import EVENT_BYTES_MAX
from trailhouse.stream import pii as module
from trailhouse.stream.pii import emails_in_json, find, kind_of_name, scan

JWT = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.c2lnbmF0dXJl"


@pytest.mark.parametrize(
    ("text", "redacted", "kinds"),
    [
        ("alice@example.com", "<email>", ("email",)),
        ("Write to Alice.B+tag@Sub.Example.co.uk.", "Write to <email>.", ("email",)),
        ("mailto:bob@example.com", "mailto:<email>", ("email",)),
        ("zoë@exämple.de", "<email>", ("email",)),
        ("用户@例子.公司", "<email>", ("email",)),
        ("a@b.co,c@d.co", "<email>,<email>", ("email",)),
        ("Bob <bob@example.com>", "Bob <<email>>", ("email",)),
        ("x" * 100 + "@example.com", "x" * 36 + "<email>", ("email",)),
        ("10.0.0.1", "<ip>", ("ip",)),
        ("from 192.168.1.254:8080", "from <ip>:8080", ("ip",)),
        ("http://10.0.0.1/path", "http://<ip>/path", ("ip",)),
        ("1.2.3.4, 5.6.7.8", "<ip>, <ip>", ("ip",)),
        ("hosts/10.0.0.1", "hosts/<ip>", ("ip",)),
        ("2001:db8:85a3::8a2e:370:7334", "<ip>", ("ip",)),
        ("[2001:db8::1]:443", "[<ip>]:443", ("ip",)),
        ("::1", "<ip>", ("ip",)),
        ("fe80::1", "<ip>", ("ip",)),
        ("::ffff:10.0.0.1", "<ip>", ("ip",)),
        ("4111 1111 1111 1111", "<card>", ("card",)),
        ("card 4111111111111111.", "card <card>.", ("card",)),
        ("378282246310005", "<card>", ("card",)),
        ("5555-5555-5555-4444", "<card>", ("card",)),
        ("+49 30 1234567", "<phone>", ("phone",)),
        ("+1 (555) 123-4567", "<phone>", ("phone",)),
        ("tel:+14155552671", "tel:<phone>", ("phone",)),
        ("(555) 123-4567", "<phone>", ("phone",)),
        ("call 555.123.4567", "call <phone>", ("phone",)),
        ("ghp_" + "a1" * 18, "<token>", ("token",)),
        ("github_pat_" + "a" * 30, "<token>", ("token",)),
        ("glpat-" + "a" * 20, "<token>", ("token",)),
        ("xoxb-1234567890-abc", "<token>", ("token",)),
        ("sk-ant-" + "a" * 30, "<token>", ("token",)),
        ("sk_live_abcdefghijklmnop", "<token>", ("token",)),
        ("key AKIAIOSFODNN7EXAMPLE!", "key <token>!", ("token",)),
        ("AIza" + "a" * 35, "<token>", ("token",)),
        ("npm_" + "a" * 36, "<token>", ("token",)),
        (JWT, "<token>", ("token",)),
        ("Authorization: Bearer abcdefghijklmnop1234", "Authorization: <token>", ("token",)),
        ("password=hunter22&x=1", "<token>&x=1", ("token",)),
        ("API_KEY: abcd1234", "<token>", ("token",)),
        ("-----BEGIN RSA PRIVATE KEY-----", "<token>", ("token",)),
        ("token=abcdefgh", "<token>", ("token",)),
        ("client_secret=abcdefgh", "client_<token>", ("token",)),
        ('{"password": "hunter22"}', '{"<token>"}', ("token",)),
        ("Authorization: Basic dXNlcjpwYXNz", "Authorization: <token>", ("token",)),
        ("to DE89 3704 0044 0532 0130 00, please", "to <iban>, please", ("iban",)),
        ("GB82WEST12345698765432", "<iban>", ("iban",)),
        ("x\uff20corp.example", "<email>", ("email",)),
        ("+14155552671 at 10.0.0.1", "<phone> at <ip>", ("ip", "phone")),
        ("bob@example.com 10.0.0.1 carla@example.com", "<email> <ip> <email>", ("email", "ip")),
    ],
)
def test_it_is_found(text: str, redacted: str, kinds: tuple[str, ...]) -> None:
    """Each kind in its usual spellings, alone and inside other text, and nothing around it."""
    found = scan(text)
    assert found is not None
    assert (found.redacted, found.kinds) == (redacted, kinds)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "a",
        "project:read",
        "0.19.1",
        "v1.2.3",
        "1.2.3.4.5",
        "256.1.1.1",
        "Python/3.11.15",
        "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/120.0.0.0 Safari/537.36",
        "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 Chrome/140.0.0.0 Safari/537.36 Edg/140.0.0.0",
        "01920f0e-7c5a-7b3e-8f43-0123456789ab",
        "urn:uuid:01920f0e-7c5a-7b3e-8f43-0123456789ab",
        "da39a3ee5e6b4b0d3255bfef95601890afd80709",
        "sha256:" + "ab12" * 16,
        "2026-03-02T10:00:00.000Z",
        "2026-03-02 10:00:00",
        "10:00:00",
        "2026.03.02",
        "20260302100000",
        "1772445599000",
        "1772445599",
        "1234567890",
        "4111111111111112",
        "1111111111111111",
        "user-12345",
        "node-10-0-0-1",
        "00:1A:2B:3C:4D:5E",
        "/var/log/app/2026/03/02.log",
        "src/trailhouse/stream/app.py",
        r"C:\Users\x",
        "40.712776, -74.005974",
        "std::vector",
        "a::b::c",
        "::",
        "a@b",
        "@decorator",
        "react@18.2.0",
        "@types/node@20.1.0",
        "secret santa",
        "token",
        "npm_config",
        "sk-learn",
        "-----BEGIN CERTIFICATE-----",
        "+1",
        "555 123",
    ],
)
def test_it_is_left_alone(text: str) -> None:
    """Versions, ids, digests, times, paths and numbers are what analyses are made of."""
    assert scan(text) is None


@pytest.mark.parametrize(
    ("text", "emails"),
    [
        ("Alice@Example.com", ("Alice@Example.com",)),
        ("a@b.co and c@d.co", ("a@b.co", "c@d.co")),
        ("?mail=a@b.co", ("?mail=a@b.co", "a@b.co")),
        ("10.0.0.1", ()),
    ],
)
def test_the_addresses_themselves_are_told(text: str, emails: tuple[str, ...]) -> None:
    """Whoever they belong to is spoken of; what stands before an address may belong to it or not."""
    found = scan(text)
    assert found is not None
    assert found.emails == emails


@pytest.mark.parametrize("ascii_only", [True, False])
def test_addresses_in_json_are_read_as_their_escapes_mean_them(*, ascii_only: bool) -> None:
    """A line break before an address, or an escaped letter in it, changes nothing."""
    value = {"a@b.co": {"before": "\nzoë@example.de", "after": ['"c@d.co"', 1e5, None, "\\"]}, "n": [True]}
    text = json.dumps(value, ensure_ascii=ascii_only)
    assert emails_in_json(text) == ("a@b.co", "zoë@example.de", "c@d.co")
    assert emails_in_json(r'{"a":"b\u0040c.de"}') == ("b@c.de",)
    assert emails_in_json("{}") == ()


@pytest.mark.parametrize(
    ("kind", "names"),
    [
        (
            "personal",
            "email Email e-mail mail user_email userEmail user.email contact-email phone phoneNumber",
        ),
        (
            "personal",
            "mobile telephone home_phone ip client_ip ipAddress remote_addr firstName last_name surname",
        ),
        (
            "personal",
            "username user_name displayName full-name street address postcode zip_code birthdate birthDay",
        ),
        ("personal", "date_of_birth ssn passport iban"),
        (
            "token",
            "password passwd client_secret clientSecret token access_token accessToken csrf-token api_key apiKey",
        ),
        ("token", "x-api-key Authorization session_cookie credentials private_key"),
        (
            "",
            "name page zip clip tip tokens token_count max_tokens description secretary user_id blueprint mailbox",
        ),
        ("", "phone_model ip_version address_count password_policy source"),
    ],
)
def test_names_that_say_what_their_value_is(kind: str, names: str) -> None:
    """By whole words in any way of joining them, never by parts of words."""
    assert {name: kind_of_name(name) for name in names.split()} == dict.fromkeys(names.split(), kind)


@pytest.mark.parametrize(
    "unit",
    [
        "a",
        "a@",
        "a" * 64 + "@",
        "a@b.c@",
        "a.b@",
        "x@" + "a" * 63 + ".",
        "1 ",
        "9",
        "4111 ",
        "(555) ",
        "+1 ",
        "1.",
        "111.",
        "a:",
        "0000:",
        "::",
        "abcdef0123",
        "_",
        "ghp_",
        "xoxa-",
        "sk-",
        "npm_a",
        "eyJ",
        "eyJ-",
        "eyJaaaaaaaa.",
        "bearer ",
        "password ",
        "password=",
        "-----BEGIN A ",
        "Chrome/1.",
        "A/",
        "é@",
    ],
)
def test_no_text_makes_it_slow(unit: str) -> None:
    """Time grows with length and no faster: what is 30 ms at the largest event's size would else be minutes."""
    text = unit * (EVENT_BYTES_MAX // 2 // len(unit))
    started = time.process_time()
    find(text + "@")
    assert time.process_time() - started < 1


# The first text of a pattern takes hypothesis a second on a busy machine.
@settings(suppress_health_check=[HealthCheck.too_slow])
@given(
    st.one_of(
        st.from_regex(r"[A-Za-z0-9]{1,13}", fullmatch=True),
        st.from_regex(r"[A-Za-z0-9]{0,6}-[A-Za-z0-9]{0,6}", fullmatch=True),
        st.from_regex(r"[0-9]{3,10}-?[0-9]{1,2}", fullmatch=True),
        st.from_regex(r"[0-9a-f]{32}", fullmatch=True),
        st.from_regex(r"[0-9]{8}-[0-9]{4}-[0-9]{4}-[0-9]{4}-[0-9a-f]{12}", fullmatch=True),
        st.uuids().map(str),
    )
)
def test_what_is_not_looked_into_holds_nothing(text: str) -> None:
    """Opaque ids are let through unread: every pattern says the same of them."""
    with pytest.MonkeyPatch.context() as patch:
        assert module._is_opaque(text)
        patch.setattr(module, "_is_opaque", lambda _: None)
        assert module.find(text) is None


@pytest.mark.parametrize("text", ["41111111111111", "555-123-4567", "4111111111111111", "a" * 14, "a\n"])
def test_what_may_hold_something_is_looked_into(text: str) -> None:
    """A card number has 14 digits at least; a telephone number two signs between its digits."""
    assert not module._is_opaque(text)
