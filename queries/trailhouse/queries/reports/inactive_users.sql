/*
title: Inactive users
question: Who has not logged in for three months or more?
source: [P8]
counts: people who were active before the period and did not log in within it; who never came after an invitation is no user yet
terms: [inactive-user, login, person, last, masked-user]
chart: table
ties: who never logged in first, then the longest ago, then the user's identity by code point, then the organisation; decided before masking
last: 3m
semantics:
  port: {last: 3m, quote: 'users who haven''t logged in for 3 or more months.'}
explain: {where: "actor_type = 'user' AND NOT (is_login AND is_activity) AND org_id = {row_org:String} AND user_ref = toUInt64({row_ref:String})", text: 'what that person did in the period without logging in'}
parameters:
  limit: {type: UInt32, default: 1000, minimum: 1, maximum: 100000, text: 'rows at most'}
columns:
  user: {type: text, unit: identity, text: 'the actor id, else e-mail; `u_` and 16 hex digits for callers who may not read personal data'}
  org: {type: text, unit: organisation, text: 'where they do not log in; somebody of two organisations may have a row in each'}
  last_login: {type: time, unit: RFC 3339 in the time zone asked for, text: 'the last login that succeeded, before the period; empty where there was none'}
  ref: {type: text, unit: keyed hash, text: who it is, is_hidden: true}
*/
WITH fromUnixTimestamp64Milli(({ranges:Array(Tuple(Int64, Int64))}[1]).1, 'UTC') AS since
SELECT if({read_pii:Bool} AND identity != '', identity, masked) AS user, org_id AS org, last_login, ref
FROM (
  SELECT
    known.org_id AS org_id,
    concat('u_', lower(leftPad(hex(known.user_ref), 16, '0'))) AS masked,
    identity,
    nullIf(logins.at, toDateTime64(0, 3, 'UTC')) AS last_login,
    toString(known.user_ref) AS ref,
    row_number() OVER (ORDER BY logins.at ASC, if(identity = '', masked, identity) ASC, org_id ASC) AS place
  FROM (
    SELECT org_id, user_ref
    FROM newcomers
    WHERE org_id IN {orgs:Array(String)} AND actor_type = 'user'
    GROUP BY org_id, user_ref
    HAVING min(first) < since
  ) AS known
  LEFT JOIN (
    -- The months before the period's first, the days before that month's day, and what came before it on that day.
    SELECT org_id, user_ref, max(login) AS at
    FROM (
      SELECT org_id, user_ref, last_login AS login
      FROM actors
      WHERE org_id IN {orgs:Array(String)} AND month < toStartOfMonth(toDate(since))
      UNION ALL
      SELECT org_id, user_ref, last_login AS login
      FROM user_days
      WHERE org_id IN {orgs:Array(String)} AND day >= toStartOfMonth(toDate(since)) AND day < toDate(since)
      UNION ALL
      SELECT org_id, user_ref, occurred_at AS login
      FROM events
      WHERE org_id IN {orgs:Array(String)} AND toDate(occurred_at) = toDate(since) AND occurred_at < since AND is_login AND is_activity AND user_ref != 0
    )
    GROUP BY org_id, user_ref
  ) AS logins ON known.org_id = logins.org_id AND known.user_ref = logins.user_ref
  LEFT JOIN names_in(orgs = {orgs:Array(String)}) AS directory ON known.org_id = directory.org_id AND known.user_ref = directory.user_ref
  WHERE (known.org_id, known.user_ref) NOT IN (
    SELECT org_id, user_ref
    FROM login_days_in(orgs = {orgs:Array(String)}, pieces = {pieces:Array(Tuple(UInt16, UInt16, Int8, UInt8, UInt8))}, cuts = {cuts:Array(Tuple(Int64, Int64, Int32))})
  )
)
ORDER BY place
LIMIT {limit:UInt32}
