-- Legal holds: while one stands, nothing it covers is erased and nothing of it expires. `user_refs` [] = the whole
-- organisation. Written by the admin identity alone (`trailhouse hold`). Holds keyed hashes, never who it is.
-- Partition: none, holds are few. Order: by the id that `trailhouse hold list` shows.
-- Replacing by `is_released`: what was released stays released, whatever arrives again. Read with FINAL.
CREATE TABLE holds (
  hold_id String,
  org_id LowCardinality(String),
  user_refs Array(UInt64),
  reason String,
  placed_by String,
  placed_at DateTime64(3, 'UTC'),
  released_by String,
  release_reason String,
  released_at Nullable(DateTime64(3, 'UTC')),
  is_released UInt8
) ENGINE = ReplacingMergeTree(is_released)
ORDER BY hold_id
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1, non_replicated_deduplication_window = 0;
