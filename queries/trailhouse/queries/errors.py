"""Errors of the queries, each with the HTTP status and the exit code it becomes.

QueryError
├── ReportBroken         a report file breaks the header format; a mistake of ours, found by the tests
├── UnknownReport        no report has that name
├── BadParameter         a parameter has a value that cannot be used
│   ├── UnknownParameter the report takes no parameter of that name
│   ├── UnreadableRow    a row has values that its report cannot compare
│   ├── UnknownOrg       no event names that organisation, which whoever operates the installation is told
│   └── OrgNeeded        no organisation is named, and there is not exactly one
├── NotAllowed           the caller may not see that organisation
├── NoDefaultOrg         the audit log was asked for without saying of which organisation
├── NoAuditLog           the deployment gives the caller no audit log
├── StorageUnavailable   ClickHouse does not answer, or not in time
├── UnknownKey           no API key has that id
├── NotAuthenticated     the key that came along is not valid
├── MissingScope         the key is valid, but not for this
├── LockedOut            too many wrong keys came from there
├── SignInFailed         what came back from the OpenID provider opens nothing
├── ProviderUnavailable  the OpenID provider does not answer as one
├── TooOften             the key sends more requests than it may
├── NotRecorded          what is read or done cannot be recorded, so it is not
├── CollectorBusy        the collector holds as much as it may
├── KafkaUnavailable     Kafka did not confirm in time
└── BadBody              a request with events cannot be read
    ├── BodyTooSlow      it did not arrive in time
    ├── BodyTooLarge     it has more bytes or events than one request may have
    └── UnknownMedia     it comes in a form the collector does not read
"""

from __future__ import annotations

import difflib
import math
from collections.abc import Iterable, Mapping, Sequence
from typing import ClassVar, Self


def spelled(prefix: str, name: str) -> str:
    """A parameter's name as those write it who put `prefix` before it: `week_start`, `--week-start`."""
    return prefix + (name.replace("_", "-") if prefix == "--" else name)


class QueryError(Exception):
    """Root; the message says what happened, with which value, `hint` what to do."""

    status: ClassVar[int] = 500
    title: ClassVar[str] = "The report failed"
    exit_code: ClassVar[int] = 1
    #: A word for the rule by which access was refused, which the self-audit records; '' = this is no refusal.
    refusal: str = ""

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.hint = hint
        self.headers: Mapping[str, str] = {}


class ReportBroken(QueryError):
    """The file of report `name` breaks the header format."""

    def __init__(self, name: str, rule: str) -> None:
        super().__init__(f"report {name}: {rule}")
        self.name, self.rule = name, rule


class UnknownReport(QueryError):
    """No report is called `name`; the hint names the closest one."""

    status = 404
    title = "No such report"
    exit_code = 2

    def __init__(self, name: str, known: Iterable[str]) -> None:
        names = sorted(known)
        similar = difflib.get_close_matches(name, names, n=1)
        super().__init__(
            f"there is no report {name!r}",
            f"did you mean {similar[0]}?" if similar else "the reports are " + ", ".join(names),
        )
        self.name = name


class BadParameter(QueryError):
    """Parameter `name` has a `value` that cannot be used; `wanted` says how a good one reads."""

    status = 400
    title = "A parameter cannot be used"
    exit_code = 2

    def __init__(self, name: str, value: object, wanted: str) -> None:
        shown = repr(value)
        self.name, self.wanted = name, wanted
        self.shown = shown if len(shown) <= 80 else shown[:79] + "…"
        super().__init__("")
        self.spell("")

    def spell(self, prefix: str) -> Self:
        """Word it for those who write parameters with `prefix` (`--` on the command line); returns itself."""
        message, self.hint = self._words(prefix)
        self.args = (message,)
        return self

    def _words(self, prefix: str) -> tuple[str, str]:
        return f"{spelled(prefix, self.name)} is {self.shown}", f"wanted: {self.wanted}"


class UnknownParameter(BadParameter):
    """Report `report` takes no parameter `name`; the hint names those it takes."""

    def __init__(self, report: str, name: str, known: Iterable[str]) -> None:
        self.report, self.known = report, tuple(known)
        super().__init__(name, None, "")

    def _words(self, prefix: str) -> tuple[str, str]:
        taken = ", ".join(spelled(prefix, each) for each in self.known) or "none"
        return f"{self.report} takes no parameter {spelled(prefix, self.name)}", f"it takes {taken}"


class UnreadableRow(BadParameter):
    """A row whose values in some of `columns` the report cannot compare with; they may name a person and are not told."""

    def __init__(self, columns: Iterable[str]) -> None:
        self.columns = tuple(columns)
        super().__init__("row", None, "the row's values, as its `explain` link has them")

    def _words(self, prefix: str) -> tuple[str, str]:
        return f"the row cannot be found by its {', '.join(self.columns)}", super()._words(prefix)[1]


class OrgNeeded(BadParameter):
    """No organisation is named, and the caller may read `orgs`: none, or more than one; `or_else` = what else will do.

    `orgs` None = the caller is not told which there are.
    """

    def __init__(self, orgs: Sequence[str] | None, or_else: str = "") -> None:
        self.orgs, self.or_else = None if orgs is None else tuple(orgs), or_else
        super().__init__("org", None, "")

    def _words(self, prefix: str) -> tuple[str, str]:
        if self.orgs is None:
            return f"{prefix}org is needed", "name one; with an API key you are told yours"
        if not self.orgs:
            return f"{prefix}org is needed: no organisation has a stored event yet", ""
        some = ", ".join(self.orgs[:10]) + (" …" if len(self.orgs) > 10 else "")
        return f"{prefix}org is needed: there are several: {some}", f"name one of them{self.or_else}"


class UnknownOrg(BadParameter):
    """No event names organisation `org`, of the `known` ones; for callers who may know which there are."""

    def __init__(self, org: str, known: Iterable[str], or_else: str = "") -> None:
        self.known, self.or_else = sorted(known), or_else
        super().__init__("org", org, "")

    def _words(self, prefix: str) -> tuple[str, str]:
        similar = difflib.get_close_matches(self.shown.strip("'"), self.known, n=1)
        some = ", ".join(self.known[:10]) + (" …" if len(self.known) > 10 else "")
        hint = (
            f"did you mean {similar[0]}?" if similar else f"organisations with events: {some or 'none yet'}"
        )
        return f"{prefix}org is {self.shown}: no event of it is stored", hint + self.or_else


class NotAllowed(QueryError):
    """The caller may not see organisation `org`, or not all of a company; whether it exists is not said."""

    status = 403
    title = "Not allowed"
    exit_code = 4
    refusal = "org"

    def __init__(self, org: str, what: str = "organisation") -> None:
        super().__init__(f"you may not read {what} {org!r}", "ask for one of your own organisations")
        self.org = org if what == "organisation" else ""


class NoDefaultOrg(QueryError):
    """The caller may read several organisations and has no default one; the words are W&B's own (WA6)."""

    status = 400
    title = "No organisation"
    exit_code = 2

    def __init__(self) -> None:
        super().__init__(
            "user is associated with multiple organizations but no valid org ID found in user info",
            "name one with org=…, or use a key with a default organisation: trailhouse keys create --default-org",
        )


class NoAuditLog(QueryError):
    """The deployment gives the caller no audit log: by its plan, or because it always shows people."""

    status = 403
    title = "No audit log"
    exit_code = 4
    refusal = "audit_log"


class StorageUnavailable(QueryError):
    """ClickHouse does not answer; the same call may succeed later."""

    status = 503
    title = "The store does not answer"


class UnknownKey(QueryError):
    """No API key has that id."""

    status = 404
    title = "No such key"
    exit_code = 2

    def __init__(self, key_id: str) -> None:
        super().__init__(f"there is no key {key_id!r}", "`trailhouse keys list` shows their ids")


class NotAuthenticated(QueryError):
    """The key that came along is none, or not good any more; which of these is not said."""

    status = 401
    title = "Not authenticated"
    exit_code = 4
    refusal = "key"

    def __init__(self, message: str = "this key is not valid") -> None:
        super().__init__(
            message,
            "send `Authorization: Bearer KEY`, or Basic with username:KEY; `trailhouse keys create` makes one",
        )
        self.headers = {"WWW-Authenticate": 'Bearer realm="trailhouse", Basic realm="trailhouse"'}


class MissingScope(QueryError):
    """The key is good, but not for this."""

    status = 403
    title = "Not allowed"
    exit_code = 4
    refusal = "scope"

    def __init__(self, scope: str) -> None:
        super().__init__(f"this key lacks the scope {scope}", f"trailhouse keys create --scope {scope} …")


class LockedOut(QueryError):
    """Too many wrong keys came from there."""

    status = 429
    title = "Too many wrong keys"
    exit_code = 4
    refusal = "locked"

    def __init__(self, seconds: float) -> None:
        super().__init__("too many wrong keys", "wait as long as Retry-After says, and check the key")
        self.headers = {"Retry-After": str(math.ceil(seconds))}


class SignInFailed(QueryError):
    """What came back from the OpenID provider opens nothing; `rule` is the word for why that the self-audit records."""

    status = 403
    title = "Not signed in"
    exit_code = 4

    def __init__(self, rule: str, message: str, hint: str = "begin again on the sign-in page") -> None:
        super().__init__(message, hint)
        self.refusal = f"oidc_{rule}"


class ProviderUnavailable(QueryError):
    """The OpenID provider does not answer, or not as one; the same may succeed later."""

    status = 503
    title = "The provider does not answer"

    def __init__(self, message: str) -> None:
        super().__init__(
            f"signing in with the provider fails: {message}",
            "sign in with a key, or tell whoever set TRAILHOUSE_OIDC_ISSUER",
        )


class TooOften(QueryError):
    """The key sends more requests than it may."""

    status = 429
    title = "Too many requests"

    def __init__(self, seconds: float) -> None:
        super().__init__("this key sends too many requests", "wait as long as Retry-After says")
        self.headers = {"Retry-After": str(math.ceil(seconds))}


class NotRecorded(QueryError):
    """The self-audit could keep no record of `action`, so it does not happen."""

    status = 503
    title = "It cannot be recorded"

    def __init__(self, action: str) -> None:
        super().__init__(
            f"{action} cannot be recorded, and nothing is read or changed without a record",
            "is the spool's disk full, or Kafka away for long? `trailhouse status` tells",
        )


class CollectorBusy(QueryError):
    """What is under way fills the collector's memory; nothing of this request was taken."""

    status = 429
    title = "Too much under way"

    def __init__(self, message: str) -> None:
        super().__init__(message, "send the same request again after Retry-After")
        self.headers = {"Retry-After": "1"}


class KafkaUnavailable(QueryError):
    """Kafka has not confirmed the events in time; some of them may have arrived."""

    status = 503
    title = "Kafka does not answer"

    def __init__(self, seconds: float) -> None:
        super().__init__(
            f"Kafka has not confirmed these events within {seconds:g} s; it may have some of them",
            "send the same request again, with the same Idempotency-Key or event ids: each event counts once",
        )


class BadBody(QueryError):
    """A request with events cannot be read as a whole; no event of it was taken."""

    status = 400
    title = "The body cannot be read"


class BodyTooSlow(BadBody):
    """The body did not arrive in time."""

    status = 408


class BodyTooLarge(BadBody):
    """The body has more bytes or events than one request may have."""

    status = 413
    title = "The body is too large"


class UnknownMedia(BadBody):
    """The body comes in a form the collector does not read."""

    status = 415
