"""What a request for the audit log asks for, and with whose rights: W&B's parameters, read and decided. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Final

from trailhouse.queries.audit_profile import Profile
from trailhouse.queries.audit_read import FORMATS, Selection
from trailhouse.queries.audit_window import window_of
from trailhouse.queries.caller import Caller
from trailhouse.queries.errors import BadParameter, NoAuditLog, NoDefaultOrg, UnknownParameter
from trailhouse.queries.orgs import check_org

#: W&B's parameters in its spelling, and ours; the case of a name does not matter, because W&B itself writes two.
PARAMETERS: Final[Mapping[str, str]] = {
    "anonymize": "`true`: without any personal data; not supported by the profile `saas`",
    "numDays": "days back from `startDate`, 0 by default: that day alone; `saas` goes back 7 at most",
    "startDate": "the newest day to fetch, `YYYY-MM-DD`, today by default; days are UTC's",
    "org": "the organisation, for keys of several; else the key's default organisation",
    "format": "`ndjson` (default), `csv` or `parquet`",
}
_SPELLED: Final = {name.lower(): name for name in PARAMETERS}


@dataclass(frozen=True, slots=True)
class Asked:
    """A request that may be answered."""

    selection: Selection
    format: str


def read_request(  # noqa: PLR0913 - each is something the answer depends on
    given: Sequence[tuple[str, str]],
    caller: Caller,
    default_org: str,
    profile: Profile,
    *,
    today: date,
    has_plan: Callable[[str], bool],
    stored_orgs: Callable[[], Sequence[str]],
) -> Asked:
    """What to read for the query parameters `given`; `stored_orgs` is asked for the rest of who may read all.

    Raises `BadParameter` for what cannot be used, `NoDefaultOrg`, `NotAllowed`, `NoAuditLog`.
    """
    params = _params(given)
    form = params.get("format", "ndjson")
    if form not in FORMATS:
        raise BadParameter("format", form, "one of " + ", ".join(FORMATS))
    is_anonymous = flag("anonymize", params.get("anonymize", "false"))
    window = window_of(params.get("startDate"), params.get("numDays"), today=today, days_max=profile.days_max)
    org = org_of(params.get("org"), caller, default_org, stored_orgs)
    check_rights(org, caller, profile, has_plan)
    # Those who may not see people get what `anonymize` gives; where that is not supported they get nothing.
    read_pii = caller.read_pii and not (is_anonymous and profile.is_anonymisable)
    return Asked(Selection(org, window, read_pii, profile.collected), form)


def check_rights(org: str, caller: Caller, profile: Profile, has_plan: Callable[[str], bool]) -> None:
    """Raise `NoAuditLog` where the deployment gives `caller` no audit log of `org` (WA2, WA12)."""
    if profile.needs_plan and not has_plan(org):
        raise NoAuditLog("audit logs are available for Enterprise plans only", "ask for the Enterprise plan")
    if not caller.read_pii and not profile.is_anonymisable:
        raise NoAuditLog(
            f"the audit log of the profile {profile.name} always includes personal data, which this key may not see",
            "use a key with the scope audit:read_pii",
        )


def org_of(
    named: str | None, caller: Caller, default_org: str, stored_orgs: Callable[[], Sequence[str]]
) -> str:
    """The organisation a request is about: the one it names, else the key's default, else the only one there is.

    Raises `BadParameter`, `NotAllowed`, and `NoDefaultOrg` with W&B's own words.
    """
    if named:
        check_org(named)
    if org := named or default_org:
        caller.check(org)
        return org
    orgs = stored_orgs() if caller.orgs is None else sorted(caller.orgs)
    if len(orgs) != 1:
        raise NoDefaultOrg
    return orgs[0]


def flag(name: str, text: str) -> bool:
    """`true` or `false`; anything else might have meant "without people", so it is refused."""
    if text.lower() not in {"true", "false"}:
        raise BadParameter(name, text, "true or false")
    return text.lower() == "true"


def _params(given: Sequence[tuple[str, str]]) -> dict[str, str]:
    params: dict[str, str] = {}
    for name, value in given:
        spelled = _SPELLED.get(name.lower())
        if spelled is None:
            # A misspelled `anonymize` that was passed over would show people.
            raise UnknownParameter("the audit log", name, PARAMETERS)
        if spelled in params:
            raise BadParameter(spelled, value, "the parameter once")
        params[spelled] = value
    return params
