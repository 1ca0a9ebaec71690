-- The ledger learns what a record was, apart from where it lay: `slot` = the quarter-hour it is counted in (of the
-- event; of receipt where there is none), `content` = a hash of what the event said, `rules` = the rules it was enriched
-- by. Two records of one identity with other content under the same rules are a conflict. Not in the hash: plaintext
-- personal data (the ledger must not help to guess what was erased; its keyed hashes are in it) and what depends on the
-- time of receipt (`tags`). Rows from before have `content` 0: unknown, never in conflict.
ALTER TABLE landed
  ADD COLUMN IF NOT EXISTS slot DateTime('UTC') DEFAULT toStartOfFifteenMinutes(received_at) CODEC(Delta, ZSTD),
  ADD COLUMN IF NOT EXISTS content UInt64,
  ADD COLUMN IF NOT EXISTS rules LowCardinality(String);

ALTER TABLE landed_mv MODIFY QUERY
SELECT
  epoch, partition, `from`, offset, received_at, org_id, event_id, reason,
  toStartOfFifteenMinutes(toDateTime(if(reason = '', occurred_at, received_at), 'UTC')) AS slot,
  if(reason = '', cityHash64(
    occurred_at, action, outcome, actor_type, actor_role, user_ref, target_ref, address_ref, user_agent, entity_asset,
    project_asset, report_asset, artifact_asset, artifact_digest, artifact_sequence_asset, response_code, cli_version,
    source, correlation_id, mapSort(attributes), arraySort(changed_fields), arraySort(subject_refs)
  ), 0) AS content,
  rules
FROM landing;

-- Rows from before learn their quarter-hour from the event they became.
INSERT INTO landed (epoch, partition, `from`, offset, received_at, org_id, event_id, reason, slot)
SELECT old.epoch, old.partition, old.`from`, old.offset, old.received_at, old.org_id, old.event_id, old.reason, known.slot
FROM landed AS old
INNER JOIN (
  SELECT org_id, event_id, min(toStartOfFifteenMinutes(toDateTime(occurred_at, 'UTC'))) AS slot FROM events GROUP BY org_id, event_id
) AS known USING (org_id, event_id)
WHERE old.reason = '' AND old.content = 0
SETTINGS max_partitions_per_insert_block = 0, join_algorithm = 'grace_hash';
