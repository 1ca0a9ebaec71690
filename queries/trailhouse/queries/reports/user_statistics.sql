/*
title: User statistics
question: How many people are there, how many are active and new, and how often do they log in?
source: [K2, K3]
counts: active people and people active for the first time ever in the period, everybody the directory has as a member now, and logins of people that succeeded in the period
terms: [active-user, person, activity, period, newcomer, total-users, login]
chart: table
last: 30d
semantics:
  kroolo: {last: 30d, quote: 'User Activity Report: A summary of user activity.'}
explain: {where: "is_activity AND user_ref != 0 AND actor_type = 'user'", column: active_users, is: uniqExact(user_ref)}
columns:
  active_users: {type: integer, unit: users, text: 'distinct people active in the period'}
  new_users: {type: integer, unit: users, text: 'of them, those who had never been active before'}
  total_users: {type: integer, unit: users, text: 'people who are members now', is_now: true}
  logins: {type: integer, unit: events, text: 'logins of people that succeeded in the period'}
*/
SELECT sum(active) AS active_users, sum(fresh) AS new_users, sum(members) AS total_users, sum(entries) AS logins
FROM (
  SELECT uniqExact(user_ref) AS active, 0 AS fresh, 0 AS members, 0 AS entries
  FROM active_in(
    orgs = {orgs:Array(String)},
    stretches = {stretches:Array(Tuple(UInt16, UInt16, UInt8, UInt8))},
    cuts = {cuts:Array(Tuple(Int64, Int64, Int32))}
  )
  WHERE actor_type = 'user'
  UNION ALL
  SELECT 0, countIf(arrayExists(instants -> first_ms >= instants.1 AND first_ms < instants.2, {ranges:Array(Tuple(Int64, Int64))})), 0, 0
  FROM (
    SELECT toUnixTimestamp64Milli(min(newcomers.first)) AS first_ms
    FROM newcomers
    WHERE org_id IN {orgs:Array(String)} AND actor_type = 'user'
    GROUP BY org_id, user_ref
  )
  UNION ALL
  SELECT 0, 0, count(), 0 FROM staff_in(orgs = {orgs:Array(String)}) WHERE kind = 'user' AND status = 'member'
  UNION ALL
  SELECT 0, 0, 0, count()
  FROM notable FINAL
  WHERE org_id IN {orgs:Array(String)}
    AND category = 'access'
    -- Bounds of the whole period, spelled as constants so that partitions and the primary key are used.
    AND toDate(occurred_at) >= toDate(fromUnixTimestamp64Milli(({ranges:Array(Tuple(Int64, Int64))}[1]).1, 'UTC'))
    AND toDate(occurred_at) <= toDate(fromUnixTimestamp64Milli(({ranges:Array(Tuple(Int64, Int64))}[-1]).2, 'UTC'))
    AND is_login
    AND is_activity
    AND user_ref != 0
    AND actor_type = 'user'
    AND occurred_at >= fromUnixTimestamp64Milli(({ranges:Array(Tuple(Int64, Int64))}[1]).1, 'UTC')
    AND occurred_at < fromUnixTimestamp64Milli(({ranges:Array(Tuple(Int64, Int64))}[-1]).2, 'UTC')
    AND (length({ranges:Array(Tuple(Int64, Int64))}) = 1 OR arrayExists(
      instants -> toUnixTimestamp64Milli(occurred_at) >= instants.1 AND toUnixTimestamp64Milli(occurred_at) < instants.2,
      {ranges:Array(Tuple(Int64, Int64))}
    ))
  SETTINGS do_not_merge_across_partitions_select_final = 1
)
