-- Plain counts of finished days, made from the sets of `page_slots` as `action_days` is from those of `action_slots`. Read
-- through view `page_counts_in`.
-- Partition: by month. Order: as `page_slots`, by day. Replacing by `as_of`: what was counted later wins. Read with FINAL.
CREATE TABLE page_days (
  org_id LowCardinality(String),
  day Date,
  actor_type LowCardinality(String),
  actor_role LowCardinality(String),
  page String CODEC(ZSTD),
  counts Array(UInt32) CODEC(ZSTD),
  as_of DateTime64(6, 'UTC') CODEC(Delta, ZSTD)
) ENGINE = ReplacingMergeTree(as_of)
PARTITION BY toYYYYMM(day)
ORDER BY (org_id, day, actor_type, actor_role, page)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1, non_replicated_deduplication_window = 0;

-- How often each page was opened on each local day, by the role its visitor had: as `action_counts_in`. Rows add up.
CREATE VIEW page_counts_in AS
WITH (
  SELECT groupArray((toString(org_id), day, is_sealed))
  FROM seals_in(sets = 'page_slots', orgs = {orgs:Array(String)}, spans = {spans:Array(Tuple(Int64, Int64, Int32))})
) AS days
SELECT org_id, local_day, actor_type, actor_role, page, sum(arraySum(arraySlice(counts, first_slot + 1, last_slot - first_slot))) AS events
FROM (
  SELECT org_id, day, actor_type, actor_role, page, counts
  FROM page_days FINAL
  WHERE org_id IN {orgs:Array(String)}
    AND day >= toDate(fromUnixTimestamp64Milli(({spans:Array(Tuple(Int64, Int64, Int32))}[1]).1, 'UTC'))
    AND day <= toDate(fromUnixTimestamp64Milli(({spans:Array(Tuple(Int64, Int64, Int32))}[-1]).2 - 1, 'UTC'))
    AND (org_id, day) IN (SELECT arrayJoin(arrayMap(each -> (each.1, each.2), arrayFilter(each -> each.3, days))))
) AS plain
INNER JOIN calendar(spans = {spans:Array(Tuple(Int64, Int64, Int32))}) AS calendar ON plain.day = calendar.day
WHERE last_slot > first_slot
GROUP BY org_id, local_day, actor_type, actor_role, page
HAVING events > 0
UNION ALL
SELECT org_id, local_day, actor_type, actor_role, page, sum(distinct_events) AS events
FROM (
  SELECT org_id, slot, actor_type, actor_role, page, uniqExactMerge(events) AS distinct_events
  FROM page_slots
  WHERE org_id IN {orgs:Array(String)}
    AND slot >= toDateTime(intDiv(({spans:Array(Tuple(Int64, Int64, Int32))}[1]).1, 1000), 'UTC')
    AND slot < toDateTime(intDiv(({spans:Array(Tuple(Int64, Int64, Int32))}[-1]).2 + 999, 1000), 'UTC')
    AND (org_id, toDate(slot)) IN (SELECT arrayJoin(arrayMap(each -> (each.1, each.2), arrayFilter(each -> NOT each.3, days))))
  GROUP BY org_id, slot, actor_type, actor_role, page
) AS sets
INNER JOIN calendar(spans = {spans:Array(Tuple(Int64, Int64, Int32))}) AS calendar ON toDate(sets.slot) = calendar.day
WHERE toHour(slot) * 4 + intDiv(toMinute(slot), 15) >= first_slot AND toHour(slot) * 4 + intDiv(toMinute(slot), 15) < last_slot
GROUP BY org_id, local_day, actor_type, actor_role, page
UNION ALL
SELECT org_id, toDate32(cut.3) AS local_day, actor_type, actor_role, attributes['page'] AS page, uniqExact(event_id) AS events
FROM events
ARRAY JOIN {cuts:Array(Tuple(Int64, Int64, Int32))} AS cut
WHERE org_id IN {orgs:Array(String)}
  AND toDate(occurred_at) IN (SELECT toDate(fromUnixTimestamp64Milli(arrayJoin({cuts:Array(Tuple(Int64, Int64, Int32))}).1, 'UTC')))
  AND action = 'page:view' AND outcome NOT IN ('failure', 'denied')
  AND occurred_at >= fromUnixTimestamp64Milli(cut.1, 'UTC')
  AND occurred_at < fromUnixTimestamp64Milli(cut.2, 'UTC')
GROUP BY org_id, local_day, actor_type, actor_role, page;
