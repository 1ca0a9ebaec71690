/*
title: Weekly active users
question: How many people were active in each week?
source: [WS6, A5]
counts: people with at least one event that counts as activity in that week, each once a week
terms: [active-user, person, activity, period, week]
chart: bar
last: 30d
semantics:
  wandb-saas: {last: 30d, since: '2025-05-09', quote: 'Weekly active users: users active per week. … A user is active if they perform any auditable action scoped to the organization after May 8 2025.'}
explain: {where: "is_activity AND user_ref != 0 AND (actor_type = 'user' OR {actors:String} = 'all')", bucket: week, column: active_users, is: uniqExact(user_ref)}
parameters:
  actors: {type: String, default: people, choices: [people, all], text: 'whose activity counts; all adds service accounts and systems'}
columns:
  week: {type: date, unit: first day, text: 'every week the period touches, by its first day, oldest first; one that its edge cuts counts only the days inside'}
  active_users: {type: integer, unit: users, text: 'distinct users active in that week; 0 where nobody was'}
*/
SELECT local_day - (toDayOfWeek(local_day) + 7 - {week_start:UInt8}) % 7 AS week, uniqExactIf(user_ref, is_active) AS active_users
FROM (
  SELECT local_day, user_ref, 1 AS is_active
  FROM active_days_in(
    orgs = {orgs:Array(String)},
    pieces = {pieces:Array(Tuple(UInt16, UInt16, Int8, UInt8, UInt8))},
    cuts = {cuts:Array(Tuple(Int64, Int64, Int32))}
  )
  WHERE actor_type = 'user' OR {actors:String} = 'all'
  UNION ALL
  SELECT toDate32(arrayJoin(range((arrayJoin({dates:Array(Tuple(Int32, Int32))}) AS run).1, run.2 + 1))) AS local_day, 0 AS user_ref, 0 AS is_active
)
GROUP BY week
ORDER BY week
