/*
title: Activity outside working hours
question: Who was active in the night or at the weekend?
source: [SP6]
counts: quarter-hours in which a person was active, by the local time at which each begins in the time zone asked for
terms: [working-hours, person, activity, period, local-day, masked-user]
chart: table
ties: more quarter-hours outside first, then more in all, then the organisation, then the identity by code point; decided before masking
last: 30d
explain:
  where: >-
    is_activity AND user_ref != 0 AND org_id = {row_org:String} AND toString(user_ref) = {row_ref:String} AND (actor_type = 'user' OR {actors:String} = 'all')
    AND NOT (
      has(if({starts:UInt32} <= {ends:UInt32}, range({starts:UInt32}, {ends:UInt32}), arrayConcat(range({starts:UInt32}, 24), range({ends:UInt32}))), intDiv((toUnixTimestamp64Milli(occurred_at) + arrayFirst(span -> toUnixTimestamp64Milli(occurred_at) >= span.1 AND toUnixTimestamp64Milli(occurred_at) < span.2, {spans:Array(Tuple(Int64, Int64, Int32))}).3 * 1000), 3600000) % 24)
      AND position(multiIf({weekdays:String} = 'mon-fri', '12345', {weekdays:String} = 'mon-sat', '123456', {weekdays:String} = 'sun-thu', '71234', {weekdays:String} = 'every', '1234567', ''), toString(toDayOfWeek(toDate32(intDiv((toUnixTimestamp64Milli(occurred_at) + arrayFirst(span -> toUnixTimestamp64Milli(occurred_at) >= span.1 AND toUnixTimestamp64Milli(occurred_at) < span.2, {spans:Array(Tuple(Int64, Int64, Int32))}).3 * 1000), 86400000))))) > 0
    )
  column: quarter_hours
  is: uniqExact(toStartOfFifteenMinutes(occurred_at))
parameters:
  starts: {type: UInt32, default: 8, minimum: 0, maximum: 24, text: 'the hour at which a working day begins'}
  ends: {type: UInt32, default: 18, minimum: 0, maximum: 24, text: 'the hour at which it ends; one before `starts` = work goes on over midnight, and both parts belong to their own days'}
  weekdays: {type: String, default: mon-fri, choices: [mon-fri, mon-sat, sun-thu, every, none], text: 'the days on which work is done'}
  actors: {type: String, default: people, choices: [people, all], text: 'whose activity counts; all adds service accounts and systems'}
  minimum: {type: UInt32, default: 1, minimum: 1, maximum: 1000000, text: 'quarter-hours outside that make a row'}
  limit: {type: UInt32, default: 100, minimum: 1, maximum: 100000, text: 'rows at most'}
columns:
  org: {type: text, unit: organisation, text: 'the organisation it happened in'}
  user: {type: text, unit: identity, text: 'the actor id, else e-mail; `u_` and 16 hex digits for callers who may not read personal data'}
  quarter_hours: {type: integer, unit: quarter-hours, text: 'with activity, outside working hours'}
  active: {type: integer, unit: quarter-hours, text: 'with activity, at any time'}
  share: {type: number, unit: percent, text: 'of its activity that lies outside, in quarter-hours'}
  days: {type: integer, unit: days, text: 'local days with activity outside working hours'}
  ref: {type: text, unit: keyed hash, text: who it is, is_hidden: true}
*/
WITH
  if({starts:UInt32} <= {ends:UInt32}, range({starts:UInt32}, {ends:UInt32}), arrayConcat(range({starts:UInt32}, 24), range({ends:UInt32}))) AS hours,
  multiIf({weekdays:String} = 'mon-fri', '12345', {weekdays:String} = 'mon-sat', '123456', {weekdays:String} = 'sun-thu', '71234', {weekdays:String} = 'every', '1234567', '') AS workdays
SELECT
  org_id AS org,
  if({read_pii:Bool} AND identity != '', identity, masked) AS user,
  quarter_hours,
  active,
  round(100 * quarter_hours / active, 1) AS share,
  days,
  toString(user_ref) AS ref
FROM (
  SELECT
    org_id,
    user_ref,
    concat('u_', lower(leftPad(hex(user_ref), 16, '0'))) AS masked,
    sum(outside) + uniqExactIf(cut_slot, cut_slot >= 0 AND is_outside) AS quarter_hours,
    sum(whole) + uniqExactIf(cut_slot, cut_slot >= 0) AS active,
    uniqExactIf(local_day, is_outside) AS days
  FROM (
    SELECT
      org_id, user_ref, local_day,
      bitCount(bitAnd(used, mask)) AS whole,
      bitCount(bitAnd(used, outside_mask)) AS outside,
      outside > 0 AS is_outside,
      toInt64(-1) AS cut_slot
    FROM (
      SELECT org_id, user_ref, day, groupBitOr(slots) AS used
      FROM user_days
      WHERE org_id IN {orgs:Array(String)}
        AND (actor_type = 'user' OR {actors:String} = 'all')
        -- Bounds of the whole period, spelled as constants so that partitions and the primary key are used.
        AND day >= toDate(fromUnixTimestamp64Milli(({spans:Array(Tuple(Int64, Int64, Int32))}[1]).1, 'UTC'))
        AND day <= toDate(fromUnixTimestamp64Milli(({spans:Array(Tuple(Int64, Int64, Int32))}[-1]).2 - 1, 'UTC'))
      GROUP BY org_id, user_ref, day
    ) AS active_days
    INNER JOIN (
      SELECT day, local_day, mask, groupBitOr(if(is_working, toUInt128(0), bitShiftLeft(toUInt128(1), slot))) AS outside_mask
      FROM (
        SELECT
          arrayJoin({pieces:Array(Tuple(UInt16, UInt16, Int8, UInt8, UInt8))}) AS piece,
          toDate(arrayJoin(range(piece.1, piece.2 + 1))) AS day,
          toDate32(day) + piece.3 AS local_day,
          bitShiftLeft(toUInt128(1), piece.5) - bitShiftLeft(toUInt128(1), piece.4) AS mask,
          arrayJoin(range(piece.4, piece.5)) AS slot,
          toInt64(toUInt16(day)) * 86400000 + slot * 900000 AS start,
          start + arrayFirst(span -> start >= span.1 AND start < span.2, {spans:Array(Tuple(Int64, Int64, Int32))}).3 * 1000 AS local,
          has(hours, intDiv(local, 3600000) % 24) AND position(workdays, toString(toDayOfWeek(local_day))) > 0 AS is_working
      )
      GROUP BY day, local_day, mask
    ) AS quarters ON active_days.day = quarters.day
    WHERE whole > 0
    UNION ALL
    -- Quarter-hours that a bound of the period or a change of the clock cuts.
    SELECT
      org_id, user_ref, toDate32(cut.3) AS local_day,
      0 AS whole,
      0 AS outside,
      NOT (
        has(hours, intDiv(toUnixTimestamp64Milli(occurred_at) + arrayFirst(span -> cut.1 >= span.1 AND cut.1 < span.2, {spans:Array(Tuple(Int64, Int64, Int32))}).3 * 1000, 3600000) % 24)
        AND position(workdays, toString(toDayOfWeek(local_day))) > 0
      ) AS is_outside,
      intDiv(toUnixTimestamp64Milli(occurred_at), 900000) AS cut_slot
    FROM events
    ARRAY JOIN {cuts:Array(Tuple(Int64, Int64, Int32))} AS cut
    WHERE org_id IN {orgs:Array(String)}
      AND toDate(occurred_at) IN (SELECT toDate(fromUnixTimestamp64Milli(arrayJoin({cuts:Array(Tuple(Int64, Int64, Int32))}).1, 'UTC')))
      AND is_activity
      AND user_ref != 0
      AND (actor_type = 'user' OR {actors:String} = 'all')
      AND occurred_at >= fromUnixTimestamp64Milli(cut.1, 'UTC')
      AND occurred_at < fromUnixTimestamp64Milli(cut.2, 'UTC')
  )
  GROUP BY org_id, user_ref
  HAVING quarter_hours >= {minimum:UInt32}
) AS found
LEFT JOIN names_in(orgs = {orgs:Array(String)}) AS directory USING (org_id, user_ref)
ORDER BY quarter_hours DESC, active DESC, org_id ASC, if(identity = '', masked, identity) ASC
LIMIT {limit:UInt32}
