-- How many days each class of data is kept, by organisation ('*' = those that say nothing of their own). `days` 0 = for
-- ever. Written by the admin identity alone (`trailhouse retention set`); what has a row here expires by
-- `trailhouse retention apply`, never by itself.
-- Partition: none, a row per organisation and class. Order: by what it is about; the latest setting wins. Read with FINAL.
CREATE TABLE retention (
  org_id LowCardinality(String),
  class LowCardinality(String),
  days UInt32,
  set_by String,
  set_at DateTime64(3, 'UTC') DEFAULT now64(3)
) ENGINE = ReplacingMergeTree(set_at)
ORDER BY (org_id, class)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1, non_replicated_deduplication_window = 0;
