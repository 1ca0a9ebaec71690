-- The directory: who a `user_ref` is. With `event_pii`, the only place that holds plaintext personal data.
-- Partition: none; a row per person stays small and is always read by organisation.
-- Order: by person within an organisation; that is the key reports join on.
-- E-mail and name are the latest by (occurred_at, event_id), so a repeat or another arrival order changes nothing.
CREATE TABLE users (
  org_id LowCardinality(String),
  user_ref UInt64,
  identity SimpleAggregateFunction(max, String),
  email AggregateFunction(argMaxIf, String, Tuple(DateTime64(3, 'UTC'), UUID), UInt8),
  name AggregateFunction(argMaxIf, String, Tuple(DateTime64(3, 'UTC'), UUID), UInt8),
  first_seen SimpleAggregateFunction(min, DateTime64(3, 'UTC')),
  last_seen SimpleAggregateFunction(max, DateTime64(3, 'UTC'))
) ENGINE = AggregatingMergeTree
ORDER BY (org_id, user_ref)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1, non_replicated_deduplication_window = 0;

CREATE MATERIALIZED VIEW users_mv TO users AS
SELECT
  org_id,
  user_ref,
  max(identity) AS identity,
  argMaxIfState(pii['actor_email'], (occurred_at, event_id), pii['actor_email'] != '') AS email,
  argMaxIfState(pii['actor_name'], (occurred_at, event_id), pii['actor_name'] != '') AS name,
  min(occurred_at) AS first_seen,
  max(occurred_at) AS last_seen
FROM landing
WHERE reason = '' AND user_ref != 0
GROUP BY org_id, user_ref;
