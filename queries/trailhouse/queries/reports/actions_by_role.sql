/*
title: Actions by role
question: Which roles run self-service actions?
source: [P18]
counts: runs of self-service actions by the role whoever ran them had at that moment
terms: [event, period]
chart: bar
ties: more runs first, then the role by code point
last: 30d
semantics:
  port: {quote: 'Provides data about total actions, actions by user, and also by role and team.'}
explain: {where: "action = 'action:run' AND actor_role = {row_role:String}", column: runs, is: 'uniqExact(org_id, event_id)'}
columns:
  role: {type: text, unit: role, text: 'as the events name it; empty where they do not'}
  runs: {type: integer, unit: runs, text: 'in the period, of all organisations asked about'}
  users: {type: integer, unit: users, text: 'who ran them; somebody of two organisations counts in each'}
*/
SELECT role, runs, users
FROM (
  SELECT actor_role AS role, count() AS runs, uniqExactIf((org_id, user_ref), user_ref != 0) AS users
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
  GROUP BY role
  SETTINGS do_not_merge_across_partitions_select_final = 1
)
ORDER BY runs DESC, role ASC
