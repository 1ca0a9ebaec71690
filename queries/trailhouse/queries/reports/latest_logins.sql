/*
title: Latest logins
question: Who logged in within the last seven days?
source: [P9]
counts: people with a login that succeeded in the period, each once with their last
terms: [login, person, period, masked-user]
chart: table
ties: the later login first, then the user's identity by code point, then the organisation; decided before masking
last: 7d
semantics:
  port: {last: 7d, quote: 'users who have logged in within the last 7 days.'}
explain: {where: "is_login AND is_activity AND actor_type = 'user' AND org_id = {row_org:String} AND user_ref = toUInt64({row_ref:String})", text: 'the logins of that person in the period, the last of which it is'}
parameters:
  limit: {type: UInt32, default: 1000, minimum: 1, maximum: 100000, text: 'rows at most'}
columns:
  user: {type: text, unit: identity, text: 'the actor id, else e-mail; `u_` and 16 hex digits for callers who may not read personal data'}
  org: {type: text, unit: organisation, text: 'where they logged in; somebody of two organisations has a row in each'}
  last_login: {type: time, unit: RFC 3339 in the time zone asked for, text: 'the last login of the period'}
  ref: {type: text, unit: keyed hash, text: who it is, is_hidden: true}
*/
SELECT if({read_pii:Bool} AND identity != '', identity, masked) AS user, org_id AS org, last_login, ref
FROM (
  SELECT
    logins.org_id AS org_id,
    concat('u_', lower(leftPad(hex(logins.user_ref), 16, '0'))) AS masked,
    identity,
    logins.last_login AS last_login,
    toString(logins.user_ref) AS ref,
    row_number() OVER (ORDER BY last_login DESC, if(identity = '', masked, identity) ASC, org_id ASC) AS place
  FROM (
    SELECT org_id, user_ref, max(at) AS last_login
    FROM (
      SELECT org_id, user_ref, last_login AS at
      FROM user_days
      WHERE org_id IN {orgs:Array(String)}
        AND day >= toDate(fromUnixTimestamp64Milli(({ranges:Array(Tuple(Int64, Int64))}[1]).1, 'UTC'))
        AND day <= toDate(fromUnixTimestamp64Milli(({ranges:Array(Tuple(Int64, Int64))}[-1]).2 - 1, 'UTC'))
        AND actor_type = 'user'
      UNION ALL
      -- In a UTC day that goes on after the period, the last login may lie outside; the event itself tells.
      SELECT org_id, user_ref, occurred_at AS at
      FROM events
      WHERE org_id IN {orgs:Array(String)}
        AND toDate(occurred_at) IN (
          SELECT toDate(fromUnixTimestamp64Milli(arrayJoin(arrayFilter(
            until -> until % 86400000 != 0,
            arrayMap(instants -> instants.2, {ranges:Array(Tuple(Int64, Int64))})
          )), 'UTC'))
        )
        AND is_login
        AND is_activity
        AND user_ref != 0
        AND actor_type = 'user'
    )
    WHERE arrayExists(
      instants -> toUnixTimestamp64Milli(at) >= instants.1 AND toUnixTimestamp64Milli(at) < instants.2,
      {ranges:Array(Tuple(Int64, Int64))}
    )
    GROUP BY org_id, user_ref
  ) AS logins
  LEFT JOIN names_in(orgs = {orgs:Array(String)}) AS directory ON logins.org_id = directory.org_id AND logins.user_ref = directory.user_ref
)
ORDER BY place
LIMIT {limit:UInt32}
