-- What the directory counts of those who act, without any name: their latest `role` and `kind` (the actor's type), each
-- with the event that said so, by (occurred_at, event_id); the last login that succeeded; and the runs and reports they
-- created (WD14), as sets of event hashes, so that a repeat cannot be counted twice.
-- Partition: by month, so that merging the sets of a month leaves those of the others alone.
-- Order: by person within an organisation, as the directory reads.
CREATE TABLE actors (
  org_id LowCardinality(String),
  user_ref UInt64,
  month Date,
  role SimpleAggregateFunction(max, Tuple(DateTime64(3, 'UTC'), UUID, String)),
  kind SimpleAggregateFunction(max, Tuple(DateTime64(3, 'UTC'), UUID, String)),
  last_login SimpleAggregateFunction(max, DateTime64(3, 'UTC')),
  runs AggregateFunction(uniqExactIf, UInt64, UInt8),
  reports AggregateFunction(uniqExactIf, UInt64, UInt8)
) ENGINE = AggregatingMergeTree
PARTITION BY toYYYYMM(month)
ORDER BY (org_id, user_ref, month)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1, non_replicated_deduplication_window = 0;

CREATE MATERIALIZED VIEW actors_mv TO actors AS
SELECT
  org_id,
  user_ref,
  toStartOfMonth(occurred_at) AS month,
  maxIf((occurred_at, event_id, toString(actor_role)), actor_role != '') AS role,
  max((occurred_at, event_id, toString(actor_type))) AS kind,
  maxIf(occurred_at, is_login) AS last_login,
  uniqExactIfState(sipHash64(org_id, event_id), action = 'run:create' AND outcome IN ('success', 'unknown')) AS runs,
  uniqExactIfState(sipHash64(org_id, event_id), action = 'report:create' AND outcome IN ('success', 'unknown')) AS reports
FROM landing
WHERE reason = '' AND user_ref != 0
GROUP BY org_id, user_ref, month;

-- The same of the events from before.
INSERT INTO actors
SELECT
  org_id,
  user_ref,
  toStartOfMonth(occurred_at) AS month,
  maxIf((occurred_at, event_id, toString(actor_role)), actor_role != '') AS role,
  max((occurred_at, event_id, toString(actor_type))) AS kind,
  maxIf(occurred_at, is_login) AS last_login,
  uniqExactIfState(sipHash64(org_id, event_id), action = 'run:create' AND outcome IN ('success', 'unknown')) AS runs,
  uniqExactIfState(sipHash64(org_id, event_id), action = 'report:create' AND outcome IN ('success', 'unknown')) AS reports
FROM events
WHERE user_ref != 0
GROUP BY org_id, user_ref, month
SETTINGS max_partitions_per_insert_block = 0;
