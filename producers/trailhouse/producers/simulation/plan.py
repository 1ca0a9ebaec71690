"""What is to be simulated: which organisations, how large, which days."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import ClassVar, Final

from trailhouse.producers.errors import AuditError

# A change of what is simulated gets another number: events of two versions must never share an id.
VERSION: Final = 1
NAMES: Final = (
    "alder",
    "birch",
    "cedar",
    "dogwood",
    "elm",
    "fir",
    "gingko",
    "hazel",
    "ironwood",
    "juniper",
    "katsura",
    "larch",
    "maple",
    "nutmeg",
    "oak",
    "pine",
    "quince",
    "rowan",
    "spruce",
    "teak",
    "umbra",
    "viburnum",
    "willow",
    "yew",
)
LARGEST: Final = (1.0, 0.6, 0.4)
"""Share of the largest of one, two and three organisations; of more it is `LARGEST_OF_MANY`."""
LARGEST_OF_MANY: Final = 0.3
PEOPLE_MAX: Final = 1_000_000


class BadPlan(AuditError):
    """A plan that cannot be carried out; `hint` says what can."""

    exit_code: ClassVar[int] = 2

    def __init__(self, message: str, hint: str) -> None:
        super().__init__(message)
        self.hint = hint


@dataclass(frozen=True, slots=True)
class Plan:
    """`people` of all organisations together who ever belong, over the `days` UTC dates that end with `until`.

    `events` = about how many to make; None = as many as such people would. Raises `BadPlan`.
    """

    until: date
    orgs: int = 3
    people: int = 200
    days: int = 90
    seed: int = 1
    events: int | None = None

    def __post_init__(self) -> None:
        if not 1 <= self.orgs <= self.people <= PEOPLE_MAX:
            raise BadPlan(
                f"{self.people} people cannot make {self.orgs} organisations",
                f"at least one organisation, a person in each, at most {PEOPLE_MAX:,} people",
            )
        if not 1 <= self.days <= (self.until - date(1980, 1, 1)).days:
            raise BadPlan(
                f"{self.days} days until {self.until} cannot be simulated", "at least one, since 1980"
            )
        if self.events is not None and self.events < 1:
            raise BadPlan(f"{self.events} events are none", "at least one")

    @property
    def first(self) -> date:
        return self.until - timedelta(days=self.days - 1)

    def sizes(self) -> dict[str, int]:
        """People by organisation, the largest first; each has at least one."""
        shares = _shares(self.orgs)
        spare = self.people - self.orgs
        counts = [1 + int(share * spare) for share in shares]
        for number in range(self.people - sum(counts)):  # what rounding left over
            counts[number % self.orgs] += 1
        return {self._name(number): count for number, count in enumerate(counts)}

    def _name(self, number: int) -> str:
        turn, which = divmod(number, len(NAMES))
        name = NAMES[which] + (str(turn + 1) if turn else "")
        return name if self.seed == 1 else f"{name}-{self.seed}"

    def key(self, org_id: str) -> str:
        """What all luck of an organisation depends on: another plan makes events with other ids."""
        return (
            f"{VERSION}/{self.seed}/{org_id}/{self.sizes()[org_id]}/{self.first}/{self.until}"
            f"/{'' if self.events is None else f'{self.events}/{self.orgs}/{self.people}'}"
        )


def _shares(orgs: int) -> Sequence[float]:
    """The largest has its share, the others less and less of the rest: 1/k, 1/(k+1) …, none more than the largest."""
    largest = LARGEST[orgs - 1] if orgs <= len(LARGEST) else LARGEST_OF_MANY
    rest = 1 - largest
    start = 1
    while orgs > 1:
        weights = [1 / (start + number) for number in range(orgs - 1)]
        if rest * weights[0] / sum(weights) < 0.95 * largest:
            return [largest, *(rest * weight / sum(weights) for weight in weights)]
        start += 1
    return [1.0]
