-- `memberships_in` says what it said, planned in less time: a person's teams, what a roster listed last and the names of the
-- teams are read together and looked at side by side, where three tables of them were joined.
CREATE OR REPLACE VIEW memberships_in AS
SELECT org_id, user_ref, team, team_name
FROM (
  SELECT
    org_id,
    user_ref,
    item AS team,
    fact,
    told,
    maxIf(told.1, fact = 'lists_teams') OVER (PARTITION BY org_id, user_ref) AS listed_at,
    maxIf(told, fact = 'team_name') OVER (PARTITION BY org_id, item) AS named,
    maxIf(told.1, fact = 'team_gone') OVER (PARTITION BY org_id, item) AS gone_at,
    named.3 AS team_name
  FROM (
    SELECT org_id, user_ref, item, fact, max(said) AS told
    FROM directory
    WHERE org_id IN {orgs:Array(String)}
      AND ((user_ref != 0 AND fact IN ('team', 'lists_teams')) OR (user_ref = 0 AND fact IN ('team_name', 'team_gone')))
    GROUP BY org_id, user_ref, item, fact
  )
)
WHERE fact = 'team' AND told.3 = 'in' AND told.1 >= listed_at AND told.1 > gone_at
  AND (org_id, user_ref) NOT IN (SELECT org_id, user_ref FROM erased);

-- `staff_in` says what it said. The analyzer looked for comparisons that follow from others (`a < b AND b < 5`) in everything
-- its rules are made of, a tenth of the time the view takes; there are none.
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
    linked_ref != 0 AND if(is_linked_alias, aliased_at <= linked_at, alias = '' AND NOT has_acted AND identity = '') AS is_linked,
    maxIf(user_ref, alias = '' AND NOT (is_linked AND is_linked_alias)) OVER (PARTITION BY org_id, if(alias != '', alias, identity)) AS main,
    argMaxIf(user_ref, (seen, user_ref), alias = '' AND email != identity AND email != '') OVER (PARTITION BY org_id, email) AS owner,
    multiIf(
      alias != '' AND main != 0, main,
      alias = '' AND NOT has_acted AND email = identity AND owner != 0, owner,
      is_linked, linked_ref,
      user_ref
    ) AS person_ref
  FROM (
    SELECT
      org_id,
      user_ref,
      argMaxIf(value, at, fact IN ('identity', 'seen')) AS identity,
      argMaxIf(value, at, fact = 'alias') AS alias,
      maxIf(moment, fact = 'alias') AS aliased_at,
      lowerUTF8(normalizeUTF8NFC(trimBoth(if(max(own_email) != '', max(own_email), argMaxIf(value, at, fact = 'email'))))) AS email,
      max(fact IN ('identity', 'seen')) AS has_identity,
      max(fact NOT IN ('identity', 'alias', 'seen', 'active', 'linked', 'linked_alias') OR acted != 0) AS has_facts,
      max(fact = 'seen') AS has_acted,
      max(fact = 'active') AS has_been_active,
      maxIf(moment, fact NOT IN ('linked', 'linked_alias')) AS seen,
      toUInt64OrZero(maxIf(value, fact IN ('linked', 'linked_alias'))) AS linked_ref,
      max(fact = 'linked_alias') AS is_linked_alias,
      maxIf(moment, fact = 'linked_alias') AS linked_at,
      maxIf(at, fact = 'kind') AS kind_at, argMaxIf(value, at, fact = 'kind') AS kind_value,
      max(acted) AS acted_at, argMax(acted_as, acted) AS acted_value,
      maxIf(at, fact = 'seat') AS seat_at, argMaxIf(value, at, fact = 'seat') AS seat_value,
      maxIf(at, fact = 'invitation') AS invitation_at, argMaxIf(value, at, fact = 'invitation') AS invitation_value,
      maxIf(at, fact = 'access') AS access_at, argMaxIf(value, at, fact = 'access') AS access_value,
      max(login_at) AS login,
      maxIf(moment, fact = 'seen') AS sight
    FROM (
      SELECT org_id, user_ref, fact, bitShiftLeft(toUInt256(toUnixTimestamp64Milli(said.1)), 128) + reinterpretAsUInt128(said.2) AS at, said.3 AS value, said.1 AS moment, '' AS own_email, toUInt256(0) AS acted, '' AS acted_as, toDateTime64(0, 3, 'UTC') AS login_at
      FROM directory
      WHERE org_id IN {orgs:Array(String)} AND user_ref != 0
      UNION ALL
      SELECT
        org_id, user_ref, 'seen', bitShiftLeft(toUInt256(toUnixTimestamp64Milli(max(last_seen))), 128), max(users.identity), max(last_seen), argMaxIfMerge(email),
        max(bitShiftLeft(toUInt256(toUnixTimestamp64Milli(users.kind.1)), 128) + reinterpretAsUInt128(users.kind.2) AS said_at), argMax(users.kind.3, said_at), max(users.last_login)
      FROM users
      WHERE org_id IN {orgs:Array(String)}
      GROUP BY org_id, user_ref
      UNION ALL
      SELECT org_id, user_ref, 'active', 0, '', toDateTime64(0, 3, 'UTC'), '', 0, '', toDateTime64(0, 3, 'UTC')
      FROM newcomers
      WHERE org_id IN {orgs:Array(String)}
      UNION ALL
      SELECT org_id, user_ref, if(is_alias, 'linked_alias', 'linked'), 0, toString(person_ref), aliased_at, '', 0, '', toDateTime64(0, 3, 'UTC')
      FROM links FINAL
      WHERE org_id IN {orgs:Array(String)} AND (org_id, person_ref) NOT IN (SELECT org_id, user_ref FROM erased)
    )
    WHERE (org_id, user_ref) NOT IN (SELECT org_id, user_ref FROM erased)
    GROUP BY org_id, user_ref
  )
)
GROUP BY org_id, person_ref
HAVING max(has_identity AND user_ref = person_ref) = 1
  AND (max(has_acted) = 0 OR max(has_facts OR ((alias != '' OR (is_linked AND is_linked_alias)) AND user_ref = person_ref)) = 1)
SETTINGS optimize_and_compare_chain = 0;
