-- How often each action happened, by UTC quarter-hour: sets of event hashes, so a repeat cannot be counted twice.
-- Partition: by month. Order: by organisation and time, as reports read.
CREATE TABLE action_slots (
  org_id LowCardinality(String),
  slot DateTime('UTC'),
  action LowCardinality(String),
  events AggregateFunction(uniqExact, UInt64),
  users AggregateFunction(uniqExactIf, UInt64, UInt8)
) ENGINE = AggregatingMergeTree
PARTITION BY toYYYYMM(slot)
ORDER BY (org_id, slot, action)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1, non_replicated_deduplication_window = 0;

CREATE MATERIALIZED VIEW action_slots_mv TO action_slots AS
SELECT
  org_id,
  toDateTime(toStartOfFifteenMinutes(occurred_at), 'UTC') AS slot,
  action,
  uniqExactState(sipHash64(org_id, event_id)) AS events,
  uniqExactIfState(user_ref, user_ref != 0) AS users
FROM landing
WHERE reason = ''
GROUP BY org_id, slot, action;
