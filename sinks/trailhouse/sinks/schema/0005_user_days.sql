-- Who was active when, exact in every time zone: bit i of `slots` = active in quarter-hour i of that UTC day.
-- Every offset from UTC in use is a multiple of 15 minutes, so a local day, week or month is a mask (view `calendar`).
-- `logins` is the same for logins that succeeded. A repeat sets bits that are set already.
-- Partition: by month. Order: by organisation and day, as reports read; the actor's type keeps people and machines apart.
CREATE TABLE user_days (
  org_id LowCardinality(String),
  day Date,
  actor_type LowCardinality(String),
  user_ref UInt64,
  slots SimpleAggregateFunction(groupBitOr, UInt128),
  logins SimpleAggregateFunction(groupBitOr, UInt128),
  first SimpleAggregateFunction(min, DateTime64(3, 'UTC')),
  last SimpleAggregateFunction(max, DateTime64(3, 'UTC'))
) ENGINE = AggregatingMergeTree
PARTITION BY toYYYYMM(day)
ORDER BY (org_id, day, actor_type, user_ref)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1, non_replicated_deduplication_window = 0;

CREATE MATERIALIZED VIEW user_days_mv TO user_days AS
SELECT
  org_id,
  toDate(occurred_at) AS day,
  actor_type,
  user_ref,
  groupBitOr(bitShiftLeft(toUInt128(1), toHour(occurred_at) * 4 + intDiv(toMinute(occurred_at), 15))) AS slots,
  groupBitOr(if(is_login, bitShiftLeft(toUInt128(1), toHour(occurred_at) * 4 + intDiv(toMinute(occurred_at), 15)), toUInt128(0))) AS logins,
  min(occurred_at) AS first,
  max(occurred_at) AS last
FROM landing
WHERE reason = '' AND user_ref != 0 AND is_activity
GROUP BY org_id, day, actor_type, user_ref;
