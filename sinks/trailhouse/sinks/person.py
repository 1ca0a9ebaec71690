"""Who is meant by an id or an e-mail address: every identity under which one person is known in an organisation.

The directory and `event_pii` say which address came with which id; the pepper makes the refs of both, so people who
were only acted upon, or whose address stands inside a value, are found as well. Addresses are shared and ids are
reused: what would reach several ids that nobody named is refused instead of guessed.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from trailhouse.sinks.clickhouse import Client
from trailhouse.sinks.errors import AliasFound, AmbiguousPerson, PersonUnknown, WrongPepper
from trailhouse.stream.addresses import AT, without_addresses
from trailhouse.stream.persons import Pseudonyms, email_identity

#: An SQL expression of a column's text with @ for whatever may stand for it (`trailhouse.stream.addresses`).
PLAIN_AT: Final = "replaceRegexpAll({text}, '[@\uff20\ufe6b]|%(?:25)*40|&(?:#0*64|#[xX]0*40|commat);', '@')"
# The address in a field that has a name, a scheme or a sign beside it.
_INNER: Final = (
    f"extract({PLAIN_AT.format(text='address')}, "
    r"""'[^\s<>",;:()\[\]]+@[\pL\pN_.-]*[\pL\pN_-]')"""
)
#: Pairs of id and address that one person may have; who has more is several.
PAIRS_MAX: Final = 1000
ROUNDS_MAX: Final = 8


@dataclass(frozen=True, slots=True)
class Person:
    """One person in one organisation: plaintext `identities` (ids, addresses), and the `refs` that stand for them.

    `is_known`: whether any table has a row of theirs.
    """

    org: str
    identities: tuple[str, ...]
    refs: tuple[int, ...]
    is_known: bool = True

    @property
    def addresses(self) -> tuple[str, ...]:
        """The e-mail addresses among the identities."""
        return tuple(each for each in self.identities if "@" in each)


# Which address came with which id, in the directory and in what events say of actors and of those acted upon; only pairs
# of which the id or the address is known already, or that came with a known ref.
_PAIRS: Final = f"""
WITH
  lowerUTF8(normalizeUTF8NFC(trimBoth(address))) AS plain_address,
  lowerUTF8(normalizeUTF8NFC({_INNER})) AS inner_address,
  replaceRegexpOne(inner_address, '^[^\\pL\\pN]+', '') AS bare_address,
  lowerUTF8(normalizeUTF8NFC(trimBoth(id))) AS plain_id
SELECT DISTINCT id, address FROM (
  SELECT max(identity) AS id, argMaxIfMerge(email) AS address, user_ref AS ref FROM users
  WHERE org_id = {{org:String}} GROUP BY user_ref
  UNION ALL
  SELECT argMaxIf(said.3, said, fact = 'identity') AS id, argMaxIf(said.3, said, fact = 'email') AS address, user_ref AS ref
  FROM directory WHERE org_id = {{org:String}} AND user_ref != 0 GROUP BY user_ref
  UNION ALL
  SELECT pair.1 AS id, pair.2 AS address, pair.3 AS ref FROM (
    SELECT DISTINCT arrayJoin([
      (pii['actor_user_id'], pii['actor_email'], user_ref), (pii['user_asset'], pii['user_email'], toUInt64(0))
    ]) AS pair
    FROM event_pii WHERE org_id = {{org:String}} AND hasAny(subject_refs, {{refs:Array(UInt64)}})
  )
)
WHERE has({{refs:Array(UInt64)}}, ref) OR has({{texts:Array(String)}}, id) OR has({{texts:Array(String)}}, plain_address)
  OR has({{texts:Array(String)}}, inner_address) OR has({{texts:Array(String)}}, bare_address)
  OR (position(id, '@') > 0 AND has({{texts:Array(String)}}, plain_id))
ORDER BY id, address LIMIT {PAIRS_MAX}
"""

# Whom a roster calls another identity of somebody (an alias): the same person, because somebody said so.
_ALIASES: Final = """
SELECT argMaxIf(said.3, said, fact = 'identity') AS id, argMaxIf(said.3, said, fact = 'alias') AS main
FROM directory WHERE org_id = {org:String}
GROUP BY user_ref HAVING main != '' AND (has({refs:Array(UInt64)}, user_ref) OR has({texts:Array(String)}, main))
"""

_KNOWN: Final = """
SELECT
  (SELECT count() FROM users WHERE org_id = {org:String} AND has({refs:Array(UInt64)}, user_ref))
  + (SELECT count() FROM directory WHERE org_id = {org:String} AND has({refs:Array(UInt64)}, user_ref))
  + (SELECT count() FROM event_pii WHERE org_id = {org:String} AND hasAny(subject_refs, {refs:Array(UInt64)}))
  + (SELECT count() FROM events WHERE org_id = {org:String} AND (user_ref IN {refs:Array(UInt64)} OR target_ref IN {refs:Array(UInt64)}))
  + (SELECT count() FROM erased WHERE org_id = {org:String} AND user_ref IN {refs:Array(UInt64)})
"""


def find_person(  # noqa: PLR0913 - who asks, of whom, and how far to follow
    client: Client,
    pseudonyms: Pseudonyms,
    org: str,
    names: Sequence[str],
    *,
    is_exact: bool = False,
    with_aliases: bool = False,
) -> Person:
    """The person called each of `names` (ids or addresses) in `org`; `is_exact` = under these names and no others.

    Raises `WrongPepper` when the directory was made with another, `AmbiguousPerson` when the names lead to ids nobody
    named, `AliasFound` when a roster's alias does (`with_aliases` takes those as named), `PersonUnknown` when no table has a row of theirs.
    """
    check_pepper(client, pseudonyms, org)
    identities = _forms(names)
    if not is_exact:
        identities = _follow(client, pseudonyms, org, identities, with_aliases=with_aliases)
    refs = _refs(pseudonyms, org, identities)
    if not int(client.query(_KNOWN, parameters={"org": org, "refs": refs}).result_rows[0][0]):
        raise PersonUnknown(org, len(names))
    return Person(org, tuple(sorted(identities)), tuple(refs))


def check_pepper(client: Client, pseudonyms: Pseudonyms, org: str) -> None:
    """Raises `WrongPepper` unless it gives the refs that the directory holds; an empty directory says nothing."""
    rows = client.query(
        "SELECT user_ref, identity FROM users WHERE org_id = {org:String} AND identity != '' LIMIT 1",
        parameters={"org": org},
    ).result_rows
    if any(pseudonyms.ref(org, str(identity)) != int(ref) for ref, identity in rows):
        raise WrongPepper


def _follow(
    client: Client, pseudonyms: Pseudonyms, org: str, names: set[str], *, with_aliases: bool
) -> set[str]:
    """Everything the names lead to: from an address to its one id, from an id to all its addresses and aliases."""
    named, identities = set(names), set(names)
    for _ in range(ROUNDS_MAX):
        refs = _refs(pseudonyms, org, identities)
        asked = {"org": org, "refs": refs, "texts": sorted(identities)}
        aliases = {str(each) for row in client.query(_ALIASES, parameters=asked).result_rows for each in row}
        if (others := aliases - identities - {""}) and not with_aliases:
            raise AliasFound(org, sorted(others))
        named |= _forms(aliases)
        rows = client.query(_PAIRS, parameters=asked)
        pairs = {(str(row[0]), str(row[1])) for row in rows.result_rows} - {("", "")}
        ids = {id_ for id_, _ in pairs if id_} - _forms(address for _, address in pairs)
        strangers = ids - named
        if len(strangers) > (0 if ids & named else 1) or len(rows.result_rows) == PAIRS_MAX:
            raise AmbiguousPerson(org, sorted(ids))
        texts = {text for pair in pairs for text in pair} | set(_within(address for _, address in pairs))
        found = identities | _forms(aliases | texts)
        if found == identities:
            break
        identities = found
    return identities


def _within(fields: Iterable[str]) -> Iterator[str]:
    """The plain address in a field for addresses that has a name, a scheme or another @; none where there are several."""
    for each in fields:
        _, found = without_addresses(each)
        if len(found) == 1:
            yield AT.sub("@", found[0])


def _forms(texts: Iterable[str]) -> set[str]:
    """Ids as they are; addresses also in the form in which they identify."""
    given = {each for each in texts if each}
    return given | {email_identity(each) for each in given if AT.search(each)}


def _refs(pseudonyms: Pseudonyms, org: str, identities: Iterable[str]) -> list[int]:
    return sorted({pseudonyms.ref(org, each) for each in identities} - {0})
