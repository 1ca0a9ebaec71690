/*
title: Last logins
question: When did each user last log in?
source: [K4]
counts: the last login that succeeded in the period, of everybody the directory knows, under whichever of their identities
terms: [person, login, period, total-users, masked-user]
chart: table
ties: the later login first, those without one last, then the user's identity by code point, then the organisation; decided before masking
last: 90d
semantics:
  kroolo: {quote: 'Last Login Details: The last login timestamp for each user.'}
explain: {where: "org_id = {row_org:String} AND is_login AND is_activity AND (actor_type = 'user' OR {actors:String} = 'all') AND has(arrayMap(ref -> toUInt64(ref), splitByChar(',', {row_refs:String})), user_ref)", text: 'the logins of that person in the period'}
parameters:
  actors: {type: String, default: people, choices: [people, all], text: 'who is listed; all adds service accounts and systems'}
  limit: {type: UInt32, default: 100, minimum: 1, maximum: 100000, text: 'rows at most'}
columns:
  user: {type: text, unit: identity, text: 'the actor id, else e-mail; `u_` and 16 hex digits for callers who may not read personal data'}
  org: {type: text, unit: organisation, text: 'whose directory has them; somebody of two organisations has a row in each'}
  status: {type: text, unit: word, text: '`member`, `invited`, `withdrawn` or `deactivated`'}
  last_login: {type: time, unit: RFC 3339 in the time zone asked for, text: 'the last login inside the period; empty where there is none'}
  refs: {type: text, unit: keyed hashes, text: who it is, is_hidden: true}
*/
SELECT
  if({read_pii:Bool} AND identity != '', identity, masked) AS user,
  org_id AS org,
  status,
  last_login,
  arrayStringConcat(user_refs, ',') AS refs
FROM (
  SELECT
    org_id,
    identity,
    status,
    user_refs,
    concat('u_', lower(leftPad(hex(person_ref), 16, '0'))) AS masked,
    nullIf(max(logins.at), toDateTime64(0, 3, 'UTC')) AS last_login
  FROM (
    SELECT org_id, person_ref, identity, status, user_refs, arrayJoin(user_refs) AS user_ref
    FROM staff_in(orgs = {orgs:Array(String)})
    WHERE kind = 'user' OR {actors:String} = 'all'
  ) AS staff
  LEFT JOIN (
    SELECT org_id, user_ref, max(login_at) AS at
    FROM (
      SELECT org_id, user_ref, last_login AS login_at
      FROM user_days
      WHERE org_id IN {orgs:Array(String)}
        -- Bounds of the whole period, spelled as constants so that partitions and the primary key are used.
        AND day >= toDate(fromUnixTimestamp64Milli(({ranges:Array(Tuple(Int64, Int64))}[1]).1, 'UTC'))
        AND day <= toDate(fromUnixTimestamp64Milli(({ranges:Array(Tuple(Int64, Int64))}[-1]).2, 'UTC'))
        AND arrayExists(
          instants -> toUnixTimestamp64Milli(last_login) >= instants.1 AND toUnixTimestamp64Milli(last_login) < instants.2,
          {ranges:Array(Tuple(Int64, Int64))}
        )
      UNION ALL
      -- In a UTC day that goes on after the period, the last login may lie outside; the event itself tells.
      SELECT org_id, user_ref, occurred_at AS login_at
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
        AND arrayExists(
          instants -> toUnixTimestamp64Milli(occurred_at) >= instants.1 AND toUnixTimestamp64Milli(occurred_at) < instants.2,
          {ranges:Array(Tuple(Int64, Int64))}
        )
    )
    GROUP BY org_id, user_ref
  ) AS logins ON staff.org_id = logins.org_id AND staff.user_ref = logins.user_ref
  GROUP BY org_id, person_ref, identity, status, user_refs
)
ORDER BY last_login DESC NULLS LAST, if(identity = '', masked, identity) ASC, org_id ASC
LIMIT {limit:UInt32}
