-- Who is whom, as an archive knew it when it was made: hashes alone, no name and no address. Written by `trailhouse import
-- archive` (the admin identity); empty everywhere else. What a database learns in plain text, from its topics or the next roster, goes before it.
-- `person_ref` is whose other identity `user_ref` is; itself, where a roster named somebody nobody knew. `is_alias`: by a
-- roster, said at `aliased_at`, until one says otherwise; else invited by an address, until `user_ref` acts or is named again.
-- Partition: none, a row for each such identity stays small.
-- Order: by person within an organisation, as the directory reads.
CREATE TABLE links (
  org_id LowCardinality(String),
  user_ref UInt64,
  person_ref UInt64,
  is_alias Bool,
  aliased_at DateTime64(3, 'UTC'),
  known_at DateTime64(3, 'UTC') DEFAULT now64(3)
) ENGINE = ReplacingMergeTree(known_at)
ORDER BY (org_id, user_ref)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1, non_replicated_deduplication_window = 0;

-- `links` as several organisations' directories read it: without those who were erased, on either side.
CREATE VIEW links_in AS
SELECT org_id, user_ref, person_ref AS linked_ref, is_alias AS is_linked_alias, aliased_at AS linked_at
FROM links FINAL
WHERE org_id IN {orgs:Array(String)} AND (org_id, person_ref) NOT IN (SELECT org_id, user_ref FROM erased);

-- As before, and links speak of whom plain text does not. `is_alias` and `aliased_at`: what a roster said of them.
CREATE OR REPLACE VIEW directory_refs_in AS
SELECT
  org_id,
  user_ref,
  multiIf(
    alias != '' AND main != 0, main,
    alias = '' AND NOT has_acted AND email = identity AND owner != 0, owner,
    is_linked, linked_ref,
    user_ref
  ) AS person_ref,
  alias != '' OR (is_linked AND is_linked_alias) AS is_alias,
  aliased_at
FROM (
  SELECT
    org_id, user_ref, identity, alias, email, has_acted, aliased_at, linked_ref, is_linked_alias,
    linked_ref != 0 AND if(is_linked_alias, aliased_at <= linked_at, alias = '' AND NOT has_acted AND identity = '') AS is_linked,
    maxIf(user_ref, alias = '' AND NOT (is_linked AND is_linked_alias)) OVER (PARTITION BY org_id, if(alias != '', alias, identity)) AS main,
    argMaxIf(user_ref, (seen, user_ref), alias = '' AND email != identity AND email != '') OVER (PARTITION BY org_id, email) AS owner
  FROM (
    SELECT
      org_id,
      user_ref,
      max(named).3 AS identity,
      max(aliased).3 AS alias,
      lowerUTF8(normalizeUTF8NFC(trimBoth(if(max(own) != '', max(own), max(mailed).3)))) AS email,
      max(acted) AS has_acted,
      max(at) AS seen,
      max(aliased).1 AS aliased_at
    FROM (
      SELECT
        org_id,
        user_ref,
        maxIf(said, fact = 'identity') AS named,
        maxIf(said, fact = 'alias') AS aliased,
        maxIf(said, fact = 'email') AS mailed,
        '' AS own,
        0 AS acted,
        max(said.1) AS at
      FROM directory
      WHERE org_id IN {orgs:Array(String)} AND user_ref != 0
      GROUP BY org_id, user_ref
      UNION ALL
      SELECT
        org_id,
        user_ref,
        (max(users.last_seen), toUUID('00000000-0000-0000-0000-000000000000'), max(users.identity)) AS named,
        defaultValueOfTypeName('Tuple(DateTime64(3, \'UTC\'), UUID, String)') AS aliased,
        aliased AS mailed,
        argMaxIfMerge(users.email) AS own,
        1 AS acted,
        named.1 AS at
      FROM users
      WHERE org_id IN {orgs:Array(String)} AND user_ref != 0
      GROUP BY org_id, user_ref
    )
    WHERE (org_id, user_ref) NOT IN (SELECT org_id, user_ref FROM erased WHERE org_id IN {orgs:Array(String)})
    GROUP BY org_id, user_ref
  ) AS said
  LEFT JOIN links_in(orgs = {orgs:Array(String)}) AS linked ON said.org_id = linked.org_id AND said.user_ref = linked.user_ref
);

-- As before, with the same.
CREATE OR REPLACE VIEW staff_in AS
SELECT
  org_id,
  person_ref,
  arraySort(groupUniqArray(user_ref)) AS user_refs,
  max(if(user_ref = person_ref, identity, '')) AS identity,
  multiIf(
    argMax(kind_value, kind_at) != '', argMax(kind_value, kind_at),
    argMax(acted_value, acted_at) != '', argMax(acted_value, acted_at),
    'user'
  ) AS kind,
  argMax(seat_value, seat_at) AS seat,
  multiIf(
    argMax(access_value, access_at) = 'revoked', 'deactivated',
    max(has_been_active) = 1, 'member',
    argMax(invitation_value, invitation_at) = 'sent', 'invited',
    argMax(invitation_value, invitation_at) = 'withdrawn', 'withdrawn',
    'member'
  ) AS status,
  nullIf(max(login), toDateTime64(0, 3, 'UTC')) AS last_login,
  nullIf(max(sight), toDateTime64(0, 3, 'UTC')) AS last_seen
FROM (
  SELECT
    *,
    multiIf(
      alias != '' AND main != 0, main,
      alias = '' AND NOT has_acted AND email = identity AND owner != 0, owner,
      is_linked, linked_ref,
      user_ref
    ) AS person_ref,
    alias != '' OR (is_linked AND is_linked_alias) AS is_alias
  FROM (
    SELECT
      known.*,
      linked_ref,
      is_linked_alias,
      linked_ref != 0 AND if(is_linked_alias, aliased_at <= linked_at, alias = '' AND NOT has_acted AND identity = '') AS is_linked,
      maxIf(user_ref, alias = '' AND NOT (is_linked AND is_linked_alias)) OVER (PARTITION BY org_id, if(alias != '', alias, identity)) AS main,
      argMaxIf(user_ref, (seen, user_ref), alias = '' AND email != identity AND email != '') OVER (PARTITION BY org_id, email) AS owner
    FROM (
      SELECT
        org_id,
        user_ref,
        argMax(identity_value, identity_at) AS identity,
        max(alias_value) AS alias,
        max(alias_at) AS aliased_at,
        lowerUTF8(normalizeUTF8NFC(trimBoth(if(max(own_email) != '', max(own_email), max(email_value))))) AS email,
        max(is_known) AS has_identity,
        max(is_told) AS has_facts,
        max(is_seen) AS has_acted,
        max(is_active) AS has_been_active,
        max(seen_at) AS seen,
        max(kinds.1) AS kind_at, max(kinds.2) AS kind_value,
        max(acted.1) AS acted_at, max(acted.2) AS acted_value,
        max(seats.1) AS seat_at, max(seats.2) AS seat_value,
        max(invitations.1) AS invitation_at, max(invitations.2) AS invitation_value,
        max(accesses.1) AS access_at, max(accesses.2) AS access_value,
        max(login_at) AS login,
        max(sight_at) AS sight
      FROM (
        WITH (toUInt256(0), '') AS nothing, toDateTime64(0, 3, 'UTC') AS never
        SELECT
          org_id,
          user_ref,
          maxIf(at, fact = 'identity') AS identity_at,
          argMaxIf(said.3, at, fact = 'identity') AS identity_value,
          argMaxIf(said.3, at, fact = 'alias') AS alias_value,
          maxIf(said.1, fact = 'alias') AS alias_at,
          argMaxIf(said.3, at, fact = 'email') AS email_value,
          (maxIf(at, fact = 'kind'), argMaxIf(said.3, at, fact = 'kind')) AS kinds,
          nothing AS acted,
          (maxIf(at, fact = 'seat'), argMaxIf(said.3, at, fact = 'seat')) AS seats,
          (maxIf(at, fact = 'invitation'), argMaxIf(said.3, at, fact = 'invitation')) AS invitations,
          (maxIf(at, fact = 'access'), argMaxIf(said.3, at, fact = 'access')) AS accesses,
          max(said.1) AS seen_at,
          '' AS own_email,
          max(fact = 'identity') AS is_known,
          max(fact NOT IN ('identity', 'alias')) AS is_told,
          0 AS is_seen,
          0 AS is_active,
          never AS login_at,
          never AS sight_at
        FROM (
          SELECT
            org_id, user_ref, fact, said,
            bitShiftLeft(toUInt256(toUnixTimestamp64Milli(said.1)), 128) + reinterpretAsUInt128(said.2) AS at
          FROM directory
          WHERE org_id IN {orgs:Array(String)} AND user_ref != 0 AND (org_id, user_ref) NOT IN (SELECT org_id, user_ref FROM erased)
        )
        GROUP BY org_id, user_ref
        UNION ALL
        SELECT
          org_id,
          user_ref,
          bitShiftLeft(toUInt256(toUnixTimestamp64Milli(max(users.last_seen))), 128),
          max(users.identity),
          '', never, '', nothing, nothing, nothing, nothing, nothing,
          max(users.last_seen),
          argMaxIfMerge(users.email),
          1, 0, 1, 0, never,
          max(users.last_seen)
        FROM users
        WHERE org_id IN {orgs:Array(String)} AND (org_id, user_ref) NOT IN (SELECT org_id, user_ref FROM erased)
        GROUP BY org_id, user_ref
        UNION ALL
        SELECT
          org_id, user_ref, 0, '', '', never, '', nothing, (max(at), argMax(acted_as, at)), nothing, nothing, nothing, never, '', 0, 1, 0, 0,
          max(last_login),
          never
        FROM (
          SELECT
            org_id, user_ref, last_login,
            kind.3 AS acted_as,
            bitShiftLeft(toUInt256(toUnixTimestamp64Milli(kind.1)), 128) + reinterpretAsUInt128(kind.2) AS at
          FROM actors
          WHERE org_id IN {orgs:Array(String)}
        )
        GROUP BY org_id, user_ref
        UNION ALL
        SELECT org_id, user_ref, 0, '', '', never, '', nothing, nothing, nothing, nothing, nothing, never, '', 0, 0, 0, 1, never, never
        FROM newcomers
        WHERE org_id IN {orgs:Array(String)}
      )
      GROUP BY org_id, user_ref
    ) AS known
    LEFT JOIN links_in(orgs = {orgs:Array(String)}) AS linked ON known.org_id = linked.org_id AND known.user_ref = linked.user_ref
  )
)
GROUP BY org_id, person_ref
HAVING max(has_identity AND user_ref = person_ref) = 1
  AND (max(has_acted) = 0 OR max(has_facts OR (is_alias AND user_ref = person_ref)) = 1);

-- What an archive keeps of who is whom, of all organisations: hashes alone. It is made of names and addresses and reads them
-- with the rights of who made it, so that the archive need not; policies on rows do not reach through it: grant it to the archive alone.
CREATE VIEW known_links DEFINER = CURRENT_USER SQL SECURITY DEFINER AS
SELECT toString(org_id) AS org_id, user_ref, person_ref, toBool(is_alias) AS is_alias, if(is_alias, aliased_at, toDateTime64(0, 3, 'UTC')) AS aliased_at
FROM directory_refs_in(orgs = (SELECT groupUniqArray(toString(org_id)) FROM (SELECT org_id FROM users UNION DISTINCT SELECT org_id FROM directory)))
WHERE user_ref != person_ref OR is_alias;
