/*
title: Leaderboard
question: Who was active on the most days this week, this month or last month?
source: [K8, A7, A8]
counts: local days of the week or month on which the person had at least one event that counts as activity
terms: [active-user, active-day, person, activity, period, week, month, local-day, leaderboard-span, masked-user]
chart: table
ties: more active days first, then the later last activity, then the user's identity by code point, then the organisation; decided before masking
last: 2m
semantics:
  kroolo: {parameters: {span: week}, quote: "You can filter the leaderboard data by weekly, monthly, or last month's statistics."}
explain: {where: "is_activity AND user_ref != 0 AND (actor_type = 'user' OR {actors:String} = 'all') AND user_ref = toUInt64({row_ref:String}) AND local_day >= {row_first_day:Date} AND local_day <= {row_last_day:Date}", column: active_days, is: uniqExact(local_day)}
parameters:
  span: {type: String, default: week, choices: [week, seven_days, month, last_month], text: 'counted from the last day of the period: the week it is in, the 7 days up to it, the calendar month it is in, or the one before'}
  actors: {type: String, default: people, choices: [people, all], text: 'whose activity counts; all adds service accounts and systems'}
  limit: {type: UInt32, default: 10, minimum: 1, maximum: 100000, text: 'rows at most'}
columns:
  rank: {type: integer, unit: place, text: '1 is the most active'}
  user: {type: text, unit: identity, text: 'the actor id, else e-mail; `u_` and 16 hex digits for callers who may not read personal data'}
  active_days: {type: integer, unit: days, text: 'local days with activity in those days'}
  last_active: {type: time, unit: RFC 3339 in the time zone asked for, text: 'the last activity in those days'}
  first_day: {type: date, unit: local day, text: 'the first day that counts'}
  last_day: {type: date, unit: local day, text: 'the last day that counts'}
  ref: {type: text, unit: keyed hash, text: who it is, is_hidden: true}
*/
WITH
  arrayReverse(arrayFlatten(arrayMap(run -> arrayMap(day -> toDate32(day), range(run.1, run.2 + 1)), {dates:Array(Tuple(Int32, Int32))}))) AS dates,
  dates[1] AS closing,
  toDate32(multiIf(
    {span:String} = 'week', closing - (toDayOfWeek(closing) + 7 - {week_start:UInt8}) % 7,
    {span:String} = 'seven_days', dates[least(7, length(dates))],
    {span:String} = 'month', toDate32(toStartOfMonth(closing)),
    toDate32(addMonths(toStartOfMonth(closing), -1))
  )) AS opening,
  toDate32(if({span:String} = 'last_month', toDate32(toStartOfMonth(closing)) - 1, closing)) AS ending,
  -- What those days are in instants.
  arrayFilter(instants -> instants.1 < instants.2, arrayMap(
    span -> (greatest(span.1, toInt64(toInt32(opening)) * 86400000 - span.3 * 1000), least(span.2, (toInt64(toInt32(ending)) + 1) * 86400000 - span.3 * 1000)),
    {spans:Array(Tuple(Int64, Int64, Int32))}
  )) AS shown
SELECT
  row_number() OVER (ORDER BY active_days DESC, last_active DESC, if(identity = '', masked, identity) ASC, org_id ASC) AS rank,
  if({read_pii:Bool} AND identity != '', identity, masked) AS user,
  active_days,
  last_active,
  greatest(opening, dates[-1]) AS first_day,
  ending AS last_day,
  toString(user_ref) AS ref
FROM (
  SELECT
    org_id,
    user_ref,
    concat('u_', lower(leftPad(hex(user_ref), 16, '0'))) AS masked,
    uniqExact(local_day) AS active_days,
    max(last) AS last_active
  FROM (
    SELECT org_id, user_ref, toNullable(local_day) AS local_day, last
    FROM active_days_in(
      orgs = {orgs:Array(String)},
      pieces = {pieces:Array(Tuple(UInt16, UInt16, Int8, UInt8, UInt8))},
      cuts = {cuts:Array(Tuple(Int64, Int64, Int32))}
    )
    WHERE local_day >= opening AND local_day <= ending AND (actor_type = 'user' OR {actors:String} = 'all')
    UNION ALL
    -- In a UTC day that goes on after those days, the last moment of `user_days` may lie outside; the event itself tells.
    SELECT org_id, user_ref, NULL AS local_day, max(occurred_at) AS last
    FROM events
    WHERE org_id IN {orgs:Array(String)}
      AND toDate(occurred_at) IN (SELECT toDate(fromUnixTimestamp64Milli(arrayJoin(arrayFilter(
        until -> until % 86400000 != 0 AND NOT has(arrayMap(instants -> instants.1, shown), until),
        arrayMap(instants -> instants.2, shown)
      )), 'UTC')))
      AND is_activity
      AND user_ref != 0
      AND (actor_type = 'user' OR {actors:String} = 'all')
      AND arrayExists(instants -> toUnixTimestamp64Milli(occurred_at) >= instants.1 AND toUnixTimestamp64Milli(occurred_at) < instants.2, shown)
    GROUP BY org_id, user_ref
  )
  GROUP BY org_id, user_ref
) AS active
LEFT JOIN names_in(orgs = {orgs:Array(String)}) AS directory USING (org_id, user_ref)
ORDER BY rank
LIMIT {limit:UInt32}
