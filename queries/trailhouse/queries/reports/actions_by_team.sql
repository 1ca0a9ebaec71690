/*
title: Actions by team
question: Which teams run self-service actions?
source: [P18]
counts: runs of self-service actions by the teams of whoever ran them, as the directory has them now; a run by somebody of two teams counts in both
terms: [event, period]
chart: bar
ties: more runs first, then the team's name, then its id by code point, then the organisation; decided before masking
last: 30d
semantics:
  port: {quote: 'Provides data about total actions, actions by user, and also by role and team.'}
explain: {where: "action = 'action:run' AND org_id = {row_org:String} AND if({row_ref:String} = '', (org_id, user_ref) NOT IN (SELECT org_id, user_ref FROM memberships_in(orgs = {orgs:Array(String)})), (org_id, user_ref) IN (SELECT org_id, user_ref FROM memberships_in(orgs = {orgs:Array(String)}) WHERE team = {row_ref:String}))", column: runs, is: uniqExact(event_id)}
columns:
  team: {type: text, unit: team, text: 'name of the team, else its id; the id alone for callers who may not read personal data; empty for who is in none'}
  org: {type: text, unit: organisation, text: 'whose team it is'}
  runs: {type: integer, unit: runs, text: 'in the period'}
  users: {type: integer, unit: users, text: 'who ran them'}
  ref: {type: text, unit: id, text: which team it is, is_hidden: true}
*/
SELECT
  -- The id of a team that never had one is its name, which not everybody may read.
  multiIf({read_pii:Bool} AND team_name != '', team_name, {read_pii:Bool} OR NOT startsWith(id, 'name '), id, 'a team without id') AS team,
  org_id AS org,
  runs,
  users,
  if({read_pii:Bool} OR NOT startsWith(id, 'name '), id, '') AS ref
FROM (
  SELECT made.org_id AS org_id, members.team AS id, members.team_name AS team_name, sum(made.runs) AS runs, uniqExactIf(made.user_ref, made.user_ref != 0) AS users
  FROM (
    SELECT org_id, user_ref, count() AS runs
    FROM notable FINAL
    WHERE org_id IN {orgs:Array(String)}
      AND category = 'automation'
      AND action = 'action:run'
      AND toDate(occurred_at) >= toDate(fromUnixTimestamp64Milli(({ranges:Array(Tuple(Int64, Int64))}[1]).1, 'UTC'))
      AND toDate(occurred_at) <= toDate(fromUnixTimestamp64Milli(({ranges:Array(Tuple(Int64, Int64))}[-1]).2 - 1, 'UTC'))
      AND occurred_at >= fromUnixTimestamp64Milli(({ranges:Array(Tuple(Int64, Int64))}[1]).1, 'UTC')
      AND occurred_at < fromUnixTimestamp64Milli(({ranges:Array(Tuple(Int64, Int64))}[-1]).2, 'UTC')
      AND (length({ranges:Array(Tuple(Int64, Int64))}) = 1 OR arrayExists(
        instants -> toUnixTimestamp64Milli(occurred_at) >= instants.1 AND toUnixTimestamp64Milli(occurred_at) < instants.2,
        {ranges:Array(Tuple(Int64, Int64))}
      ))
    GROUP BY org_id, user_ref
    SETTINGS do_not_merge_across_partitions_select_final = 1
  ) AS made
  LEFT JOIN memberships_in(orgs = {orgs:Array(String)}) AS members ON made.org_id = members.org_id AND made.user_ref = members.user_ref
  GROUP BY org_id, id, team_name
)
ORDER BY runs DESC, if(team_name != '', team_name, id) ASC, id ASC, org ASC
