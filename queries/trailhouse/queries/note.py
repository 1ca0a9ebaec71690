"""What to say about an answer that counts nothing: nothing yet, nothing ever, or a name that is not known."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime

from trailhouse.queries.orgs import Store
from trailhouse.queries.question import Question


def counts_nothing(rows: Iterable[Sequence[object]]) -> bool:
    """Whether there is no row, or none of them counts anything."""
    return not any(value for row in rows for value in row if isinstance(value, int | float))


def note_on(question: Question, store: Store) -> str:
    """One sentence that tells zero in this period from never any data; names no organisation the caller may not read."""
    of_orgs = (
        f" of organisation{'s' * (len(question.orgs) > 1)} {_listed(question.orgs)}" if question.orgs else ""
    )
    if question.report.is_for_instance:  # the only ones that tell of what did not become an event
        first = _earliest(store.first_reject(org) for org in question.orgs or ("",))
        return (
            f"nothing{of_orgs} in this period; {_since(first)}" if first else f"nothing{of_orgs} was rejected"
        )
    if first := _earliest(store.first_event(org) for org in question.orgs):
        return f"nothing in this period; {_since(first)}"
    caller = question.caller
    if not caller.is_known:
        return f"no event{of_orgs} is stored"
    known = [each for each in store.orgs() if caller.orgs is None or each in caller.orgs]
    return f"no event{of_orgs} is stored; organisations with events: {', '.join(known) or 'none yet'}"


def _listed(orgs: Sequence[str]) -> str:
    return ", ".join(repr(org) for org in orgs[:10]) + (" …" if len(orgs) > 10 else "")


def _earliest(moments: Iterable[datetime | None]) -> datetime | None:
    return min((moment for moment in moments if moment is not None), default=None)


def _since(first: datetime) -> str:
    return f"the first was at {first.isoformat(timespec='seconds').replace('+00:00', 'Z')}"
