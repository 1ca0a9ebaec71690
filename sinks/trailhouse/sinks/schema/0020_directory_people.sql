-- The directory as people read it, for one organisation. Personal data, read with the rights of whoever asks.
-- `directory_facts`: what is said of each person, from both sides: by those who act (`users`, `actors`) and of those acted upon
-- (`directory`); a row per person, fact and item, the latest statement as (time, event, value).
CREATE VIEW directory_facts AS
SELECT user_ref, toString(fact) AS fact, item, max(said) AS said, min(first) AS first
FROM directory
WHERE org_id = {org:String}
GROUP BY user_ref, fact, item
UNION ALL
SELECT user_ref, fact_of.1 AS fact, '' AS item, fact_of.2 AS said, first
FROM (
  SELECT
    user_ref,
    arrayJoin([
      ('identity', (seen, nobody, max(users.identity))),
      ('own_email', (seen, nobody, argMaxIfMerge(users.email))),
      ('own_name', (seen, nobody, argMaxIfMerge(users.name))),
      ('seen', (seen, nobody, ''))
    ]) AS fact_of,
    min(users.first_seen) AS first,
    max(users.last_seen) AS seen,
    toUUID('00000000-0000-0000-0000-000000000000') AS nobody
  FROM users
  WHERE org_id = {org:String}
  GROUP BY user_ref
)
UNION ALL
SELECT user_ref, fact_of.1 AS fact, '' AS item, fact_of.2 AS said, first
FROM (
  SELECT
    user_ref,
    arrayJoin([
      ('own_kind', max(kind)),
      ('role', max(role)),
      ('login', (max(last_login), toUUID('00000000-0000-0000-0000-000000000000'), ''))
    ]) AS fact_of,
    toDateTime64(0, 3, 'UTC') AS first
  FROM actors
  WHERE org_id = {org:String}
  GROUP BY user_ref
);

-- `directory_refs`: which person each `user_ref` is. Somebody with several identities is one person where a roster says
-- so (an alias), and where one known by an e-mail address alone never acted but another has that address: whoever was
-- invited by e-mail and came with an id. Everybody else is themselves, also an alias of an alias.
CREATE VIEW directory_refs AS
SELECT
  user_ref,
  multiIf(
    alias != '' AND main != 0, main,
    alias = '' AND NOT has_acted AND email = identity AND owner != 0, owner,
    user_ref
  ) AS person_ref
FROM (
  SELECT
    user_ref, identity, alias, email, has_acted,
    maxIf(user_ref, alias = '') OVER (PARTITION BY if(alias != '', alias, identity)) AS main,
    argMaxIf(user_ref, (seen, user_ref), alias = '' AND email != identity AND email != '') OVER (PARTITION BY email) AS owner
  FROM (
    SELECT
      user_ref,
      maxIf(said, fact = 'identity').3 AS identity,
      maxIf(said, fact = 'alias').3 AS alias,
      maxIf(said, fact = 'own_email').3 AS own,
      lowerUTF8(normalizeUTF8NFC(trimBoth(if(own != '', own, maxIf(said, fact = 'email').3)))) AS email,
      maxIf(1, fact = 'seen') AS has_acted,
      max(said).1 AS seen
    FROM directory_facts(org = {org:String})
    WHERE user_ref != 0
    GROUP BY user_ref
  )
);

-- `directory_people`: a row per person. `teams` are (id, name), `workspaces` ids; what a roster lists replaces what was
-- said of the person's teams or workspaces before it, and a team that was deleted has nobody until somebody joins it again.
-- An actor's own e-mail and name win over what others say of them. Who has
-- no `identity` here is nobody any more: what `actors` counted of them has no name. Nothing that was not said is '' or NULL.
CREATE VIEW directory_people AS
WITH
  (
    SELECT mapFromArrays(groupArray(item), groupArray(value))
    FROM (SELECT item, max(said).3 AS value FROM directory WHERE org_id = {org:String} AND user_ref = 0 AND fact = 'team_name' GROUP BY item)
  ) AS names,
  (
    SELECT mapFromArrays(groupArray(item), groupArray(at))
    FROM (SELECT concat(fact, ' ', item) AS item, max(said).1 AS at FROM directory WHERE org_id = {org:String} AND user_ref = 0 AND fact != 'team_name' GROUP BY item)
  ) AS gone,
  merged AS (
    SELECT person_ref, fact, item, max(said) AS said, min(first) AS first, groupUniqArray(facts.user_ref) AS refs
    FROM directory_facts(org = {org:String}) AS facts
    INNER JOIN directory_refs(org = {org:String}) AS refs ON facts.user_ref = refs.user_ref
    WHERE fact NOT IN ('identity', 'alias') OR facts.user_ref = person_ref
    GROUP BY person_ref, fact, item
  )
SELECT
  person_ref,
  arraySort(arrayDistinct(arrayFlatten(groupArray(refs)))) AS user_refs,
  maxIf(said, fact = 'identity').3 AS identity,
  if(maxIf(said, fact = 'own_email').3 != '', maxIf(said, fact = 'own_email').3, maxIf(said, fact = 'email').3) AS email,
  if(maxIf(said, fact = 'own_name').3 != '', maxIf(said, fact = 'own_name').3, maxIf(said, fact = 'name').3) AS name,
  multiIf(
    maxIf(said, fact = 'kind').3 != '', maxIf(said, fact = 'kind').3,
    maxIf(said, fact = 'own_kind').3 != '', maxIf(said, fact = 'own_kind').3,
    'user'
  ) AS kind,
  maxIf(said, fact = 'role').3 AS role,
  maxIf(said, fact = 'seat').3 AS seat,
  maxIf(said, fact = 'invitation').3 AS invitation,
  maxIf(said, fact = 'access').3 = 'revoked' AS is_revoked,
  maxIf(said, fact = 'added_on').3 AS added_on,
  minOrNullIf(first, fact = 'added') AS added_at,
  minOrNullIf(first, fact = 'seen') AS first_seen,
  nullIf(maxIf(said, fact = 'login').1, toDateTime64(0, 3, 'UTC')) AS last_login,
  arraySort(arrayMap(
    team -> (team.1, names[team.1]),
    arrayFilter(
      team -> team.2.3 = 'in' AND team.2.1 >= maxIf(said, fact = 'lists_teams').1 AND team.2.1 > gone[concat('team_gone ', team.1)],
      groupArrayIf((item, said), fact = 'team')
    )
  )) AS teams,
  arraySort(arrayMap(
    workspace -> workspace.1,
    arrayFilter(
      workspace -> workspace.2.3 = 'in' AND workspace.2.1 >= maxIf(said, fact = 'lists_workspaces').1 AND workspace.2.1 > gone[concat('workspace_gone ', workspace.1)],
      groupArrayIf((item, said), fact = 'workspace')
    )
  )) AS workspaces
FROM merged
GROUP BY person_ref
HAVING maxIf(1, fact = 'identity') = 1;
