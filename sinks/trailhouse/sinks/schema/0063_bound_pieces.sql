-- What reports read of a period, with the period's days bound rather than computed: where a view makes local days of `spans`
-- (`calendar`), the engine plans that arithmetic anew in everything that joins it, and planning is most of what a report takes.
-- `pieces`: (first UTC day, last UTC day, days from the UTC to the local day, first slot, last slot excluded), the same
-- quarter-hours of each of these days, which lie in one local day; oldest first. `stretches`: the same for the period as a
-- whole, whatever the local day. Days are numbers since 1970. `cuts` as for `activity_in`. The caller finds them (trailhouse.queries.pieces).
-- A view `uncut_…` does not look at `cuts`: for periods that have none, which is nearly all, nothing about `events` is planned.
-- `active_days_in` is `activity_in`, `login_days_in` is `logins_in`, `day_counts_in` is `action_counts_in` and `page_views_in`
-- is `page_counts_in`. `active_in` tells who was active in the period, without days.
CREATE VIEW uncut_active_days_in AS
SELECT
  user_days.org_id AS org_id,
  days.local_day AS local_day,
  actor_type,
  user_ref,
  if(bitAnd(mask, bitShiftLeft(toUInt128(1), toHour(last) * 4 + intDiv(toMinute(last), 15))) != 0, last, NULL) AS last
FROM user_days
INNER JOIN (
  SELECT
    arrayJoin({pieces:Array(Tuple(UInt16, UInt16, Int8, UInt8, UInt8))}) AS piece,
    toDate(arrayJoin(range(piece.1, piece.2 + 1))) AS day,
    toDate32(day) + piece.3 AS local_day,
    bitShiftLeft(toUInt128(1), piece.5) - bitShiftLeft(toUInt128(1), piece.4) AS mask
) AS days ON user_days.day = days.day
WHERE org_id IN {orgs:Array(String)}
  -- Bounds of the whole period, spelled as constants so that partitions and the primary key are used.
  AND user_days.day >= toDate({pieces:Array(Tuple(UInt16, UInt16, Int8, UInt8, UInt8))}[1].1)
  AND user_days.day <= toDate({pieces:Array(Tuple(UInt16, UInt16, Int8, UInt8, UInt8))}[-1].2)
  AND bitAnd(slots, mask) != 0;

CREATE VIEW active_days_in AS
SELECT org_id, local_day, actor_type, user_ref, last
FROM uncut_active_days_in(orgs = {orgs:Array(String)}, pieces = {pieces:Array(Tuple(UInt16, UInt16, Int8, UInt8, UInt8))})
UNION ALL
SELECT org_id, toDate32(cut.3) AS local_day, actor_type, user_ref, occurred_at AS last
FROM events
ARRAY JOIN {cuts:Array(Tuple(Int64, Int64, Int32))} AS cut
WHERE org_id IN {orgs:Array(String)}
  AND toDate(occurred_at) IN (SELECT toDate(fromUnixTimestamp64Milli(arrayJoin({cuts:Array(Tuple(Int64, Int64, Int32))}).1, 'UTC')))
  AND is_activity
  AND user_ref != 0
  AND occurred_at >= fromUnixTimestamp64Milli(cut.1, 'UTC')
  AND occurred_at < fromUnixTimestamp64Milli(cut.2, 'UTC');

CREATE VIEW uncut_login_days_in AS
SELECT user_days.org_id AS org_id, days.local_day AS local_day, actor_type, user_ref
FROM user_days
INNER JOIN (
  SELECT
    arrayJoin({pieces:Array(Tuple(UInt16, UInt16, Int8, UInt8, UInt8))}) AS piece,
    toDate(arrayJoin(range(piece.1, piece.2 + 1))) AS day,
    toDate32(day) + piece.3 AS local_day,
    bitShiftLeft(toUInt128(1), piece.5) - bitShiftLeft(toUInt128(1), piece.4) AS mask
) AS days ON user_days.day = days.day
WHERE org_id IN {orgs:Array(String)}
  AND user_days.day >= toDate({pieces:Array(Tuple(UInt16, UInt16, Int8, UInt8, UInt8))}[1].1)
  AND user_days.day <= toDate({pieces:Array(Tuple(UInt16, UInt16, Int8, UInt8, UInt8))}[-1].2)
  AND bitAnd(logins, mask) != 0;

CREATE VIEW login_days_in AS
SELECT org_id, local_day, actor_type, user_ref
FROM uncut_login_days_in(orgs = {orgs:Array(String)}, pieces = {pieces:Array(Tuple(UInt16, UInt16, Int8, UInt8, UInt8))})
UNION ALL
SELECT org_id, toDate32(cut.3) AS local_day, actor_type, user_ref
FROM events
ARRAY JOIN {cuts:Array(Tuple(Int64, Int64, Int32))} AS cut
WHERE org_id IN {orgs:Array(String)}
  AND toDate(occurred_at) IN (SELECT toDate(fromUnixTimestamp64Milli(arrayJoin({cuts:Array(Tuple(Int64, Int64, Int32))}).1, 'UTC')))
  AND is_activity
  AND is_login
  AND user_ref != 0
  AND occurred_at >= fromUnixTimestamp64Milli(cut.1, 'UTC')
  AND occurred_at < fromUnixTimestamp64Milli(cut.2, 'UTC');

CREATE VIEW uncut_active_in AS
SELECT user_days.org_id AS org_id, actor_type, user_ref
FROM user_days
INNER JOIN (
  SELECT
    arrayJoin({stretches:Array(Tuple(UInt16, UInt16, UInt8, UInt8))}) AS stretch,
    toDate(arrayJoin(range(stretch.1, stretch.2 + 1))) AS day,
    bitShiftLeft(toUInt128(1), stretch.4) - bitShiftLeft(toUInt128(1), stretch.3) AS mask
) AS days ON user_days.day = days.day
WHERE org_id IN {orgs:Array(String)}
  AND user_days.day >= toDate({stretches:Array(Tuple(UInt16, UInt16, UInt8, UInt8))}[1].1)
  AND user_days.day <= toDate({stretches:Array(Tuple(UInt16, UInt16, UInt8, UInt8))}[-1].2)
  AND bitAnd(slots, mask) != 0;

CREATE VIEW active_in AS
SELECT org_id, actor_type, user_ref
FROM uncut_active_in(orgs = {orgs:Array(String)}, stretches = {stretches:Array(Tuple(UInt16, UInt16, UInt8, UInt8))})
UNION ALL
SELECT org_id, actor_type, user_ref
FROM events
ARRAY JOIN {cuts:Array(Tuple(Int64, Int64, Int32))} AS cut
WHERE org_id IN {orgs:Array(String)}
  AND toDate(occurred_at) IN (SELECT toDate(fromUnixTimestamp64Milli(arrayJoin({cuts:Array(Tuple(Int64, Int64, Int32))}).1, 'UTC')))
  AND is_activity
  AND user_ref != 0
  AND occurred_at >= fromUnixTimestamp64Milli(cut.1, 'UTC')
  AND occurred_at < fromUnixTimestamp64Milli(cut.2, 'UTC');

-- Which days are sealed is asked once, as a scalar: (those that are, those that are not), each (organisation, day).
CREATE VIEW uncut_day_counts_in AS
WITH (
  SELECT (groupArrayIf((toString(org_id), day), is_sealed), groupArrayIf((toString(org_id), day), NOT is_sealed))
  FROM (
    SELECT org_id, day, maxIf(at, NOT is_seal) = maxIf(at, is_seal) AS is_sealed
    FROM (
      SELECT org_id, day, at, false AS is_seal FROM touched WHERE org_id IN {orgs:Array(String)}
      UNION ALL
      SELECT org_id, day, as_of, true FROM sealed WHERE sets = 'action_slots' AND org_id IN {orgs:Array(String)}
    )
    WHERE day >= toDate({pieces:Array(Tuple(UInt16, UInt16, Int8, UInt8, UInt8))}[1].1)
      AND day <= toDate({pieces:Array(Tuple(UInt16, UInt16, Int8, UInt8, UInt8))}[-1].2)
    GROUP BY org_id, day
    HAVING max(NOT is_seal)
  )
) AS known
SELECT org_id, days.local_day AS local_day, action, sum(arraySum(arraySlice(counts, piece.4 + 1, piece.5 - piece.4))) AS events
FROM (
  SELECT org_id, day, action, arrayMap(count -> toUInt64(count), counts) AS counts
  FROM action_days FINAL
  WHERE org_id IN {orgs:Array(String)} AND (org_id, day) IN known.1
  UNION ALL
  SELECT org_id, toDate(slot) AS day, action, groupArrayInsertAt(0::UInt64, 96)(distinct_events, toUInt32(intDiv(toUnixTimestamp(slot) % 86400, 900))) AS counts
  FROM (
    SELECT org_id, slot, action, uniqExactMerge(events) AS distinct_events
    FROM action_slots
    WHERE org_id IN {orgs:Array(String)} AND (org_id, toDate(slot)) IN known.2
    GROUP BY org_id, slot, action
  )
  GROUP BY org_id, day, action
) AS plain
INNER JOIN (
  SELECT
    arrayJoin({pieces:Array(Tuple(UInt16, UInt16, Int8, UInt8, UInt8))}) AS piece,
    toDate(arrayJoin(range(piece.1, piece.2 + 1))) AS day,
    toDate32(day) + piece.3 AS local_day
) AS days ON plain.day = days.day
GROUP BY org_id, local_day, action
HAVING events > 0;

CREATE VIEW day_counts_in AS
SELECT org_id, local_day, action, events
FROM uncut_day_counts_in(orgs = {orgs:Array(String)}, pieces = {pieces:Array(Tuple(UInt16, UInt16, Int8, UInt8, UInt8))})
UNION ALL
SELECT org_id, toDate32(cut.3) AS local_day, action, uniqExact(event_id) AS events
FROM events
ARRAY JOIN {cuts:Array(Tuple(Int64, Int64, Int32))} AS cut
WHERE org_id IN {orgs:Array(String)}
  AND toDate(occurred_at) IN (SELECT toDate(fromUnixTimestamp64Milli(arrayJoin({cuts:Array(Tuple(Int64, Int64, Int32))}).1, 'UTC')))
  AND occurred_at >= fromUnixTimestamp64Milli(cut.1, 'UTC')
  AND occurred_at < fromUnixTimestamp64Milli(cut.2, 'UTC')
GROUP BY org_id, local_day, action;

CREATE VIEW uncut_page_views_in AS
WITH (
  SELECT (groupArrayIf((toString(org_id), day), is_sealed), groupArrayIf((toString(org_id), day), NOT is_sealed))
  FROM (
    SELECT org_id, day, maxIf(at, NOT is_seal) = maxIf(at, is_seal) AS is_sealed
    FROM (
      SELECT org_id, day, at, false AS is_seal FROM touched WHERE org_id IN {orgs:Array(String)}
      UNION ALL
      SELECT org_id, day, as_of, true FROM sealed WHERE sets = 'page_slots' AND org_id IN {orgs:Array(String)}
    )
    WHERE day >= toDate({stretches:Array(Tuple(UInt16, UInt16, UInt8, UInt8))}[1].1)
      AND day <= toDate({stretches:Array(Tuple(UInt16, UInt16, UInt8, UInt8))}[-1].2)
    GROUP BY org_id, day
    HAVING max(NOT is_seal)
  )
) AS known
SELECT org_id, actor_type, actor_role, page, sum(if(is_whole, arraySum(counts), arraySum(arraySlice(counts, stretch.3 + 1, stretch.4 - stretch.3)))) AS events
FROM page_days FINAL
INNER JOIN (
  SELECT
    arrayJoin({stretches:Array(Tuple(UInt16, UInt16, UInt8, UInt8))}) AS stretch,
    toDate(arrayJoin(range(stretch.1, stretch.2 + 1))) AS day,
    stretch.4 - stretch.3 = 96 AS is_whole
) AS days ON page_days.day = days.day
WHERE org_id IN {orgs:Array(String)} AND (org_id, page_days.day) IN known.1
GROUP BY org_id, actor_type, actor_role, page
HAVING events > 0
UNION ALL
SELECT org_id, actor_type, actor_role, page, sum(distinct_events) AS events
FROM (
  SELECT org_id, slot, actor_type, actor_role, page, uniqExactMerge(events) AS distinct_events
  FROM page_slots
  WHERE org_id IN {orgs:Array(String)} AND (org_id, toDate(slot)) IN known.2
  GROUP BY org_id, slot, actor_type, actor_role, page
)
WHERE arrayExists(
  stretch -> toUInt16(toDate(slot)) BETWEEN stretch.1 AND stretch.2 AND intDiv(toUnixTimestamp(slot) % 86400, 900) >= stretch.3 AND intDiv(toUnixTimestamp(slot) % 86400, 900) < stretch.4,
  {stretches:Array(Tuple(UInt16, UInt16, UInt8, UInt8))}
)
GROUP BY org_id, actor_type, actor_role, page;

CREATE VIEW page_views_in AS
SELECT org_id, actor_type, actor_role, page, events
FROM uncut_page_views_in(orgs = {orgs:Array(String)}, stretches = {stretches:Array(Tuple(UInt16, UInt16, UInt8, UInt8))})
UNION ALL
SELECT org_id, actor_type, actor_role, attributes['page'] AS page, uniqExact(event_id) AS events
FROM events
ARRAY JOIN {cuts:Array(Tuple(Int64, Int64, Int32))} AS cut
WHERE org_id IN {orgs:Array(String)}
  AND toDate(occurred_at) IN (SELECT toDate(fromUnixTimestamp64Milli(arrayJoin({cuts:Array(Tuple(Int64, Int64, Int32))}).1, 'UTC')))
  AND action = 'page:view' AND outcome NOT IN ('failure', 'denied')
  AND occurred_at >= fromUnixTimestamp64Milli(cut.1, 'UTC')
  AND occurred_at < fromUnixTimestamp64Milli(cut.2, 'UTC')
GROUP BY org_id, actor_type, actor_role, page;
