-- When each person logged in, in all of history: a bitmap of UTC quarter-hours since 1970, so that the first weeks with a
-- login are found without reading the days between. A repeat sets bits that are set already.
-- Partition: none, a row per person, two bytes more for each quarter-hour with a login.
-- Order: by organisation and actor's type, which keeps people and machines apart; that is how reports read.
CREATE TABLE login_slots (
  org_id LowCardinality(String),
  actor_type LowCardinality(String),
  user_ref UInt64,
  slots AggregateFunction(groupBitmap, UInt32)
) ENGINE = AggregatingMergeTree
ORDER BY (org_id, actor_type, user_ref)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1, non_replicated_deduplication_window = 0;

CREATE MATERIALIZED VIEW login_slots_mv TO login_slots AS
SELECT org_id, actor_type, user_ref, groupBitmapState(toUInt32(intDiv(toUnixTimestamp(occurred_at), 900))) AS slots
FROM landing
WHERE reason = '' AND is_login AND is_activity AND user_ref != 0
GROUP BY org_id, actor_type, user_ref;

-- The same of what was there before: `user_days` knows days whose events have expired.
INSERT INTO login_slots
SELECT org_id, actor_type, user_ref, groupBitmapState(toUInt32(toUInt32(day) * 96 + slot)) AS slots
FROM (
  SELECT
    org_id, actor_type, user_ref, day,
    arrayJoin(arrayFilter(number -> bitAnd(logins, bitShiftLeft(toUInt128(1), number)) != 0, range(96))) AS slot
  FROM user_days
  WHERE logins != 0
)
GROUP BY org_id, actor_type, user_ref;

-- Who is activated: people with logins in three different weeks (so at least three logins), and `activated_on`, the first
-- local day with a login in the third of them. `spans` and `cuts` are those of all of history up to the moment asked for,
-- `week_start` 1 = Monday … 7 = Sunday. From a person's first login the search goes on at the first quarter-hour of the
-- next week: it takes three steps, however long the history. Whatever is not wholly one day's is read from `events` (`cuts`).
CREATE VIEW activations AS
WITH
  (
    SELECT arrayFilter(
      span -> span.2 > (SELECT toUnixTimestamp64Milli(min(first)) FROM newcomers WHERE org_id IN {orgs:Array(String)}),
      {spans:Array(Tuple(Int64, Int64, Int32))}
    )
  ) AS pieces
SELECT
  org_id,
  user_ref,
  toDate32(toInt32(arrayFirst(each -> each.1 = third, days).2)) AS activated_on
FROM (
  SELECT
    org_id,
    user_ref,
    arraySort(groupUniqArray((local_day - (local_day + 11 - {week_start:UInt8}) % 7, local_day))) AS days,
    arrayDistinct(arrayMap(each -> each.1, days)) AS weeks,
    weeks[3] AS third
  FROM (
    SELECT org_id, user_ref, arrayJoin(arrayMap(
      start -> (
        toInt64(intDiv(start + arrayLast(span -> span.1 <= start, pieces).3 * 1000 + 86400000, 86400000)) - 1
      ),
      arrayFilter(start -> start + 900000 <= pieces[-1].2, [start_1, start_2, start_3])
    )) AS local_day
    FROM (
      SELECT
        *,
        toInt64(bitmapMin(bitmapSubsetLimit(slots, toUInt64(intDiv(arrayMax(
          span -> if(after_2 - span.3 * 1000 > span.1, least(after_2 - span.3 * 1000, span.2), 0), pieces
        ) + 899999, 900000)), 1))) * 900000 AS start_3
      FROM (
        SELECT
          *,
          toInt64(bitmapMin(bitmapSubsetLimit(slots, toUInt64(intDiv(arrayMax(
            span -> if(after_1 - span.3 * 1000 > span.1, least(after_1 - span.3 * 1000, span.2), 0), pieces
          ) + 899999, 900000)), 1))) * 900000 AS start_2,
          intDiv(start_2 + arrayLast(span -> span.1 <= start_2, pieces).3 * 1000 + 86400000, 86400000) - 1 AS day_2,
          (day_2 - (day_2 + 11 - {week_start:UInt8}) % 7 + 7) * 86400000 AS after_2
        FROM (
          SELECT
            org_id,
            user_ref,
            if(empty({cuts:Array(Tuple(Int64, Int64, Int32))}), login_slots.slots, bitmapAndnot(
              login_slots.slots,
              bitmapBuild(arrayMap(cut -> toUInt32(intDiv(cut.1, 900000)), {cuts:Array(Tuple(Int64, Int64, Int32))}))
            )) AS slots,
            toInt64(bitmapMin(slots)) * 900000 AS start_1,
            intDiv(start_1 + arrayLast(span -> span.1 <= start_1, pieces).3 * 1000 + 86400000, 86400000) - 1 AS day_1,
            (day_1 - (day_1 + 11 - {week_start:UInt8}) % 7 + 7) * 86400000 AS after_1
          FROM login_slots FINAL
          WHERE org_id IN {orgs:Array(String)} AND actor_type = 'user'
        )
      )
    )
    UNION ALL
    SELECT org_id, user_ref, toInt64(cut.3) AS local_day
    FROM events
    ARRAY JOIN {cuts:Array(Tuple(Int64, Int64, Int32))} AS cut
    WHERE org_id IN {orgs:Array(String)}
      AND toDate(occurred_at) IN (SELECT toDate(fromUnixTimestamp64Milli(arrayJoin({cuts:Array(Tuple(Int64, Int64, Int32))}).1, 'UTC')))
      AND is_login
      AND is_activity
      AND user_ref != 0
      AND actor_type = 'user'
      AND occurred_at >= fromUnixTimestamp64Milli(cut.1, 'UTC')
      AND occurred_at < fromUnixTimestamp64Milli(cut.2, 'UTC')
  )
  GROUP BY org_id, user_ref
)
WHERE length(weeks) >= 3;
