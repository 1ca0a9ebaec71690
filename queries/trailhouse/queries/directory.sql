-- Everybody of one organisation with what they did: `trailhouse.queries.directory` reads it, and masks it.
-- Somebody with several identities is counted once: days and creations are put together per person, not added up.
SELECT
  people.person_ref AS person_ref,
  identity, email, name, kind, role, seat, invitation, is_revoked, added_on, added_at, first_seen, last_login, teams, workspaces,
  last_active, active_days, reports, runs
FROM directory_people(org = {org:String}) AS people
LEFT JOIN (
  SELECT refs.person_ref AS person_ref, uniqExact(local_day) AS active_days, max(last) AS last_active
  FROM activity(
    org = {org:String},
    spans = {spans:Array(Tuple(Int64, Int64, Int32))},
    cuts = {cuts:Array(Tuple(Int64, Int64, Int32))}
  ) AS days
  INNER JOIN directory_refs(org = {org:String}) AS refs ON days.user_ref = refs.user_ref
  GROUP BY person_ref
) AS done ON people.person_ref = done.person_ref
LEFT JOIN (
  SELECT refs.person_ref AS person_ref, uniqExactIfMerge(actors.reports) AS reports, uniqExactIfMerge(actors.runs) AS runs
  FROM actors
  INNER JOIN directory_refs(org = {org:String}) AS refs ON actors.user_ref = refs.user_ref
  WHERE actors.org_id = {org:String}
  GROUP BY person_ref
) AS made ON people.person_ref = made.person_ref
