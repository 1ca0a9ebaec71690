"""API keys: who has one, and when it is replaced; a key that was replaced is used no more, save in an incident."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date, timedelta
from typing import Final

from trailhouse.producers.simulation.luck import Luck
from trailhouse.producers.simulation.machine import Machine
from trailhouse.producers.simulation.member import Member
from trailhouse.producers.simulation.passage import HOUR, MINUTE, Desk
from trailhouse.producers.simulation.scene import Actor, Scene
from trailhouse.producers.simulation.step import Planned, Step

HOLDERS: Final = 0.35
"""part of research and engineering that has a key"""
EVERY_DAYS: Final = (25, 60)
OVERLAP_MS: Final = 10 * MINUTE
"""the old key is deleted so long after the new one was made"""


def new_key(luck: Luck) -> str:
    """An id that tells nobody whose key it is."""
    return f"key_{luck.getrandbits(40):010x}"


def rotations(desk: Desk, staff: Sequence[Member], machines: Sequence[Machine]) -> Iterator[Planned]:
    """Keys made, replaced and deleted; founders and the first machines have theirs from the beginning."""
    for member in staff:
        holds = desk.luck.random() < HOLDERS
        if holds and member.trade != "business" and member.role != "viewer" and not member.is_reserved:
            yield from _of_member(desk, member)
    for machine in machines:
        if machine.duty.has_key:
            yield from _of_machine(desk, machine)


def rotation(actor: Actor, holder: Actor, at: int, keys: tuple[str, str]) -> Iterator[Planned]:
    """A new key, then the end of the old one; `keys` are (old, new)."""
    yield _made(actor, holder, at, keys[1])
    yield _ended(actor, holder, at + OVERLAP_MS, keys[0])


def _of_member(desk: Desk, member: Member) -> Iterator[Planned]:
    luck, key = desk.luck, new_key(desk.luck)
    since = desk.first
    if member.is_founder:
        member.key = key
    elif member.joined is None:
        return
    else:
        since = member.joined + timedelta(days=1)
        if member.left is not None and member.left <= since:
            return
        yield _made(member, member, member.office.midnight_ms(since) + 10 * HOUR, key)
    for day in _days(luck, since, member.left or desk.last):
        at = member.office.midnight_ms(day) + 10 * HOUR + luck.within(0, 300) * MINUTE
        old, key = key, new_key(luck)
        yield from rotation(member, member, at, (old, key))
    if member.left is not None:
        at, admin = desk.evening(member.left)
        yield _ended(admin, member, at + HOUR, key, is_last=True)


def _of_machine(desk: Desk, machine: Machine) -> Iterator[Planned]:
    luck, key = desk.luck, new_key(desk.luck)
    if machine.since is None:
        machine.key = key
    else:
        at, admin = desk.morning(machine.since)
        # After the account itself, which some admin makes in the morning of some zone.
        yield _made(admin, machine, at + 24 * HOUR, key)
    for day in _days(luck, machine.since or desk.first, desk.last):
        at, admin = desk.morning(day)
        old, key = key, new_key(luck)
        yield from rotation(admin, machine, at, (old, key))


def _about(holder: Actor, key: str) -> dict[str, object]:
    return {"user_asset": holder.user_id, "source": "web", "attributes": {"api_key_id": key}}


def _made(actor: Actor, holder: Actor, at: int, key: str) -> Planned:
    def take(scene: Scene) -> None:
        holder.key = key

    return Planned(at, actor, Step("user:create_api_key", _about(holder, key), take))


def _ended(actor: Actor, holder: Actor, at: int, key: str, *, is_last: bool = False) -> Planned:
    def drop(scene: Scene) -> None:
        holder.key = ""

    return Planned(at, actor, Step("user:delete_api_key", _about(holder, key), drop if is_last else None))


def _days(luck: Luck, since: date, last: date) -> Iterator[date]:
    day = since + timedelta(days=max(2, luck.within(*EVERY_DAYS) // 2))
    while day < last:
        yield day
        day += timedelta(days=luck.within(*EVERY_DAYS))
