-- `directory_people` says what it said, in one pass over its tables and half of the time.
-- `known`: what is said of each `user_ref`, a row each from every table, the latest statement of each
-- fact as (time, event, value). Names and ends of teams are joined to the statements about them before these become lists.
CREATE OR REPLACE VIEW directory_people AS
WITH
  defaultValueOfTypeName('Tuple(DateTime64(3, \'UTC\'), UUID, String)') AS unsaid,
  toUUID('00000000-0000-0000-0000-000000000000') AS nobody,
  places AS (
    SELECT if(fact = 'workspace_gone', 'workspace', 'team') AS kind, item, maxIf(said, fact = 'team_name').3 AS title, maxIf(said, fact != 'team_name').1 AS gone_at
    FROM directory
    WHERE org_id = {org:String} AND user_ref = 0 AND fact IN ('team_name', 'team_gone', 'workspace_gone')
    GROUP BY kind, item
  ),
  known AS (
    SELECT
      user_ref,
      maxIf(said, fact = 'identity') AS named,
      maxIf(said, fact = 'email') AS mailed,
      maxIf(said, fact = 'name') AS called,
      unsaid AS own_email,
      unsaid AS own_name,
      maxIf(said, fact = 'kind') AS kind,
      unsaid AS own_kind,
      maxIf(said, fact = 'role') AS role,
      maxIf(said, fact = 'seat') AS seat,
      maxIf(said, fact = 'invitation') AS invitation,
      maxIf(said, fact = 'access') AS access,
      maxIf(said, fact = 'added_on') AS added_on,
      minOrNullIf(first, fact = 'added') AS added_at,
      NULL::Nullable(DateTime64(3, 'UTC')) AS first_seen,
      toDateTime64(0, 3, 'UTC') AS last_login,
      maxIf(said.1, fact = 'lists_teams') AS teams_listed_at,
      maxIf(said.1, fact = 'lists_workspaces') AS workspaces_listed_at,
      groupArrayIf((item, said, title, gone_at), fact = 'team') AS teams,
      groupArrayIf((item, said, title, gone_at), fact = 'workspace') AS workspaces,
      max(fact = 'identity') AS has_identity,
      max(fact = 'alias') AS has_alias,
      max(fact NOT IN ('identity', 'alias')) AS has_more
    FROM directory
    LEFT JOIN places ON directory.fact = places.kind AND directory.item = places.item
    WHERE org_id = {org:String} AND user_ref != 0
    GROUP BY user_ref
    UNION ALL
    SELECT
      user_ref,
      (max(users.last_seen), nobody, max(users.identity)) AS named,
      unsaid AS mailed,
      unsaid AS called,
      (max(users.last_seen), nobody, argMaxIfMerge(users.email)) AS own_email,
      (max(users.last_seen), nobody, argMaxIfMerge(users.name)) AS own_name,
      unsaid AS kind,
      unsaid AS own_kind,
      unsaid AS role,
      unsaid AS seat,
      unsaid AS invitation,
      unsaid AS access,
      unsaid AS added_on,
      NULL AS added_at,
      min(users.first_seen)::Nullable(DateTime64(3, 'UTC')) AS first_seen,
      toDateTime64(0, 3, 'UTC') AS last_login,
      toDateTime64(0, 3, 'UTC') AS teams_listed_at,
      toDateTime64(0, 3, 'UTC') AS workspaces_listed_at,
      [] AS teams,
      [] AS workspaces,
      1 AS has_identity,
      0 AS has_alias,
      0 AS has_more
    FROM users
    WHERE org_id = {org:String}
    GROUP BY user_ref
    UNION ALL
    SELECT
      user_ref,
      unsaid AS named,
      unsaid AS mailed,
      unsaid AS called,
      unsaid AS own_email,
      unsaid AS own_name,
      unsaid AS kind,
      max(actors.kind) AS own_kind,
      max(actors.role) AS role,
      unsaid AS seat,
      unsaid AS invitation,
      unsaid AS access,
      unsaid AS added_on,
      NULL AS added_at,
      NULL AS first_seen,
      max(actors.last_login) AS last_login,
      toDateTime64(0, 3, 'UTC') AS teams_listed_at,
      toDateTime64(0, 3, 'UTC') AS workspaces_listed_at,
      [] AS teams,
      [] AS workspaces,
      0 AS has_identity,
      0 AS has_alias,
      1 AS has_more
    FROM actors
    WHERE org_id = {org:String}
    GROUP BY user_ref
  )
SELECT
  person_ref,
  user_refs,
  identity,
  email,
  name,
  kind,
  role,
  seat,
  invitation,
  is_revoked,
  added_on,
  added_at,
  first_seen,
  last_login,
  -- Sorted by team and time: the last statement about a team is the one before another team's.
  arrayMap(
    team -> (team.1, team.3),
    arrayFilter(
      (team, next) -> team.1 != next AND team.2.3 = 'in' AND team.2.1 >= teams_listed_at AND team.2.1 > team.4,
      said_of_teams,
      arrayShiftLeft(said_of_teams.1, 1, '')
    )
  ) AS teams,
  arrayMap(
    workspace -> workspace.1,
    arrayFilter(
      (workspace, next) -> workspace.1 != next AND workspace.2.3 = 'in' AND workspace.2.1 >= workspaces_listed_at AND workspace.2.1 > workspace.4,
      said_of_workspaces,
      arrayShiftLeft(said_of_workspaces.1, 1, '')
    )
  ) AS workspaces
FROM (
  SELECT
    if(others.person_ref != 0, others.person_ref, known.user_ref) AS person_ref,
    arraySort(groupUniqArrayIf(known.user_ref, known.has_more OR known.first_seen IS NOT NULL OR known.user_ref = person_ref)) AS user_refs,
    maxIf(known.named, known.user_ref = person_ref).3 AS identity,
    if(max(known.own_email).3 != '', max(known.own_email).3, max(known.mailed).3) AS email,
    if(max(known.own_name).3 != '', max(known.own_name).3, max(known.called).3) AS name,
    multiIf(max(known.kind).3 != '', max(known.kind).3, max(known.own_kind).3 != '', max(known.own_kind).3, 'user') AS kind,
    max(known.role).3 AS role,
    max(known.seat).3 AS seat,
    max(known.invitation).3 AS invitation,
    max(known.access).3 = 'revoked' AS is_revoked,
    max(known.added_on).3 AS added_on,
    min(known.added_at) AS added_at,
    min(known.first_seen) AS first_seen,
    nullIf(max(known.last_login), toDateTime64(0, 3, 'UTC')) AS last_login,
    max(known.teams_listed_at) AS teams_listed_at,
    max(known.workspaces_listed_at) AS workspaces_listed_at,
    arraySort(groupArrayArray(known.teams)) AS said_of_teams,
    arraySort(groupArrayArray(known.workspaces)) AS said_of_workspaces
  FROM known
  LEFT JOIN aliases_in(orgs = [{org:String}]) AS others ON known.user_ref = others.user_ref
  WHERE known.user_ref NOT IN (SELECT user_ref FROM erased WHERE org_id = {org:String})
  GROUP BY person_ref
  HAVING maxIf(known.has_identity, known.user_ref = person_ref) = 1
    AND (min(known.first_seen) IS NULL OR max(known.has_more OR (known.has_alias AND known.user_ref = person_ref)) = 1)
);
