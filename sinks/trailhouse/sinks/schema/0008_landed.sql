-- What became of every raw offset: the ledger `trailhouse balance` reads. A row covers the raw offsets `from` to
-- `offset`; those before `offset` were control records of transactional producers. `reason` = '' means stored.
-- Partition: by day received, so that sealed days drop whole. Order: by place in the raw topic.
CREATE TABLE landed (
  epoch LowCardinality(String),
  partition UInt16,
  `from` UInt64 CODEC(Delta, ZSTD),
  offset UInt64 CODEC(Delta, ZSTD),
  received_at DateTime64(3, 'UTC') CODEC(Delta, ZSTD),
  org_id LowCardinality(String),
  event_id UUID,
  reason LowCardinality(String)
) ENGINE = ReplacingMergeTree
PARTITION BY toYYYYMMDD(received_at)
ORDER BY (epoch, partition, offset)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1, non_replicated_deduplication_window = 0;

CREATE MATERIALIZED VIEW landed_mv TO landed AS
SELECT epoch, partition, `from`, offset, received_at, org_id, event_id, reason
FROM landing;
