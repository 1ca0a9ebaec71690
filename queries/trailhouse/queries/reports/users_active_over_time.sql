/*
title: Users active over time
question: How many people were active on each day?
source: [WD10]
counts: people with at least one event that counts as activity on that local day, each once a day
terms: [active-user, person, activity, period, local-day]
chart: line
last: 30d
semantics:
  wandb-dedicated: {last: 6m, quote: 'Users active over time: fluctuation of active users over the period (defaults to 6 months). Hover over a point to see the exact count on that date.'}
explain: {where: "is_activity AND user_ref != 0 AND (actor_type = 'user' OR {actors:String} = 'all')", bucket: day, column: active_users, is: uniqExact(user_ref)}
parameters:
  actors: {type: String, default: people, choices: [people, all], text: 'whose activity counts; all adds service accounts and systems'}
columns:
  day: {type: date, unit: local day, text: 'every local day of the period, oldest first'}
  active_users: {type: integer, unit: users, text: 'distinct users active on that day; 0 where nobody was'}
*/
SELECT local_day AS day, uniqExactIf(user_ref, is_active) AS active_users
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
GROUP BY day
ORDER BY day
