/*
title: Active users
question: How many people were active?
source: [WD8, WD9, WS5]
counts: people with at least one event that counts as activity in the period, each once
terms: [active-user, person, activity, period, local-day]
chart: number
last: 30d
semantics:
  wandb-dedicated: {last: 3m, quote: 'Total active users: unique active users during the selected period (defaults to 3 months).'}
  wandb-saas: {last: 90d, since: '2025-05-09', quote: 'Active user count: unique active users during the selected period (defaults to 3 months). … A user is active if they perform any auditable action scoped to the organization after May 8 2025.'}
explain: {where: "is_activity AND user_ref != 0 AND (actor_type = 'user' OR {actors:String} = 'all')", column: active_users, is: uniqExact(user_ref)}
parameters:
  actors: {type: String, default: people, choices: [people, all], text: 'whose activity counts; all adds service accounts and systems'}
columns:
  active_users: {type: integer, unit: users, text: 'distinct active users in the whole period'}
*/
SELECT uniqExact(user_ref) AS active_users
FROM active_in(
  orgs = {orgs:Array(String)},
  stretches = {stretches:Array(Tuple(UInt16, UInt16, UInt8, UInt8))},
  cuts = {cuts:Array(Tuple(Int64, Int64, Int32))}
)
WHERE actor_type = 'user' OR {actors:String} = 'all'
