-- Ranges of raw offsets that are gone for good and that somebody accepted as lost (`trailhouse gap accept`): the sink
-- goes on beyond them, and the books show them as lost for ever. Offsets `first` to `last`, both included.
-- Partition: none, a row per accident. Order: by place, so accepting a range twice leaves one row, the latest.
CREATE TABLE lost (
  epoch LowCardinality(String),
  partition UInt16,
  first UInt64,
  last UInt64,
  reason String,
  accepted_by String,
  accepted_at DateTime64(3, 'UTC') DEFAULT now64(3)
) ENGINE = ReplacingMergeTree(accepted_at)
ORDER BY (epoch, partition, first, last)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1, non_replicated_deduplication_window = 0;
