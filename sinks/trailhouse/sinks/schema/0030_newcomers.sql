-- When somebody was active for the first time ever: who is new in a period, and which cohort they belong to, without
-- reading history. Activity that is deleted later leaves it: nobody becomes new a second time.
-- Partition: none, a row per person stays small.
-- Order: by organisation and actor's type, which keeps people and machines apart; that is how reports read.
CREATE TABLE newcomers (
  org_id LowCardinality(String),
  actor_type LowCardinality(String),
  user_ref UInt64,
  first SimpleAggregateFunction(min, DateTime64(3, 'UTC'))
) ENGINE = AggregatingMergeTree
ORDER BY (org_id, actor_type, user_ref)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1, non_replicated_deduplication_window = 0;

CREATE MATERIALIZED VIEW newcomers_mv TO newcomers AS
SELECT org_id, actor_type, user_ref, min(occurred_at) AS first
FROM landing
WHERE reason = '' AND user_ref != 0 AND is_activity
GROUP BY org_id, actor_type, user_ref;

-- The same of what was there before: `user_days` knows days whose events have expired.
INSERT INTO newcomers
SELECT org_id, actor_type, user_ref, min(user_days.first) AS first
FROM user_days
GROUP BY org_id, actor_type, user_ref;
