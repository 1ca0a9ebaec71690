-- The personal data of an event, apart from it: own table, own grants. `anonymize` is not joining it.
-- `pii` maps field -> plaintext value; `subject_refs` lists every person the row speaks of, so erasure finds all of it.
-- Partition: by month, as `events`, so that both expire together.
-- Order: the same key as `events`, so joining one day of one organisation reads neighbouring rows.
CREATE TABLE event_pii (
  org_id LowCardinality(String),
  occurred_at DateTime64(3, 'UTC') CODEC(Delta, ZSTD),
  event_id UUID,
  user_ref UInt64,
  subject_refs Array(UInt64),
  pii Map(LowCardinality(String), String) CODEC(ZSTD),
  ver UInt128 CODEC(ZSTD)
) ENGINE = ReplacingMergeTree(ver)
PARTITION BY toYYYYMM(occurred_at)
ORDER BY (org_id, toDate(occurred_at), event_id)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1, non_replicated_deduplication_window = 0;

CREATE MATERIALIZED VIEW event_pii_mv TO event_pii AS
SELECT
  org_id, occurred_at, event_id, user_ref, subject_refs, pii,
  bitNot(bitShiftLeft(toUInt128(toUnixTimestamp64Milli(received_at)), 80) + bitShiftLeft(toUInt128(partition), 64) + offset) AS ver
FROM landing
WHERE reason = '' AND notEmpty(pii);
