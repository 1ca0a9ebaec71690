-- What happened, without plaintext personal data. Identity of an event is (org_id, event_id).
-- Partition: one part set per month, so retention drops whole months and history stays small.
-- Order: an organisation's days lie together, which is how every report reads; the id ends the key, so resends collapse.
-- `ver` makes the first received copy win for ever: the earlier the record, the larger `ver`. Read with FINAL.
CREATE TABLE events (
  org_id LowCardinality(String),
  occurred_at DateTime64(3, 'UTC') CODEC(Delta, ZSTD),
  received_at DateTime64(3, 'UTC') CODEC(Delta, ZSTD),
  event_id UUID,
  action LowCardinality(String),
  noun LowCardinality(String),
  verb LowCardinality(String),
  crud LowCardinality(String),
  category LowCardinality(String),
  is_activity Bool,
  is_login Bool,
  outcome LowCardinality(String),
  actor_type LowCardinality(String),
  actor_role LowCardinality(String),
  user_ref UInt64,
  target_ref UInt64,
  address_ref UInt64,
  network LowCardinality(String),
  user_agent String CODEC(ZSTD),
  entity_asset String CODEC(ZSTD),
  project_asset String CODEC(ZSTD),
  report_asset String CODEC(ZSTD),
  artifact_asset String CODEC(ZSTD),
  artifact_digest String CODEC(ZSTD),
  artifact_sequence_asset String CODEC(ZSTD),
  response_code UInt16,
  cli_version LowCardinality(String),
  source LowCardinality(String),
  correlation_id String CODEC(ZSTD),
  attributes Map(LowCardinality(String), String) CODEC(ZSTD),
  changed_fields Array(String) CODEC(ZSTD),
  tags Array(LowCardinality(String)),
  pii_tags Array(LowCardinality(String)),
  rules LowCardinality(String),
  epoch LowCardinality(String),
  partition UInt16,
  offset UInt64 CODEC(Delta, ZSTD),
  ver UInt128 CODEC(ZSTD),
  INDEX by_id event_id TYPE bloom_filter(0.001) GRANULARITY 1
) ENGINE = ReplacingMergeTree(ver)
PARTITION BY toYYYYMM(occurred_at)
ORDER BY (org_id, toDate(occurred_at), event_id)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1, non_replicated_deduplication_window = 0;

CREATE MATERIALIZED VIEW events_mv TO events AS
SELECT
  org_id, occurred_at, received_at, event_id, action, noun, verb, crud, category, is_activity, is_login, outcome,
  actor_type, actor_role, user_ref, target_ref, address_ref, network, user_agent, entity_asset, project_asset,
  report_asset, artifact_asset, artifact_digest, artifact_sequence_asset, response_code, cli_version, source,
  correlation_id, attributes, changed_fields, tags, pii_tags, rules, epoch, partition, offset,
  bitNot(bitShiftLeft(toUInt128(toUnixTimestamp64Milli(received_at)), 80) + bitShiftLeft(toUInt128(partition), 64) + offset) AS ver
FROM landing
WHERE reason = '';
