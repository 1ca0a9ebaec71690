-- Which API key was used when and by whom, by UTC day: bit i of `slots` = used in quarter-hour i. `api_key_id` is the id that
-- the events' attribute of that name gives, never the key; events that make or delete a key are no use of it.
-- Partition: by month, as `user_days`. Order: by organisation and key, since it is always asked after a few keys.
CREATE TABLE key_days (
  org_id LowCardinality(String),
  api_key_id String,
  day Date,
  actor_type LowCardinality(String),
  user_ref UInt64,
  slots SimpleAggregateFunction(groupBitOr, UInt128),
  first SimpleAggregateFunction(min, DateTime64(3, 'UTC')),
  last SimpleAggregateFunction(max, DateTime64(3, 'UTC'))
) ENGINE = AggregatingMergeTree
PARTITION BY toYYYYMM(day)
ORDER BY (org_id, api_key_id, day, actor_type, user_ref)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1, non_replicated_deduplication_window = 0;

CREATE MATERIALIZED VIEW key_days_mv TO key_days AS
SELECT
  org_id,
  attributes['api_key_id'] AS api_key_id,
  toDate(occurred_at) AS day,
  actor_type,
  user_ref,
  groupBitOr(bitShiftLeft(toUInt128(1), toHour(occurred_at) * 4 + intDiv(toMinute(occurred_at), 15))) AS slots,
  min(occurred_at) AS first,
  max(occurred_at) AS last
FROM landing
WHERE reason = '' AND attributes['api_key_id'] != ''
  AND action NOT IN ('user:create_api_key', 'user:delete_api_key', 'user:rotate_api_key', 'key:create', 'key:revoke')
GROUP BY org_id, api_key_id, day, actor_type, user_ref;

-- The same of the events from before.
INSERT INTO key_days
SELECT
  org_id,
  attributes['api_key_id'] AS api_key_id,
  toDate(occurred_at) AS day,
  actor_type,
  user_ref,
  groupBitOr(bitShiftLeft(toUInt128(1), toHour(occurred_at) * 4 + intDiv(toMinute(occurred_at), 15))) AS slots,
  min(occurred_at) AS first,
  max(occurred_at) AS last
FROM events
WHERE attributes['api_key_id'] != ''
  AND action NOT IN ('user:create_api_key', 'user:delete_api_key', 'user:rotate_api_key', 'key:create', 'key:revoke')
GROUP BY org_id, api_key_id, day, actor_type, user_ref
SETTINGS max_partitions_per_insert_block = 0;
