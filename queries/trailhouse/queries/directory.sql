-- Everybody of one organisation with what they did: `trailhouse.queries.directory` reads it, and masks it.
-- Somebody with several identities is counted once: days and creations are put together per person, not added up. They
-- are gathered per `user_ref` first, so that who is who (`directory_people`) is worked out a single time.
SELECT
  person_ref,
  any(people.identity) AS identity,
  any(people.email) AS email,
  any(people.name) AS name,
  any(people.kind) AS kind,
  any(people.role) AS role,
  any(people.seat) AS seat,
  any(people.invitation) AS invitation,
  any(people.is_revoked) AS is_revoked,
  any(people.added_on) AS added_on,
  any(people.added_at) AS added_at,
  any(people.first_seen) AS first_seen,
  any(people.last_login) AS last_login,
  any(people.teams) AS teams,
  any(people.workspaces) AS workspaces,
  max(done.last_active) AS last_active,
  uniqExactArray(done.days) AS active_days,
  uniqExactIfMerge(made.reports) AS reports,
  uniqExactIfMerge(made.runs) AS runs
FROM (SELECT *, arrayJoin(user_refs) AS user_ref FROM directory_people(org = {org:String})) AS people
LEFT JOIN (
  SELECT user_ref, groupUniqArray(local_day) AS days, max(last) AS last_active
  FROM activity(
    org = {org:String},
    spans = {spans:Array(Tuple(Int64, Int64, Int32))},
    cuts = {cuts:Array(Tuple(Int64, Int64, Int32))}
  )
  GROUP BY user_ref
) AS done ON people.user_ref = done.user_ref
LEFT JOIN (
  SELECT user_ref, uniqExactIfMergeState(actors.reports) AS reports, uniqExactIfMergeState(actors.runs) AS runs
  FROM actors
  WHERE org_id = {org:String}
  GROUP BY user_ref
) AS made ON people.user_ref = made.user_ref
GROUP BY person_ref
