"""Who asks: the rights a report is run with. A report never learns of an organisation from anywhere else."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

from trailhouse.queries.errors import NotAllowed


@dataclass(frozen=True, slots=True)
class Caller:
    """Rights of one caller. `orgs` None = every organisation; the defaults allow nothing.

    `read_pii`: names and addresses are shown, else `u_` and a hash stand for a person.
    `default_org`: meant where none is named; '' = there is none.
    `is_instance`: operates the installation, so may see records that name no readable organisation.
    `is_known`: brought a key, or runs a command on the machine; others are not told names of organisations or ids of keys.
    """

    orgs: frozenset[str] | None = frozenset()
    read_pii: bool = False
    is_instance: bool = False
    default_org: str = ""
    is_known: bool = False

    @classmethod
    def operator(cls) -> Self:
        """Whoever operates the installation and may see all of it, as `trailhouse report` on the machine itself."""
        return cls(orgs=None, read_pii=True, is_instance=True, is_known=True)

    @property
    def is_operator(self) -> bool:
        """Whether they may see all of the installation, not only some organisations of it."""
        return self.is_instance and self.orgs is None

    def check(self, org: str) -> None:
        """Raise `NotAllowed` unless this caller may read `org`."""
        if self.orgs is not None and org not in self.orgs:
            raise NotAllowed(org)
