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
  FROM activity_in(
    orgs = {orgs:Array(String)},
    spans = {spans:Array(Tuple(Int64, Int64, Int32))},
    cuts = {cuts:Array(Tuple(Int64, Int64, Int32))}
  )
  WHERE actor_type = 'user' OR {actors:String} = 'all'
  UNION ALL
  SELECT local_day, 0 AS user_ref, 0 AS is_active
  FROM calendar(spans = {spans:Array(Tuple(Int64, Int64, Int32))})
)
GROUP BY day
ORDER BY day
