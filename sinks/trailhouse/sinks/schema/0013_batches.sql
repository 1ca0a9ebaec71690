-- Every batch the sinks stored, a row for each partition in it: which raw offsets it brought (`first` to `last`), from
-- which enriched offsets they were taken, how many events and rejects (as the enriched log says), how many repeats were
-- passed over meanwhile, and `digest`, the SHA-256 over the lines, each ended by a line feed. Written after the rows and
-- before the offset commit, so what is committed is in it. A batch that is written again replaces itself; a log that is
-- read again from before cuts its batches elsewhere, and those are rows of their own.
-- Partition: by month received, so that they go with the days of `landed`. Order: by place in the raw topic.
-- `ver` makes the first of several writings win: `inserted_at` is when the batch was stored first. Read with FINAL.
CREATE TABLE batches (
  epoch LowCardinality(String),
  partition UInt16,
  first UInt64 CODEC(Delta, ZSTD),
  last UInt64 CODEC(Delta, ZSTD),
  enriched_first UInt64 CODEC(Delta, ZSTD),
  enriched_last UInt64 CODEC(Delta, ZSTD),
  events UInt32,
  rejected UInt32,
  repeats UInt32,
  size UInt64,
  digest String,
  received_at DateTime64(3, 'UTC') CODEC(Delta, ZSTD),
  sink LowCardinality(String),
  generation UInt32,
  inserted_at DateTime64(3, 'UTC') DEFAULT now64(3) CODEC(Delta, ZSTD),
  ver UInt64 MATERIALIZED bitNot(toUInt64(toUnixTimestamp64Milli(inserted_at)))
) ENGINE = ReplacingMergeTree(ver)
PARTITION BY toYYYYMM(received_at)
ORDER BY (epoch, partition, last, first)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1, non_replicated_deduplication_window = 0;
