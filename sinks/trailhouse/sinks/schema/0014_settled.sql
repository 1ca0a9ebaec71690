-- Conflicts that somebody looked at and settled (`trailhouse conflicts settle`): one identity that came with different
-- contents. `events` keeps the first received; what the others said is counted too, wherever it differs.
-- Partition: none, a row per conflict settled. Order: by identity, so settling one twice leaves one row, the latest.
CREATE TABLE settled (
  org_id LowCardinality(String),
  event_id UUID,
  reason String,
  settled_by String,
  settled_at DateTime64(3, 'UTC') DEFAULT now64(3)
) ENGINE = ReplacingMergeTree(settled_at)
ORDER BY (org_id, event_id)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1, non_replicated_deduplication_window = 0;
