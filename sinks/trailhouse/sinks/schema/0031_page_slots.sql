-- How often each page was opened, by UTC quarter-hour and by the role its visitor had: sets of event hashes, so a repeat
-- cannot be counted twice. Views that failed or were refused opened no page.
-- Partition: by month. Order: by organisation and time, as reports read.
CREATE TABLE page_slots (
  org_id LowCardinality(String),
  slot DateTime('UTC'),
  actor_type LowCardinality(String),
  actor_role LowCardinality(String),
  page String CODEC(ZSTD),
  events AggregateFunction(uniqExact, UInt64)
) ENGINE = AggregatingMergeTree
PARTITION BY toYYYYMM(slot)
ORDER BY (org_id, slot, actor_type, actor_role, page)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1, non_replicated_deduplication_window = 0;

CREATE MATERIALIZED VIEW page_slots_mv TO page_slots AS
SELECT
  org_id,
  toDateTime(toStartOfFifteenMinutes(occurred_at), 'UTC') AS slot,
  actor_type,
  actor_role,
  attributes['page'] AS page,
  uniqExactState(sipHash64(org_id, event_id)) AS events
FROM landing
WHERE reason = '' AND action = 'page:view' AND outcome NOT IN ('failure', 'denied')
GROUP BY org_id, slot, actor_type, actor_role, page;

-- The same of the events from before.
INSERT INTO page_slots
SELECT
  org_id,
  toDateTime(toStartOfFifteenMinutes(occurred_at), 'UTC') AS slot,
  actor_type,
  actor_role,
  attributes['page'] AS page,
  uniqExactState(sipHash64(org_id, event_id)) AS events
FROM events FINAL
WHERE action = 'page:view' AND outcome NOT IN ('failure', 'denied')
GROUP BY org_id, slot, actor_type, actor_role, page
SETTINGS max_partitions_per_insert_block = 0;
