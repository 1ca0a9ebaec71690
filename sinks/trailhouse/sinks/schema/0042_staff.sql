-- `staff_in`: everybody of several organisations (`orgs`) and how they stand, a row per person as in `directory_people`,
-- without names, teams and workspaces. Each table behind it is read once, and what was said when is compared as one
-- number (time, then event), so that 50 000 people take part of a second.
-- `status`: `deactivated`, access was revoked; `member`; `invited`, has neither accepted nor ever been active; `withdrawn`,
-- the invitation was. `kind` is user, service_account or system. `identity` is personal data. Times are NULL where there is none.
CREATE VIEW staff_in AS
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
      user_ref
    ) AS person_ref
  FROM (
    SELECT
      *,
      maxIf(user_ref, alias = '') OVER (PARTITION BY org_id, if(alias != '', alias, identity)) AS main,
      argMaxIf(user_ref, (seen, user_ref), alias = '' AND email != identity AND email != '') OVER (PARTITION BY org_id, email) AS owner
    FROM (
      SELECT
        org_id,
        user_ref,
        argMax(identity_value, identity_at) AS identity,
        max(alias_value) AS alias,
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
          '', '', nothing, nothing, nothing, nothing, nothing,
          max(users.last_seen),
          argMaxIfMerge(users.email),
          1, 0, 1, 0, never,
          max(users.last_seen)
        FROM users
        WHERE org_id IN {orgs:Array(String)} AND (org_id, user_ref) NOT IN (SELECT org_id, user_ref FROM erased)
        GROUP BY org_id, user_ref
        UNION ALL
        SELECT
          org_id, user_ref, 0, '', '', '', nothing, (max(at), argMax(acted_as, at)), nothing, nothing, nothing, never, '', 0, 1, 0, 0,
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
        SELECT org_id, user_ref, 0, '', '', '', nothing, nothing, nothing, nothing, nothing, never, '', 0, 0, 0, 1, never, never
        FROM newcomers
        WHERE org_id IN {orgs:Array(String)}
      )
      GROUP BY org_id, user_ref
    )
  )
)
GROUP BY org_id, person_ref
HAVING max(has_identity AND user_ref = person_ref) = 1
  AND (max(has_acted) = 0 OR max(has_facts OR (alias != '' AND user_ref = person_ref)) = 1);
