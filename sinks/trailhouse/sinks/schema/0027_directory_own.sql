-- The directory is about the organisation's people: whoever only reads its figures with a key of Trailhouse, or operates
-- it, acts in its log and is nobody of it. `actors` leaves out what Trailhouse records of itself (source `trailhouse`).
-- The views of the directory, each with parameter `org`, are personal data:
-- `directory_people` has a row per person: who, kind, role, seat, teams as (id, name), workspaces, invitation, access, when
-- added and first seen, last login. `directory_refs` says which `person_ref` a `user_ref` is. `directory_facts` has what is
-- said of each `user_ref`, the latest statement of each fact as (time, event, value).
ALTER TABLE actors_mv MODIFY QUERY
SELECT
  org_id,
  user_ref,
  toStartOfMonth(occurred_at) AS month,
  maxIf((occurred_at, event_id, toString(actor_role)), actor_role != '') AS role,
  max((occurred_at, event_id, toString(actor_type))) AS kind,
  maxIf(occurred_at, is_login) AS last_login,
  uniqExactIfState(sipHash64(org_id, event_id), action = 'run:create' AND outcome IN ('success', 'unknown')) AS runs,
  uniqExactIfState(sipHash64(org_id, event_id), action = 'report:create' AND outcome IN ('success', 'unknown')) AS reports
FROM landing
WHERE reason = '' AND user_ref != 0 AND source != 'trailhouse'
GROUP BY org_id, user_ref, month;

-- Who was only ever seen in such events, and is on no roster and in no team, has no row.
CREATE OR REPLACE VIEW directory_people AS
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
HAVING maxIf(1, fact = 'identity') = 1
  AND (maxIf(1, fact = 'seen') = 0 OR maxIf(1, fact NOT IN ('identity', 'own_email', 'own_name', 'seen')) = 1);
