"""Mutated events: what broken, foreign, future and hostile emitters might put on the raw topic.

Real-looking events are bent in their structure, written as JSON in one of several ways, and bent again as bytes. A
bundle follows from its seed and number alone, so a failing one is made again with `bundle(seed, number)`.
Every base event holds `CANARY` wherever it names a person.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from functools import cache
from random import Random
from typing import Any, Final

from trailhouse.producers.company import generate
from trailhouse.producers.event import ATTRIBUTES_MAX, EVENT_BYTES_MAX, FIELD, FIELDS, TEXT_LENGTH_MAX

CANARY: Final = "canary"
RECEIVED: Final = datetime(2026, 3, 2, 10, tzinfo=UTC)
RECORDS_MAX: Final = 120

TEXTS: Final = (
    "",
    " ",
    "\0",
    "a\0b",
    "\x7f",
    "\x1b[31m",
    "\u202egpj.exe",
    "\ufeff",
    "\u2028",
    "e\u0301",
    "é",
    "İ",
    "ß",
    "\U0001d54f",
    "😀" * 40,
    "\ud800",
    "\udfff",
    "\uffff",
    "null",
    "NaN",
    "1e400",
    "=cmd|' /C calc'!A0",
    "'; DROP TABLE events; --",
    "{{7*7}}",
    "../../etc/passwd",
    "\\N",
    "\\u0000",
    "\n",
    '"',
    "\\",
    "}\n{",
    "x" * TEXT_LENGTH_MAX,
    "é" * TEXT_LENGTH_MAX,
    "x" * (TEXT_LENGTH_MAX + 1),
    "a@" * 2000,
    "1" * 4000,
    "1:" * 2000,
    "eyJ" * 1300,
    f"{CANARY}@example.org",
    f"mail {CANARY}@example.org, +49 170 1234567, 4111 1111 1111 1111, GB82 WEST 1234 5698 7654 32",
    "10.0.0.1",
    "::ffff:10.0.0.1",
    "01920f0e-7c5a-7b3e-8f43-0123456789ab",
)
NUMBERS: Final = (
    "0",
    "-0",
    "1",
    "-1",
    "0.1",
    "1e1",
    "1E400",
    "-1e400",
    "1e-400",
    "255",
    "256",
    "599",
    "600",
    "65536",
    "4294967296",
    "9223372036854775807",
    "9223372036854775808",
    "-9223372036854775808",
    "-9223372036854775809",
    "18446744073709551615",
    "18446744073709551616",
    "340282366920938463463374607431768211456",
    "9" * 5000,
    "0." + "3" * 5000,
    "01",
    "+1",
    ".5",
    "5.",
    "0x10",
    "1_000",
    "NaN",
    "Infinity",
    "-Infinity",
)
TIMES: Final = (
    "2026-03-02T09:59:59Z",
    "2026-03-02T09:59:59.999999999Z",
    "2026-03-02t09:59:59z",
    "2026-03-02 09:59:59Z",
    "2026-03-02T09:59:59",
    "2026-03-02",
    "2026-03-02T15:44:59+05:45",
    "2026-03-01T23:59:59-10:00",
    "2026-03-02T09:59:59+23:59",
    "2026-03-02T09:59:59+24:00",
    "2026-03-02T09:59:60Z",
    "2026-02-29T00:00:00Z",
    "2024-02-29T23:59:59.999Z",
    "2026-03-29T02:30:00+01:00",
    "1970-01-01T00:00:00Z",
    "1969-12-31T23:59:59.999Z",
    "1970-01-01T00:59:59+01:00",
    "0001-01-01T00:00:00Z",
    "0001-01-01T00:00:00+14:00",
    "9999-12-31T23:59:59Z",
    "9999-12-31T23:59:59-12:00",
    "10000-01-01T00:00:00Z",
    "2026-03-02T10:09:59.999Z",
    "2026-03-02T10:10:00.001Z",
    "2025-01-26T10:00:00Z",
    "2005-07-07T07:07:07.007Z",
    "2106-02-07T06:28:16Z",
    "2300-01-01T00:00:00Z",
    "1772445599",
    "yesterday",
)
TOKENS: Final = (
    b"{",
    b"}",
    b"[",
    b"]",
    b'"',
    b":",
    b",",
    b"\\",
    b"\n",
    b"\r",
    b"\0",
    b"\x1f",
    b"\xff",
    b"\xc0\x80",
    b"\xed\xa0\x80",
    b"\xf4\x90\x80\x80",
    b"\xef\xbb\xbf",
    b"\\u0000",
    b"\\ud800",
    b"\\udc00",
    b"\\x",
    b"null",
    b"true",
    b"NaN",
    b"//",
    b"/**/",
    b"[" * 1100,
    b'{"a":' * 1100,
    b"}{",
    b"}\n{",
    b"9" * 400,
)


def bundle(seed: int, number: int) -> list[bytes | None]:
    """The values of one bundle; the same for the same seed and number."""
    random = Random(f"{seed}/{number}")
    values: list[bytes | None] = []
    for _ in range(random.randint(1, RECORDS_MAX)):
        values.append(_record(random, values))
    return values


def _record(random: Random, before: list[bytes | None]) -> bytes | None:
    """A good record one time out of five; else bent in structure, in its bytes or in both."""
    chance = random.random()
    event = _event(random)
    if chance < 0.2:
        return json.dumps(event).encode()
    if chance < 0.21:
        return random.choice(
            (None, b"", b" ", b"\n", b"{}", b"[]", b"null", b"0", b'""', b"{", b"}", b"\xff\xfe")
        )
    if chance < 0.212:
        return _large(random, event)
    if chance < 0.85:
        for _ in range(random.choice((1, 1, 1, 2, 3))):
            random.choice(BENDS)(random, event)
    value = _written(random, event)
    if chance > 0.55:
        for _ in range(random.choice((1, 1, 2, 4))):
            value = _bitten(random, value, before)
    return value


def _event(random: Random) -> dict[str, Any]:
    event = {**random.choice(_bases())}
    event["event_id"] = str(uuid.UUID(int=random.getrandbits(128), version=4))
    return event


@cache
def _bases() -> list[dict[str, Any]]:
    """Events of a generated company, and some with every field."""
    made = []
    for each in generate(7, people=12, days=3, end=date(2026, 3, 1), org_id="acme"):
        event = each.to_dict()
        for name in ("actor_name", "actor_email", "user_email"):
            if name in event:
                event[name] = f"{CANARY}-{event[name]}"
        made.append(event)
    random = Random(11)
    for _ in range(60):
        event = {**random.choice(made)}
        for field in random.sample(FIELDS, 12):
            if field.kind == "text":
                event[field.name] = f"{CANARY} {field.name}" if field.is_pii else f"some {field.name}"
        event["changes"] = {"owner": {"before": f"{CANARY}@example.org", "after": [1, None, {"a": "b"}]}}
        event["attributes"] = {"page": "home", "n": 3, "x": 1.5, "yes": True, "no": None, "user_name": CANARY}
        made.append(event)
    return made


# Structure


def _scalar(random: Random) -> Any:
    return random.choice(
        (
            None,
            True,
            False,
            random.randint(-(2**70), 2**70),
            random.randint(-3, 700),
            random.random(),
            random.choice(TEXTS),
            random.choice(TEXTS),
            random.choice(TIMES),
            Raw(random.choice(NUMBERS)),
        )
    )


def _tree(random: Random, depth: int = 4) -> Any:
    kind = random.random()
    if depth == 0 or kind < 0.5:
        return _scalar(random)
    if kind < 0.75:
        return [_tree(random, depth - 1) for _ in range(random.randint(0, 3))]
    return {str(random.choice(TEXTS))[:90]: _tree(random, depth - 1) for _ in range(random.randint(0, 3))}


class Raw(str):
    """Text to be written into the JSON as it is: numbers that no encoder would write."""

    __slots__ = ()


def _replace(random: Random, event: dict[str, Any]) -> None:
    event[random.choice(tuple(FIELD))] = _scalar(random)


def _replace_with_tree(random: Random, event: dict[str, Any]) -> None:
    event[random.choice(tuple(FIELD))] = _tree(random)


def _replace_what_is_there(random: Random, event: dict[str, Any]) -> None:
    event[random.choice(tuple(event))] = _scalar(random)


def _remove(random: Random, event: dict[str, Any]) -> None:
    del event[random.choice(tuple(event))]


def _swap(random: Random, event: dict[str, Any]) -> None:
    one, other = random.choice(tuple(event)), random.choice(tuple(event))
    event[one], event[other] = event[other], event[one]


def _rename(random: Random, event: dict[str, Any]) -> None:
    name = random.choice(tuple(event))
    bent = random.choice(
        (name.upper(), f"{name} ", name[:-1], f"$.{name}", f"`{name}`", random.choice(TEXTS))
    )
    event[bent] = event.pop(name)


def _time(random: Random, event: dict[str, Any]) -> None:
    moment = RECEIVED - timedelta(milliseconds=random.randint(-(10**9), 4 * 10**12))
    zone = timedelta(minutes=random.randrange(-14 * 60, 14 * 60))
    text = (moment + zone).replace(tzinfo=None).isoformat(timespec=random.choice(("seconds", "microseconds")))
    sign, size = "-" if zone < timedelta() else "+", int(abs(zone).total_seconds()) // 60
    event["occurred_at"] = random.choice(
        (f"{text}{sign}{size // 60:02}:{size % 60:02}", random.choice(TIMES))
    )


def _unknown(random: Random, event: dict[str, Any]) -> None:
    event[random.choice(("later", "x" * random.randint(1, 140), f"{CANARY}@example.org", *TEXTS))] = _tree(
        random
    )


def _attributes(random: Random, event: dict[str, Any]) -> None:
    names = random.choice((3, 20, ATTRIBUTES_MAX, ATTRIBUTES_MAX + 1))
    event["attributes"] = {f"{random.choice(TEXTS)[:60]}{n}": _scalar(random) for n in range(names)}


def _changes(random: Random, event: dict[str, Any]) -> None:
    event["changes"] = {
        str(random.choice(TEXTS))[:200]: _tree(random, 6) for _ in range(random.randint(0, 6))
    }


def _deep(random: Random, event: dict[str, Any]) -> None:
    depth = random.choice((31, 33, 500, 1023, 1025, 5000, 60_000))
    opening, closing = random.choice((("[", "]"), ('{"a":', "}")))
    event[random.choice(("changes", "attributes", "later", "actor_name"))] = Raw(
        f'{{"a":{opening * (depth // len(opening))}1{closing * (depth // len(opening))}}}'
    )


def _version(random: Random, event: dict[str, Any]) -> None:
    event["schema_version"] = random.choice((0, 1, 2, 2**40, -1, True, 1.0, "1", None, Raw("1e0")))


def _identity(random: Random, event: dict[str, Any]) -> None:
    plain = str(event.get("event_id", ""))
    event["event_id"] = random.choice(
        (
            plain.upper(),
            plain.replace("-", ""),
            f"{{{plain}}}",
            f"urn:uuid:{plain}",
            plain[:-1],
            f"{plain}\n",
            f"+{plain[1:]}",
        )
    )


BENDS: Final[tuple[Callable[[Random, dict[str, Any]], None], ...]] = (
    _replace,
    _replace,
    _replace_with_tree,
    _replace_what_is_there,
    _remove,
    _swap,
    _rename,
    _time,
    _time,
    _unknown,
    _attributes,
    _changes,
    _deep,
    _version,
    _identity,
)


# Text


def _written(random: Random, event: dict[str, Any]) -> bytes:
    """The event as JSON: in ASCII or not, spread over lines, with keys that come twice, with numbers as they are."""
    plain = json.dumps(
        event,
        ensure_ascii=random.random() < 0.5,
        indent=random.choice((None, None, None, None, 1, "\t")),
        separators=random.choice((None, (",", ":"))),
        default=str,
    )
    for each in _raws(event):
        plain = plain.replace(json.dumps(each), each, 1)
    if random.random() < 0.08 and plain.endswith("}"):
        again = {random.choice(tuple(FIELD)): _scalar(random) for _ in range(2)}
        plain = plain[:-1] + "," + json.dumps(again)[1:]
    return plain.encode(errors="surrogatepass")


def _raws(value: Any) -> list[str]:
    if isinstance(value, Raw):
        return [value]
    if isinstance(value, dict):
        return [each for inner in value.values() for each in _raws(inner)]
    return [each for inner in value for each in _raws(inner)] if isinstance(value, list) else []


def _large(random: Random, event: dict[str, Any]) -> bytes:
    """Around the limit of an event's size, and sometimes far beyond it."""
    value = json.dumps(event).encode()
    room = EVENT_BYTES_MAX - len(value)
    kind = random.randrange(4)
    if kind == 0:
        return value + b" " * (room + random.randint(-1, 1))
    if kind == 1:
        emails = " ".join(f"{n:x}@b.c" for n in range(random.choice((2000, 28_000))))
        return json.dumps(event | {"changes": {"a": emails}}).encode()
    if kind == 2:
        texts = {str(n): "x" * TEXT_LENGTH_MAX for n in range(random.randint(50, 70))}
        return json.dumps(event | {"attributes": texts}).encode()
    return value + b"x" * random.choice((room, 900_000))


# Bytes


def _bitten(random: Random, value: bytes, before: list[bytes | None]) -> bytes:
    data = bytearray(value)
    place = random.randint(0, len(data))
    kind = random.randrange(12)
    if kind == 0 and data:
        data[place % len(data)] ^= 1 << random.randrange(8)
    elif kind <= 2:
        data[place:place] = random.choice(TOKENS)
    elif kind <= 4:
        del data[place : place + random.choice((1, 1, 2, 10, 100))]
    elif kind == 5:
        data[place : place + random.randint(0, 4)] = random.randbytes(random.randint(1, 4))
    elif kind == 6:
        del data[place:]
    elif kind == 7:
        del data[:place]
    elif kind == 8:
        other = random.choice(before) if before else value
        return bytes(data) + random.choice((b"", b" ", b"\n", b",", b"\r\n", b"\x1e")) + (other or b"")[:5000]
    elif kind == 9:
        other = random.choice(before) if before else value
        return bytes(data[:place]) + (other or b"")[-3000:]
    elif kind == 10:
        piece = data[place : place + random.choice((1, 8, 64, 512))]
        data[place:place] = piece * random.choice((1, 2, 30))
    else:
        text = value.decode(errors="replace")
        return random.choice(
            (
                b"\xef\xbb\xbf" + value,
                text.encode("utf-16"),
                text.encode("utf-32-le"),
                text.encode("latin-1", "replace"),
                b" \n" + value + b"\t ",
            )
        )
    return bytes(data)
