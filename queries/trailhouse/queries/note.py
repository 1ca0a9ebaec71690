"""What to say about an answer that counts nothing: nothing yet, nothing ever, or a name that is not known."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime

from trailhouse.queries.question import INSTANCE, Question, Store


def counts_nothing(rows: Iterable[Sequence[object]]) -> bool:
    """Whether there is no row, or none of them counts anything."""
    return not any(value for row in rows for value in row if isinstance(value, int))


def note_on(question: Question, store: Store) -> str:
    """One sentence that tells zero in this period from never any data; names no organisation the caller may not read."""
    org = question.org
    of_org = "" if org == INSTANCE else f" of organisation {org!r}"
    if question.report.is_for_instance:  # the only ones that tell of what did not become an event
        first = store.first_reject(org)
        return (
            f"nothing{of_org} in this period; {_since(first)}" if first else f"nothing{of_org} was rejected"
        )
    if first := store.first_event(org):
        return f"nothing in this period; {_since(first)}"
    caller = question.caller
    if not caller.is_known:
        return f"no event{of_org} is stored"
    known = [each for each in store.orgs() if caller.orgs is None or each in caller.orgs]
    return f"no event{of_org} is stored; organisations with events: {', '.join(known) or 'none yet'}"


def _since(first: datetime) -> str:
    return f"the first was at {first.isoformat(timespec='seconds').replace('+00:00', 'Z')}"
