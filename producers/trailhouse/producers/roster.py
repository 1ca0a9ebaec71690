"""The people and machines of the generated company: who they are, where they sit, when they come and go."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from random import Random
from typing import Final, Literal
from zoneinfo import ZoneInfo

Trade = Literal["research", "engineering", "business"]

TEAMS: Final[tuple[tuple[str, Trade], ...]] = (
    ("vision", "research"),
    ("language", "research"),
    ("forecasting", "research"),
    ("platform", "engineering"),
    ("data", "engineering"),
    ("security", "engineering"),
    ("product", "business"),
    ("growth", "business"),
    ("support", "business"),
)
# Offices with their share of the staff; half-hour zones and both hemispheres are there on purpose.
OFFICES: Final[tuple[tuple[str, int], ...]] = (
    ("Europe/Berlin", 34),
    ("America/New_York", 24),
    ("America/Los_Angeles", 16),
    ("Asia/Kolkata", 14),
    ("Australia/Sydney", 7),
    ("America/Sao_Paulo", 5),
)
BROWSERS: Final = (
    "Mozilla/5.0 (X11; Linux x86_64) Firefox/142.0",
    "Mozilla/5.0 (Macintosh; Intel Mac OS X 14_6) Safari/605.1.15",
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) Chrome/141.0",
)
# RFC 5737 and RFC 3849: addresses that belong to nobody.
NETWORKS: Final = ("192.0.2.", "198.51.100.", "203.0.113.")
FIRST_NAMES: Final = (
    "Ada Aiko Amara Anil Astrid Bao Bela Camila Chidi Clara Dag Dalia Deniz Edda Elias Emeka Esra Farid Freya Giulia "
    "Hana Hugo Ines Ivan Jana Jonas Kaito Kavya Lars Leila Lena Luca Maja Malik Mei Mina Nadia Nils Noor Olga Omar "
    "Pavel Priya Quinn Rafael Rosa Samir Sanna Tariq Tomas Uma Vera Viktor Wanda Xenia Yara Yusuf Zeno Zoe"
)
LAST_NAMES: Final = (
    "Abel Bauer Castro Dahl Eriksen Fischer Gupta Haddad Ito Jansen Kaya Lindqvist Moreau Nakamura Okafor Petrov "
    "Quist Rossi Silva Tanaka Usman Vogel Weiss Xu Yilmaz Zhang Almeida Brandt Costa Duarte"
)


@dataclass(frozen=True, slots=True)
class Person:
    """A member of the company; `joined` and `left` are UTC dates, `pace` scales how much they do on a working day."""

    user_id: str
    name: str
    email: str
    role: str
    team: str
    trade: Trade
    zone: ZoneInfo
    ip: str
    browser: str
    pace: float
    joined: date
    left: date | None
    is_no_show: bool

    def is_member(self, day: date) -> bool:
        return self.joined <= day and (self.left is None or day <= self.left) and not self.is_no_show


@dataclass(frozen=True, slots=True)
class Machine:
    """A service account or the system itself: what it does, how often on a working day, and on a day off."""

    user_id: str
    actor_type: str
    actions: tuple[str, ...]
    a_day: int
    a_day_off: int


MACHINES: Final = (
    Machine(
        "svc-training-cluster", "service_account", ("run:create", "run:update", "artifact:create"), 26, 9
    ),
    Machine(
        "svc-catalog-sync",
        "service_account",
        ("entity:create", "entity:update", "entity:update", "entity:delete"),
        24,
        12,
    ),
    Machine("release-bot[bot]", "service_account", ("action:run", "entity:update", "artifact:read"), 8, 0),
    Machine("automations", "system", ("automation:trigger",), 18, 5),
)


def hire(random: Random, people: int, first: date, last: date) -> list[Person]:
    """The staff of a company between two dates: three in five from before `first`, the rest joining until `last`."""
    staff: list[Person] = []
    days = (last - first).days
    for number in range(people):
        given, family = random.choice(FIRST_NAMES.split()), random.choice(LAST_NAMES.split())
        is_founder = random.random() < 0.6 or number < 3
        joined = (
            first - timedelta(days=1)
            if is_founder
            else first + timedelta(days=random.randint(0, max(days - 1, 0)))
        )
        leaves = number >= 3 and random.random() < 0.09
        team, trade = random.choice(TEAMS)
        staff.append(
            Person(
                user_id=f"u-{number + 1:04d}",
                name=f"{given} {family}",
                email=f"{given}.{family}{number + 1}@example.com".lower(),
                role="admin"
                if number < max(people // 25, 1)
                else random.choices(("member", "viewer"), (85, 15))[0],
                team=team,
                trade=trade,
                zone=ZoneInfo(
                    random.choices([zone for zone, _ in OFFICES], [share for _, share in OFFICES])[0]
                ),
                ip=f"{random.choice(NETWORKS)}{random.randint(1, 254)}"
                if random.random() < 0.9
                else f"2001:db8::{random.randint(1, 65535):x}",
                browser=random.choice(BROWSERS),
                pace=random.lognormvariate(0, 0.6),
                joined=joined,
                left=joined + timedelta(days=random.randint(1, max(days, 1))) if leaves else None,
                is_no_show=not is_founder and random.random() < 0.12,
            )
        )
    return staff
