-- The events that are read one by one: whatever touches access, users, teams and workspaces, automations, actions and
-- AI; deletions; what failed or was refused; and machines' accounts that act as people do (pages, web, a browser). Lists
-- of them and breakdowns by role, team or source need not read the rest of `events`. The columns mean what they mean there.
-- Partition: by month, as `events`, so that both expire together.
-- Order: by organisation and category, then day: a report reads the categories it is about in the days it is about.
-- `ver` as in `events`: the first received copy wins. Read with FINAL. The filter on `target_ref` finds what was done to one.
CREATE TABLE notable (
  org_id LowCardinality(String),
  category LowCardinality(String),
  occurred_at DateTime64(3, 'UTC') CODEC(Delta, ZSTD),
  event_id UUID,
  action LowCardinality(String),
  crud LowCardinality(String),
  is_activity Bool,
  is_login Bool,
  outcome LowCardinality(String),
  actor_type LowCardinality(String),
  actor_role LowCardinality(String),
  user_ref UInt64,
  target_ref UInt64,
  address_ref UInt64,
  network LowCardinality(String),
  user_agent String CODEC(ZSTD),
  entity_asset String CODEC(ZSTD),
  source LowCardinality(String),
  attributes Map(LowCardinality(String), String) CODEC(ZSTD),
  changed_fields Array(String) CODEC(ZSTD),
  ver UInt128 CODEC(ZSTD),
  INDEX by_target target_ref TYPE bloom_filter(0.01) GRANULARITY 1
) ENGINE = ReplacingMergeTree(ver)
PARTITION BY toYYYYMM(occurred_at)
ORDER BY (org_id, category, toDate(occurred_at), event_id)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1, non_replicated_deduplication_window = 0;

CREATE MATERIALIZED VIEW notable_mv TO notable AS
SELECT
  org_id, category, occurred_at, event_id, action, crud, is_activity, is_login, outcome, actor_type, actor_role, user_ref,
  target_ref, address_ref, network, user_agent, entity_asset, source, attributes, changed_fields,
  bitNot(bitShiftLeft(toUInt128(toUnixTimestamp64Milli(received_at)), 80) + bitShiftLeft(toUInt128(partition), 64) + offset) AS ver
FROM landing
WHERE reason = '' AND (
  category IN ('access', 'user', 'team', 'workspace', 'automation', 'ai')
  OR crud = 'delete'
  OR outcome IN ('failure', 'denied')
  OR (actor_type = 'service_account' AND (category = 'page' OR source = 'web' OR startsWith(user_agent, 'Mozilla/') OR startsWith(user_agent, 'Opera/')))
);

-- The same of the events from before.
INSERT INTO notable
SELECT
  org_id, category, occurred_at, event_id, action, crud, is_activity, is_login, outcome, actor_type, actor_role, user_ref,
  target_ref, address_ref, network, user_agent, entity_asset, source, attributes, changed_fields, ver
FROM events FINAL
WHERE category IN ('access', 'user', 'team', 'workspace', 'automation', 'ai')
  OR crud = 'delete'
  OR outcome IN ('failure', 'denied')
  OR (actor_type = 'service_account' AND (category = 'page' OR source = 'web' OR startsWith(user_agent, 'Mozilla/') OR startsWith(user_agent, 'Opera/')))
SETTINGS max_partitions_per_insert_block = 0;
