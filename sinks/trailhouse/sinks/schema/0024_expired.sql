-- What expired, one by one, written before it is deleted: the books know what is gone because it had to go. `id` =
-- sipHash64(org_id, event_id) of an event (class `events`), sipHash64(epoch, partition, offset) of a rejected record
-- (class `rejected`); `slot` = the quarter-hour the books count it in. Eight bytes a record, and no name.
-- Partition: by month, as what it speaks of. Order: as the books ask. Writing a row again changes nothing.
CREATE TABLE expired (
  class LowCardinality(String),
  org_id LowCardinality(String),
  slot DateTime('UTC') CODEC(Delta, ZSTD),
  id UInt64
) ENGINE = ReplacingMergeTree
PARTITION BY toYYYYMM(slot)
ORDER BY (class, org_id, slot, id)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1, non_replicated_deduplication_window = 0;

-- Each time something expired: of whom, which class, all before which UTC day, how many rows, on whose command.
-- Partition: none, a row a day for each. Order: by what it is about, then when.
CREATE TABLE expiries (
  org_id LowCardinality(String),
  class LowCardinality(String),
  before Date,
  expired_at DateTime64(3, 'UTC') DEFAULT now64(3),
  rows UInt64,
  expired_by String
) ENGINE = ReplacingMergeTree
ORDER BY (org_id, class, before, expired_at)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1, non_replicated_deduplication_window = 0;
