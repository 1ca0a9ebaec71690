-- Rejected records that were sent to the raw topic again, and where they lie there now: `trailhouse rejected replay`
-- writes a row once Kafka has confirmed the record. What became of it says `landed` at the new place.
-- Partition: none, replays are few. Order: by the place of the rejected record, so one replayed twice counts once.
CREATE TABLE replays (
  epoch LowCardinality(String),
  partition UInt16,
  offset UInt64,
  replayed_at DateTime64(3, 'UTC'),
  to_epoch LowCardinality(String),
  to_partition UInt16,
  to_offset UInt64,
  is_edited Bool
) ENGINE = ReplacingMergeTree(replayed_at)
ORDER BY (epoch, partition, offset)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1, non_replicated_deduplication_window = 0;
