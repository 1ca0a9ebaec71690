/*
title: API keys used after their rotation
question: Which API keys were still used after they had been deleted or rotated, and by whom?
source: [SP5]
counts: each key and each of its users with an event in the period that names the key and is later than the event that ended it
terms: [api-key, event, period, masked-user]
chart: table
ties: the later last use first, then the organisation, then the key by code point, then the user's hash
last: 30d
explain:
  where: >-
    attributes['api_key_id'] = {row_key:String} AND org_id = {row_org:String} AND toString(user_ref) = {row_ref:String} AND actor_type = {row_actor_type:String}
    AND occurred_at > {row_ended:DateTime64(3, 'UTC')}
    AND action NOT IN ('user:create_api_key', 'user:delete_api_key', 'user:rotate_api_key', 'key:create', 'key:revoke')
    AND attributes['api_key_id'] != ''
    AND arrayExists(ended -> ended.1 = org_id AND ended.2 = attributes['api_key_id'] AND ended.3 < occurred_at, (
      SELECT groupArray((org_id, key, at))
      FROM (
        SELECT org_id, attributes['api_key_id'] AS key, min(occurred_at) AS at
        FROM notable
        WHERE org_id IN {orgs:Array(String)} AND category IN ('access', 'user')
          AND action IN ('user:delete_api_key', 'user:rotate_api_key') AND outcome IN ('success', 'unknown')
        GROUP BY org_id, key
      )))
  column: quarter_hours
  is: >-
    uniqExactIf(intDiv(toUnixTimestamp64Milli(occurred_at), 900000), intDiv(toUnixTimestamp64Milli(occurred_at), 900000) * 900000 >= toUnixTimestamp64Milli({row_ended:DateTime64(3, 'UTC')}))
parameters:
  grace: {type: UInt32, default: 0, minimum: 0, maximum: 525600, text: 'minutes after its end in which a key may still be used'}
  limit: {type: UInt32, default: 100, minimum: 1, maximum: 100000, text: 'rows at most'}
columns:
  org: {type: text, unit: organisation, text: 'the organisation it happened in'}
  key: {type: text, unit: key id, text: 'the id of the key, as attribute `api_key_id` names it'}
  ended: {type: time, unit: RFC 3339 in the time zone asked for, text: 'when it was first deleted or rotated'}
  ended_by: {type: text, unit: identity, text: 'the actor id, else e-mail; `u_` and 16 hex digits for callers who may not read personal data; empty for nobody known'}
  user: {type: text, unit: identity, text: 'the actor id, else e-mail; `u_` and 16 hex digits for callers who may not read personal data: who used it; empty for nobody known'}
  actor_type: {type: text, unit: actor type, text: '`user`, `service_account`, `system`, `anonymous`'}
  last_use: {type: time, unit: RFC 3339 in the time zone asked for, text: 'when it was last used in the period'}
  quarter_hours: {type: integer, unit: quarter-hours, text: 'those of the period that began at its end or later in which it was used; 0 where it was used just after its end alone'}
  ref: {type: text, unit: keyed hash, text: who it is, is_hidden: true}
*/
WITH ended AS (
  SELECT org_id, api_key_id, min(ending) AS first_end
  FROM (
    -- Of an event that came twice, what the first copy said.
    SELECT org_id, event_id, argMax((occurred_at, event_id, user_ref), ver) AS ending, argMax(attributes['api_key_id'], ver) AS api_key_id
    FROM notable
    WHERE org_id IN {orgs:Array(String)}
      AND category IN ('access', 'user')
      AND action IN ('user:delete_api_key', 'user:rotate_api_key')
      AND outcome IN ('success', 'unknown')
      AND attributes['api_key_id'] NOT IN ('', '<token>')
    GROUP BY org_id, event_id
  )
  GROUP BY org_id, api_key_id
)
SELECT
  used.org_id AS org,
  api_key_id AS key,
  used.ended_at AS ended,
  multiIf(used.ended_ref = 0, '', {read_pii:Bool} AND enders.identity != '', enders.identity, concat('u_', lower(leftPad(hex(used.ended_ref), 16, '0')))) AS ended_by,
  multiIf(used.user_ref = 0, '', {read_pii:Bool} AND users.identity != '', users.identity, concat('u_', lower(leftPad(hex(used.user_ref), 16, '0')))) AS user,
  actor_type,
  used.last_use AS last_use,
  quarter_hours,
  toString(used.user_ref) AS ref
FROM (
  SELECT org_id, api_key_id, ended_at, ended_ref, user_ref, actor_type, max(last) AS last_use, toUInt64(sum(bitCount(slots_after))) AS quarter_hours
  FROM (
    SELECT
      org_id, api_key_id, user_ref, actor_type, day,
      any(first_end.1) AS ended_at,
      any(first_end.3) AS ended_ref,
      max(seen) AS last,
      -- Quarter-hours that begin at the end of the key or later.
      least(greatest(intDiv(toUnixTimestamp64Milli(ended_at) + 899999, 900000) - toInt64(toUInt16(day)) * 96, 0), 96) AS slot,
      bitAnd(groupBitOr(used_slots), bitShiftLeft(bitNot(toUInt128(0)), slot)) AS slots_after
    FROM (
      SELECT
        org_id, api_key_id, user_ref, actor_type, key_days.day AS day,
        bitAnd(slots, mask) AS used_slots,
        -- The last use of a UTC day that goes on after the period may lie outside; then the event itself tells.
        if(arrayExists(
          instants -> toUnixTimestamp64Milli(last) >= instants.1 AND toUnixTimestamp64Milli(last) < instants.2,
          {ranges:Array(Tuple(Int64, Int64))}
        ), last, NULL) AS seen
      FROM key_days
      INNER JOIN (
        SELECT
          arrayJoin({stretches:Array(Tuple(UInt16, UInt16, UInt8, UInt8))}) AS stretch,
          toDate(arrayJoin(range(stretch.1, stretch.2 + 1))) AS day,
          groupBitOr(bitShiftLeft(toUInt128(1), stretch.4) - bitShiftLeft(toUInt128(1), stretch.3)) AS mask
        GROUP BY day
      ) AS days ON key_days.day = days.day
      WHERE org_id IN {orgs:Array(String)}
        AND (org_id, api_key_id) IN (SELECT org_id, api_key_id FROM ended)
        AND key_days.day >= toDate(fromUnixTimestamp64Milli(({ranges:Array(Tuple(Int64, Int64))}[1]).1, 'UTC'))
        AND key_days.day <= toDate(fromUnixTimestamp64Milli(({ranges:Array(Tuple(Int64, Int64))}[-1]).2, 'UTC'))
      UNION ALL
      SELECT
        org_id, attributes['api_key_id'] AS api_key_id, user_ref, actor_type, toDate(occurred_at) AS day,
        bitShiftLeft(toUInt128(1), toHour(occurred_at) * 4 + intDiv(toMinute(occurred_at), 15)) AS used_slots,
        toNullable(occurred_at) AS seen
      FROM events
      WHERE org_id IN {orgs:Array(String)}
        AND toDate(occurred_at) IN (
          SELECT toDate(fromUnixTimestamp64Milli(arrayJoin(arrayConcat(
            arrayFilter(until -> until % 86400000 != 0, arrayMap(instants -> instants.2, {ranges:Array(Tuple(Int64, Int64))})),
            arrayMap(cut -> cut.1, {cuts:Array(Tuple(Int64, Int64, Int32))})
          )), 'UTC'))
        )
        AND attributes['api_key_id'] != ''
        AND action NOT IN ('user:create_api_key', 'user:delete_api_key', 'user:rotate_api_key', 'key:create', 'key:revoke')
        AND arrayExists(
          instants -> toUnixTimestamp64Milli(occurred_at) >= instants.1 AND toUnixTimestamp64Milli(occurred_at) < instants.2,
          {ranges:Array(Tuple(Int64, Int64))}
        )
    ) AS uses
    INNER JOIN ended USING (org_id, api_key_id)
    GROUP BY org_id, api_key_id, user_ref, actor_type, day
  )
  GROUP BY org_id, api_key_id, ended_at, ended_ref, user_ref, actor_type
  HAVING toUnixTimestamp64Milli(last_use) > toUnixTimestamp64Milli(ended_at) + {grace:UInt32} * 60000
) AS used
LEFT JOIN names_in(orgs = {orgs:Array(String)}) AS enders ON used.org_id = enders.org_id AND used.ended_ref = enders.user_ref
LEFT JOIN names_in(orgs = {orgs:Array(String)}) AS users ON used.org_id = users.org_id AND used.user_ref = users.user_ref
ORDER BY last_use DESC, org ASC, key ASC, used.user_ref ASC, actor_type ASC
LIMIT {limit:UInt32}
