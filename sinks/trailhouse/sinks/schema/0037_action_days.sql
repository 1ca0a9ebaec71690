-- When a UTC day of an organisation last got rows: the time an insert began that brought some, repeats included. A day that
-- was sealed stays so only while this says what it said then.
-- Partition: none, a row per organisation and day stays small. Order: by organisation and day, as reports ask.
CREATE TABLE touched (
  org_id LowCardinality(String),
  day Date,
  at SimpleAggregateFunction(max, DateTime64(6, 'UTC'))
) ENGINE = AggregatingMergeTree
ORDER BY (org_id, day)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1, non_replicated_deduplication_window = 0;

CREATE MATERIALIZED VIEW touched_mv TO touched AS
SELECT org_id, toDate(occurred_at) AS day, max(now64(6, 'UTC')) AS at
FROM landing
WHERE reason = ''
GROUP BY org_id, day;

-- Days that were sealed: their plain counts (`sets` = the table they were counted from) are complete. `as_of` = what
-- `touched` said before the sets were read; a day counts as sealed while it says so still. Written after the counts.
-- Partition: none, a row per organisation and day stays small. Order: as `touched`, within what was counted.
CREATE TABLE sealed (
  sets LowCardinality(String),
  org_id LowCardinality(String),
  day Date,
  as_of SimpleAggregateFunction(max, DateTime64(6, 'UTC')),
  sealed_at SimpleAggregateFunction(max, DateTime64(3, 'UTC')) DEFAULT now64(3)
) ENGINE = AggregatingMergeTree
ORDER BY (sets, org_id, day)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1, non_replicated_deduplication_window = 0;

-- Plain counts of finished days, made from the sets of `action_slots` by `trailhouse seal` and replaced, never added to:
-- `counts` has the distinct events of each of the day's 96 quarter-hours. Read through view `action_counts_in`, which knows
-- which days may be read here.
-- Partition: by month. Order: as `action_slots`, by day. Replacing by `as_of`: what was counted later wins. Read with FINAL.
CREATE TABLE action_days (
  org_id LowCardinality(String),
  day Date,
  action LowCardinality(String),
  counts Array(UInt32) CODEC(ZSTD),
  as_of DateTime64(6, 'UTC') CODEC(Delta, ZSTD)
) ENGINE = ReplacingMergeTree(as_of)
PARTITION BY toYYYYMM(day)
ORDER BY (org_id, day, action)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1, non_replicated_deduplication_window = 0;

-- Days from before are known as well.
INSERT INTO touched (org_id, day, at)
SELECT org_id, toDate(slot) AS day, now64(6, 'UTC') FROM action_slots GROUP BY org_id, day;

-- The days of a period by organisation, and whether their counts may be read in place of those of table `sets`.
CREATE VIEW seals_in AS
SELECT touched.org_id AS org_id, touched.day AS day, sealed.as_of = touched.at AS is_sealed
FROM (
  SELECT org_id, day, max(at) AS at
  FROM touched
  WHERE org_id IN {orgs:Array(String)}
    AND day >= toDate(fromUnixTimestamp64Milli(({spans:Array(Tuple(Int64, Int64, Int32))}[1]).1, 'UTC'))
    AND day <= toDate(fromUnixTimestamp64Milli(({spans:Array(Tuple(Int64, Int64, Int32))}[-1]).2 - 1, 'UTC'))
  GROUP BY org_id, day
) AS touched
LEFT JOIN (
  SELECT org_id, day, max(as_of) AS as_of
  FROM sealed
  WHERE sets = {sets:String} AND org_id IN {orgs:Array(String)}
    AND day >= toDate(fromUnixTimestamp64Milli(({spans:Array(Tuple(Int64, Int64, Int32))}[1]).1, 'UTC'))
    AND day <= toDate(fromUnixTimestamp64Milli(({spans:Array(Tuple(Int64, Int64, Int32))}[-1]).2 - 1, 'UTC'))
  GROUP BY org_id, day
) AS sealed USING (org_id, day);

-- How often each action happened on each local day, exactly: from the counts of sealed days, from the sets of the others,
-- and what a quarter-hour shares with another local day or the time outside (`cuts`) from `events`. Rows add up: an event is
-- in one of them. `spans` and `cuts` as for `calendar` and `activity_in`.
-- Which days are sealed is asked once, as a scalar, so that no day can be counted twice or not at all while that changes.
CREATE VIEW action_counts_in AS
WITH (
  SELECT groupArray((toString(org_id), day, is_sealed))
  FROM seals_in(sets = 'action_slots', orgs = {orgs:Array(String)}, spans = {spans:Array(Tuple(Int64, Int64, Int32))})
) AS days
SELECT org_id, local_day, action, sum(arraySum(arraySlice(counts, first_slot + 1, last_slot - first_slot))) AS events
FROM (
  SELECT org_id, day, action, counts
  FROM action_days FINAL
  WHERE org_id IN {orgs:Array(String)}
    AND day >= toDate(fromUnixTimestamp64Milli(({spans:Array(Tuple(Int64, Int64, Int32))}[1]).1, 'UTC'))
    AND day <= toDate(fromUnixTimestamp64Milli(({spans:Array(Tuple(Int64, Int64, Int32))}[-1]).2 - 1, 'UTC'))
    AND (org_id, day) IN (SELECT arrayJoin(arrayMap(each -> (each.1, each.2), arrayFilter(each -> each.3, days))))
) AS plain
INNER JOIN calendar(spans = {spans:Array(Tuple(Int64, Int64, Int32))}) AS calendar ON plain.day = calendar.day
WHERE last_slot > first_slot
GROUP BY org_id, local_day, action
HAVING events > 0
UNION ALL
SELECT org_id, local_day, action, sum(distinct_events) AS events
FROM (
  SELECT org_id, slot, action, uniqExactMerge(events) AS distinct_events
  FROM action_slots
  WHERE org_id IN {orgs:Array(String)}
    AND slot >= toDateTime(intDiv(({spans:Array(Tuple(Int64, Int64, Int32))}[1]).1, 1000), 'UTC')
    AND slot < toDateTime(intDiv(({spans:Array(Tuple(Int64, Int64, Int32))}[-1]).2 + 999, 1000), 'UTC')
    AND (org_id, toDate(slot)) IN (SELECT arrayJoin(arrayMap(each -> (each.1, each.2), arrayFilter(each -> NOT each.3, days))))
  GROUP BY org_id, slot, action
) AS sets
INNER JOIN calendar(spans = {spans:Array(Tuple(Int64, Int64, Int32))}) AS calendar ON toDate(sets.slot) = calendar.day
WHERE toHour(slot) * 4 + intDiv(toMinute(slot), 15) >= first_slot AND toHour(slot) * 4 + intDiv(toMinute(slot), 15) < last_slot
GROUP BY org_id, local_day, action
UNION ALL
SELECT org_id, toDate32(cut.3) AS local_day, action, uniqExact(event_id) AS events
FROM events
ARRAY JOIN {cuts:Array(Tuple(Int64, Int64, Int32))} AS cut
WHERE org_id IN {orgs:Array(String)}
  AND toDate(occurred_at) IN (SELECT toDate(fromUnixTimestamp64Milli(arrayJoin({cuts:Array(Tuple(Int64, Int64, Int32))}).1, 'UTC')))
  AND occurred_at >= fromUnixTimestamp64Milli(cut.1, 'UTC')
  AND occurred_at < fromUnixTimestamp64Milli(cut.2, 'UTC')
GROUP BY org_id, local_day, action;
