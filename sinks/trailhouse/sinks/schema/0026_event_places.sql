-- Where each event lies in the raw topic, by organisation: what the cursors of `/api/v1/events` go along. It finds an
-- organisation's next events without reading its history; `day` and `event_id` are the rest of their key in `events`.
-- An event that came twice has a place for each copy; only the place that `events` names counts.
-- Partition: none, it is read by place alone and holds no personal data. Order: by organisation and place.
CREATE TABLE event_places (
  org_id LowCardinality(String),
  epoch LowCardinality(String),
  partition UInt16,
  offset UInt64 CODEC(Delta, ZSTD),
  day Date CODEC(Delta, ZSTD),
  event_id UUID
) ENGINE = ReplacingMergeTree
ORDER BY (org_id, epoch, partition, offset)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1, non_replicated_deduplication_window = 0;

CREATE MATERIALIZED VIEW event_places_mv TO event_places AS
SELECT org_id, epoch, partition, offset, toDate(occurred_at) AS day, event_id
FROM landing
WHERE reason = '';

INSERT INTO event_places
SELECT org_id, epoch, partition, offset, toDate(occurred_at), event_id FROM events FINAL;
