/*
title: Failed logins
question: Whose logins failed, from where, and did one succeed after all?
source: [SP1]
counts: logins that failed or were refused, each once, by whoever was named, by address, or by both
terms: [failed-login, event, period, masked-user, masked-address]
chart: table
ties: more attempts first, then the later last attempt, then the organisation, then identity and hash of the address by code point; decided before masking
last: 30d
explain:
  where: >-
    action = 'user:login' AND outcome IN ('failure', 'denied') AND org_id = {row_org:String}
    AND ({by:String} = 'address' OR toString(user_ref) = {row_ref:String})
    AND ({by:String} = 'actor' OR toString(address_ref) = {row_address_ref:String})
  column: attempts
  is: count()
parameters:
  by: {type: String, default: actor, choices: [actor, address, pair], text: 'a row for each actor, for each address, or for each pair of them'}
  minimum: {type: UInt32, default: 5, minimum: 1, maximum: 1000000, text: 'attempts that make a row'}
  limit: {type: UInt32, default: 100, minimum: 1, maximum: 100000, text: 'rows at most'}
columns:
  org: {type: text, unit: organisation, text: 'the organisation it happened in'}
  user: {type: text, unit: identity, text: 'the actor id, else e-mail; `u_` and 16 hex digits for callers who may not read personal data; empty by address, and where nobody was named'}
  address: {type: text, unit: address, text: '`a_` and 16 hex digits, a keyed hash, for callers who may not read personal data; empty by actor, and where none is known'}
  attempts: {type: integer, unit: events, text: 'logins that failed'}
  users: {type: integer, unit: users, text: 'distinct actors that were tried'}
  addresses: {type: integer, unit: addresses, text: 'distinct addresses they were tried from'}
  first: {type: time, unit: RFC 3339 in the time zone asked for, text: 'the first of them'}
  last: {type: time, unit: RFC 3339 in the time zone asked for, text: 'the last of them'}
  success: {type: time, unit: RFC 3339 in the time zone asked for, text: 'the first login of the same row that succeeded, in the period, after as many as `minimum` had failed; empty where none did'}
  ref: {type: text, unit: keyed hash, text: who it is, is_hidden: true}
  address_ref: {type: text, unit: keyed hash, text: which address it is, is_hidden: true}
*/
WITH shown AS (
  SELECT
    org_id, tried.user_ref AS user_ref, tried.address_ref AS address_ref, attempts, users, addresses, first, latest, success, identity,
    if(user_ref = 0, '', concat('u_', lower(leftPad(hex(user_ref), 16, '0')))) AS masked,
    if(address_ref = 0, '', concat('a_', lower(leftPad(hex(address_ref), 16, '0')))) AS masked_address,
    row_number() OVER (ORDER BY attempts DESC, latest.1 DESC, org_id ASC, if(identity = '', masked, identity) ASC, masked_address ASC) AS place
  FROM (
    SELECT
      org_id,
      if({by:String} = 'address', 0, logins.user_ref) AS user_ref,
      if({by:String} = 'actor', 0, logins.address_ref) AS address_ref,
      countIf(has_failed) AS attempts,
      uniqExactIf(logins.user_ref, has_failed AND logins.user_ref != 0) AS users,
      uniqExactIf(logins.address_ref, has_failed AND logins.address_ref != 0) AS addresses,
      minIf(occurred_at, has_failed) AS first,
      maxIf((occurred_at, event_id), has_failed) AS latest,
      arraySort(groupArrayIf(occurred_at, has_failed))[{minimum:UInt32}] AS alarmed_at,
      arrayFilter(at -> at > alarmed_at, groupArrayIf(occurred_at, NOT has_failed)) AS successes,
      if(notEmpty(successes), arrayMin(successes), NULL) AS success
    FROM (
      SELECT org_id, user_ref, address_ref, occurred_at, event_id, outcome IN ('failure', 'denied') AS has_failed
      FROM notable FINAL
      WHERE org_id IN {orgs:Array(String)}
        AND category = 'access'
        AND action = 'user:login'
        -- Bounds of the whole period, spelled as constants so that partitions and the primary key are used.
        AND toDate(occurred_at) >= toDate(fromUnixTimestamp64Milli(({ranges:Array(Tuple(Int64, Int64))}[1]).1, 'UTC'))
        AND toDate(occurred_at) <= toDate(fromUnixTimestamp64Milli(({ranges:Array(Tuple(Int64, Int64))}[-1]).2, 'UTC'))
        AND occurred_at >= fromUnixTimestamp64Milli(({ranges:Array(Tuple(Int64, Int64))}[1]).1, 'UTC')
        AND occurred_at < fromUnixTimestamp64Milli(({ranges:Array(Tuple(Int64, Int64))}[-1]).2, 'UTC')
        AND (length({ranges:Array(Tuple(Int64, Int64))}) = 1 OR arrayExists(
          instants -> toUnixTimestamp64Milli(occurred_at) >= instants.1 AND toUnixTimestamp64Milli(occurred_at) < instants.2,
          {ranges:Array(Tuple(Int64, Int64))}
        ))
      SETTINGS do_not_merge_across_partitions_select_final = 1
    ) AS logins
    GROUP BY org_id, user_ref, address_ref
    HAVING attempts >= {minimum:UInt32}
  ) AS tried
  LEFT JOIN names_in(orgs = {orgs:Array(String)}) AS directory USING (org_id, user_ref)
  ORDER BY place
  LIMIT {limit:UInt32}
)
SELECT
  org_id AS org,
  if({read_pii:Bool} AND identity != '', identity, masked) AS user,
  if(masked_address != '' AND plain.address != '', plain.address, masked_address) AS address,
  attempts,
  users,
  addresses,
  first,
  latest.1 AS last,
  success,
  toString(user_ref) AS ref,
  toString(address_ref) AS address_ref
FROM shown
LEFT JOIN (
  SELECT org_id, event_id, any(pii['actor_ip']) AS address
  FROM event_pii
  WHERE {read_pii:Bool}
    AND {by:String} != 'actor'
    AND (org_id, toDate(occurred_at), event_id) IN (SELECT org_id, toDate(latest.1), latest.2 FROM shown)
  GROUP BY org_id, event_id
) AS plain ON shown.org_id = plain.org_id AND shown.latest.2 = plain.event_id
ORDER BY place
