-- Records that could not become events: where they lie, why, and how large they were; never their content.
-- Partition: by month received (a rejected record may have no time of its own). Order: by place in the raw topic.
CREATE TABLE rejected (
  epoch LowCardinality(String),
  partition UInt16,
  offset UInt64 CODEC(Delta, ZSTD),
  received_at DateTime64(3, 'UTC') CODEC(Delta, ZSTD),
  org_id LowCardinality(String),
  reason LowCardinality(String),
  detail String CODEC(ZSTD),
  size UInt32,
  digest String CODEC(ZSTD),
  rules LowCardinality(String)
) ENGINE = ReplacingMergeTree
PARTITION BY toYYYYMM(received_at)
ORDER BY (epoch, partition, offset)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1, non_replicated_deduplication_window = 0;

CREATE MATERIALIZED VIEW rejected_mv TO rejected AS
SELECT epoch, partition, offset, received_at, org_id, reason, detail, size, digest, rules
FROM landing
WHERE reason != '';
