/*
title: Most active users
question: Who was active on the most days?
source: [WS7, A8]
counts: local days on which the person had at least one event that counts as activity
terms: [active-user, active-day, person, activity, period, local-day, masked-user]
chart: table
ties: more active days first, then the later last activity, then the user's identity by code point, then the organisation; decided before masking
last: 30d
semantics:
  wandb-saas: {last: 30d, since: '2025-05-09', parameters: {limit: 10}, quote: 'Most active user: top-10 users ranked by active days and last-active date. … A user is active if they perform any auditable action scoped to the organization after May 8 2025.'}
explain: {where: "is_activity AND user_ref != 0 AND (actor_type = 'user' OR {actors:String} = 'all') AND toString(user_ref) = {row_ref:String}", column: active_days, is: uniqExact(local_day)}
parameters:
  actors: {type: String, default: people, choices: [people, all], text: 'whose activity counts; all adds service accounts and systems'}
  limit: {type: UInt32, default: 10, minimum: 1, maximum: 100000, text: 'rows at most'}
columns:
  rank: {type: integer, unit: place, text: '1 is the most active'}
  user: {type: text, unit: identity, text: 'the actor id, else e-mail; `u_` and 16 hex digits for callers who may not read personal data'}
  active_days: {type: integer, unit: days, text: 'local days with activity in the period'}
  last_active: {type: time, unit: RFC 3339 in the time zone asked for, text: 'the last activity inside the period'}
  ref: {type: text, unit: keyed hash, text: who it is, is_hidden: true}
*/
SELECT
  row_number() OVER (ORDER BY active_days DESC, last_active DESC, if(identity = '', masked, identity) ASC, org_id ASC) AS rank,
  if({read_pii:Bool} AND identity != '', identity, masked) AS user,
  active_days,
  last_active,
  toString(user_ref) AS ref
FROM (
  SELECT
    org_id,
    user_ref,
    concat('u_', lower(leftPad(hex(user_ref), 16, '0'))) AS masked,
    -- An array of each person's days is made in less time than a set.
    length(arrayDistinct(groupArrayArray(local_days))) AS active_days,
    max(last) AS last_active
  FROM (
    SELECT org_id, user_ref, [toInt32(local_day)] AS local_days, last
    FROM active_days_in(
      orgs = {orgs:Array(String)},
      pieces = {pieces:Array(Tuple(UInt16, UInt16, Int8, UInt8, UInt8))},
      cuts = {cuts:Array(Tuple(Int64, Int64, Int32))}
    )
    WHERE actor_type = 'user' OR {actors:String} = 'all'
    UNION ALL
    -- In a UTC day that goes on after the period, the last moment of `user_days` may lie outside; the event itself tells.
    SELECT org_id, user_ref, emptyArrayInt32() AS local_days, max(occurred_at) AS last
    FROM events
    WHERE org_id IN {orgs:Array(String)}
      AND toDate(occurred_at) IN (
        SELECT toDate(fromUnixTimestamp64Milli(arrayJoin(arrayFilter(
          until -> until % 86400000 != 0,
          arrayMap(instants -> instants.2, {ranges:Array(Tuple(Int64, Int64))})
        )), 'UTC'))
      )
      AND is_activity
      AND user_ref != 0
      AND (actor_type = 'user' OR {actors:String} = 'all')
      AND arrayExists(
        instants -> toUnixTimestamp64Milli(occurred_at) >= instants.1 AND toUnixTimestamp64Milli(occurred_at) < instants.2,
        {ranges:Array(Tuple(Int64, Int64))}
      )
    GROUP BY org_id, user_ref
  )
  GROUP BY org_id, user_ref
) AS active
LEFT JOIN names_in(orgs = {orgs:Array(String)}) AS directory USING (org_id, user_ref)
ORDER BY rank
LIMIT {limit:UInt32}
