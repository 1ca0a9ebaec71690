"""Find personal data and secrets by value: e-mail, phone, IP, card and token shapes inside free text.

`scan` is pure and remembers: the same text always gives the same findings, and most values of a stream repeat. What it
finds is replaced by the name of its kind in `events`; the text as it came goes to `event_pii` alone.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

import msgspec

from trailhouse.stream.addresses import ADDRESS_END, may_hold_address, readings, without_addresses


@dataclass(frozen=True, slots=True)
class Findings:
    """What a text holds: itself with every finding replaced by `<kind>`, the kinds in order, the e-mails in it as they may be meant."""

    redacted: str
    kinds: tuple[str, ...]
    emails: tuple[str, ...]


def _is_card(digits: str) -> bool:
    """The Luhn check (ISO/IEC 7812-1), over 13 to 19 digits with separators."""
    numbers = [int(c) for c in digits if c.isdigit()]
    doubled = [2 * n - 9 * (n > 4) for n in numbers[-2::-2]]
    return len(set(numbers)) > 1 and (sum(doubled) + sum(numbers[-1::-2])) % 10 == 0


def _is_iban(text: str) -> bool:
    """The check digits of ISO 13616 (ISO 7064, modulo 97)."""
    letters = text.replace(" ", "")
    return int("".join(str(int(each, 36)) for each in letters[4:] + letters[:4])) % 97 == 1


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


def _always(_: str) -> bool:
    return True


# In this order: what an earlier pattern took, a later one cannot see. Each is bounded, so no text makes one slow.
_PATTERNS: Final[tuple[tuple[str, re.Pattern[str], Callable[[str], bool]], ...]] = (
    (
        "token",
        re.compile(
            r"\b(?:gh[pousr]_[A-Za-z0-9]{20,255}|github_pat_\w{20,255}|glpat-[\w-]{16,64}|xox[abeprs]-[\w-]{10,255}"
            r"|sk[-_](?:live_|test_|ant-|proj-)?[\w-]{16,255}|(?:AKIA|ASIA)[A-Z0-9]{16}|AIza[\w-]{35}|npm_[A-Za-z0-9]{30,64}"
            r"|eyJ[\w-]{8,4096}+(?:\.[\w-]{4,4096}+){1,2}|eyJ[\w-]{29,4096}+)"
            r"|-----BEGIN [A-Z ]{0,30}PRIVATE KEY-----|\b[Bb]earer +[\w.~+/=-]{16,4096}|\b[Bb]asic +[A-Za-z0-9+/]{8,4096}={0,2}"
            r"|(?<![A-Za-z0-9])(?i:password|passwd|pwd|passphrase|secret|token|api[_-]?key)[\"']? ?[=:] ?[\"']?[^\s,;&\"']{4,255}",
        ),
        _always,
    ),
    ("email", ADDRESS_END, _always),
    (
        "ip",
        re.compile(
            # `Chrome/120.0.0.0` is taken whole, and is no address.
            r"\b[A-Z]\w{1,31}/(?:\d{1,3}\.){3}\d{1,3}|(?<![\w.])(?:\d{1,3}\.){3}\d{1,3}(?![\w.])"
            r"|(?<![\w:.])(?:[0-9A-Fa-f]{0,4}:){2,7}(?:\d{1,3}(?:\.\d{1,3}){3}|[0-9A-Fa-f]{0,4})(?![\w:])"
        ),
        _is_address,
    ),
    ("iban", re.compile(r"(?<![A-Za-z0-9])[A-Z]{2}\d{2}(?: ?[A-Z0-9]){11,30}(?![A-Za-z0-9])"), _is_iban),
    (
        "card",
        re.compile(
            r"(?<![\w-])(?:3[47]\d{2}|4\d{3}|5[1-5]\d{2}|2[2-7]\d{2}|6\d{3})(?:[ -]?\d){10,12}(?![\w-])"
        ),
        _is_card,
    ),
    (
        "phone",
        re.compile(
            r"(?<![\w+])\+\d(?:[ ().-]{0,2}\d){7,14}(?!\w)|(?<![\w.-])\(?\d{3}\)?[ .-]\d{3}[ .-]\d{4}(?![\w.-])"
        ),
        _always,
    ),
)

# One pass decides that most texts hold nothing: no @, no key-like word, no run that could be a number.
_SUSPICIOUS: Final = re.compile(
    r"[@\uff20\ufe6b]|%(?:25){0,2}40|&(?:#|commat;)|\d[\d ().:-]{5}|[A-Z]{2}\d{2} ?[A-Z0-9]{4}|:[0-9A-Fa-f]*:|_|-----|eyJ|AKIA|ASIA|AIza|sk-|glpat-|xox|(?i:bearer|basic|pass|pwd|secret|api-?key|token)"
)

# Ids of requests and visits are new all the time, and most are suspicious for their digits alone. None of these can match:
# two runs of letters and digits that are too short for a card number, a UUID, or as many hexadecimal digits in a row.
_is_opaque: Final = re.compile(
    r"(?=.{1,13}\Z)[A-Za-z0-9]*-?[A-Za-z0-9]*\Z|[0-9a-f]{32}\Z|[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\Z"
).match

# Most texts of a stream hold nothing and come again: one look-up each, or one for all texts of an event, is all they cost.
_plain: Final[set[str | None]] = {None}
PLAIN_MAX: Final = 65_536
PLAIN_LENGTH_MAX: Final = 512

#: `are_plain(texts)`: whether all of them, None included, were scanned before and hold nothing; False says nothing.
are_plain: Final[Callable[[Iterable[str | None]], bool]] = _plain.issuperset
#: The same for one value.
is_plain: Final[Callable[[object], bool]] = _plain.__contains__


def scan(text: str) -> Findings | None:
    """What personal data and secrets `text` holds, or None when it holds none."""
    if text in _plain:
        return None
    found = _find(text)
    if found is None and len(text) <= PLAIN_LENGTH_MAX:
        if len(_plain) >= PLAIN_MAX:
            _plain.clear()
            _plain.add(None)
        _plain.add(text)
    return found


def find(text: str) -> Findings | None:
    """`scan` without its memory, for texts that are long and hardly come twice."""
    if len(text) < 3 or _is_opaque(text) or not _SUSPICIOUS.search(text):
        return None
    kinds: list[str] = []
    emails: list[str] = []
    for kind, pattern, is_real in _PATTERNS:
        if pattern is ADDRESS_END:
            text, found = without_addresses(text)
            if found:
                kinds.append(kind)
                emails.extend(email for each in found for email in readings(each))
            continue

        def replace(match: re.Match[str], kind: str = kind, is_real: Callable[[str], bool] = is_real) -> str:
            if not is_real(match[0]):
                return match[0]
            kinds.append(kind)
            return f"<{kind}>"

        text = pattern.sub(replace, text)
    return Findings(text, tuple(dict.fromkeys(kinds)), tuple(emails)) if kinds else None


_find: Final = lru_cache(maxsize=8_192)(find)

_STRING: Final = re.compile(r'"(?:[^"\\]|\\.)*+"')


def emails_in_json(text: str) -> tuple[str, ...]:
    """The e-mails in the strings of a valid JSON text, read as their escapes mean them."""
    if not may_hold_address(text) and "\\u" not in text:
        return ()
    strings: list[str] = msgspec.json.decode(f"[{','.join(_STRING.findall(text))}]")
    found = [find(each) for each in strings if may_hold_address(each)]
    return tuple(email for each in found if each is not None for email in each.emails)


# Attribute names that say by themselves that their value is personal or secret, whatever it looks like; matched in
# lower case, with `_` for every other way of joining words.
_PERSONAL: Final = re.compile(
    r"(?:.*[_.])?(?:(?:e|user)?_?mail|(?:tele|mobile_?)?phone(?:_?(?:number|no))?|(?:mobile|tel|cell|fax)(?:_?number)?"
    r"|ip|ip_?v[46]|remote_?ip|ip_?addresses|(?:ip|remote)_?addr(?:ess)?|x_forwarded_for|xff"
    r"|(?:full|first|last|given|family|middle|user|display|nick|real|customer|maiden)_?name|sur_?name|user|author|login|contact"
    r"|street|address(?:_?line)?|post_?code|postal_?code|zip_?code|birth_?(?:date|day)|date_?of_?birth|dob"
    r"|ssn(?:_?last_?4)?|tax_?id|national_?id|passport(?:_?number)?|iban|(?:credit_?)?card_?(?:number|no)|credit_?card)"
    r"(?:_?\d)?"
)
_SECRET: Final = re.compile(
    r"(?:.*[_.])?(?:password|passwd|pwd|passphrase|secret|token(?:_?value)?|(?:api|access|secret|private|ssh)_?keys?|pin|cvv|cvc"
    r"|jwt|bearer|csrf|session_?id|authorization|cookie|credentials?|dsn|connection_?string)"
)
_WORD_BREAK: Final = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|[- ]")


@lru_cache(maxsize=16_384)
def kind_of_name(name: str) -> str:
    """`personal`, `token` or '' for an attribute of this name."""
    name = _WORD_BREAK.sub("_", name).lower()
    if _SECRET.fullmatch(name):
        return "token"
    return "personal" if _PERSONAL.fullmatch(name) else ""
