-- Persons who were erased: whatever speaks of one is not stored as personal data again, from whichever replay, refill or
-- import it comes. What is counted (`events`, `user_days`, `action_slots`, `landed`) goes on as ever: it holds no names.
-- Written by the admin identity alone (`trailhouse erase`). Holds keyed hashes, never who it was.
-- Partition: none, a row for each ref of a person erased.
-- Order: by person within an organisation; that is what every look-up asks.
-- `ver` makes the first of several writings win: `erased_at` is when it was asked for first. Read with FINAL.
CREATE TABLE erased (
  org_id LowCardinality(String),
  user_ref UInt64,
  erased_at DateTime64(3, 'UTC') DEFAULT now64(3),
  erased_by String,
  reason String,
  ver UInt64 MATERIALIZED bitNot(toUInt64(toUnixTimestamp64Milli(erased_at)))
) ENGINE = ReplacingMergeTree(ver)
ORDER BY (org_id, user_ref)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1, non_replicated_deduplication_window = 0;

ALTER TABLE event_pii_mv MODIFY QUERY
SELECT
  org_id, occurred_at, event_id, user_ref, subject_refs, pii,
  bitNot(bitShiftLeft(toUInt128(toUnixTimestamp64Milli(received_at)), 80) + bitShiftLeft(toUInt128(partition), 64) + offset) AS ver
FROM landing
WHERE reason = '' AND notEmpty(pii)
  AND NOT arrayExists(subject -> (org_id, subject) IN (SELECT org_id, user_ref FROM erased), subject_refs);

-- Who acted upon somebody erased stays in the directory; what that event called them does not, it may name the other.
ALTER TABLE users_mv MODIFY QUERY
WITH arrayExists(subject -> (org_id, subject) IN (SELECT org_id, user_ref FROM erased), subject_refs) AS is_silent
SELECT
  org_id,
  user_ref,
  max(if(is_silent, '', identity)) AS identity,
  argMaxIfState(pii['actor_email'], (occurred_at, event_id), pii['actor_email'] != '' AND NOT is_silent) AS email,
  argMaxIfState(pii['actor_name'], (occurred_at, event_id), pii['actor_name'] != '' AND NOT is_silent) AS name,
  min(occurred_at) AS first_seen,
  max(occurred_at) AS last_seen
FROM landing
WHERE reason = '' AND user_ref != 0 AND (org_id, user_ref) NOT IN (SELECT org_id, user_ref FROM erased)
GROUP BY org_id, user_ref;

CREATE OR REPLACE VIEW people SQL SECURITY INVOKER AS
SELECT
  users.org_id AS org_id,
  users.user_ref AS user_ref,
  max(users.identity) AS identity,
  argMaxIfMerge(users.email) AS email,
  argMaxIfMerge(users.name) AS name,
  min(users.first_seen) AS first_seen,
  max(users.last_seen) AS last_seen
FROM users
WHERE (users.org_id, users.user_ref) NOT IN (SELECT org_id, user_ref FROM erased)
GROUP BY users.org_id, users.user_ref;

-- The directory learns nothing of somebody erased: neither from what they do nor from what is done to them. Whom they
-- invited stays. `is_silent`: it is done to them, or somebody else names them in it; then only the team's name is kept.
ALTER TABLE deeds_mv MODIFY QUERY
WITH
  (landing.org_id, landing.user_ref) IN (SELECT org_id, user_ref FROM erased) AS is_by_erased,
  (landing.org_id, landing.target_ref) IN (SELECT org_id, user_ref FROM erased)
    OR (NOT is_by_erased AND arrayExists(subject -> (landing.org_id, subject) IN (SELECT org_id, user_ref FROM erased), landing.subject_refs)) AS is_silent
SELECT
  org_id,
  occurred_at,
  event_id,
  action,
  if(is_by_erased OR is_silent, 0, landing.user_ref) AS user_ref,
  if(is_silent, 0, landing.target_ref) AS target_ref,
  entity_asset,
  attributes,
  if(is_silent, mapFilter((field, value) -> field = 'entity_name', landing.pii), landing.pii) AS pii
FROM landing
WHERE reason = ''
  AND outcome IN ('success', 'unknown')
  AND action IN (
    'team:invite_user', 'team:accept_invite', 'team:uninvite', 'team:create_service_account', 'team:create', 'team:update', 'team:delete',
    'user:create', 'user:update', 'user:change_role', 'user:assign_seat', 'user:release_seat', 'user:deactivate', 'user:reactivate',
    'user:permanently_delete', 'workspace:grant', 'workspace:revoke', 'workspace:delete',
    'roster:user', 'roster:alias', 'roster:team', 'roster:workspace'
  );

CREATE OR REPLACE VIEW directory_facts AS
SELECT user_ref, toString(fact) AS fact, item, max(said) AS said, min(first) AS first
FROM directory
WHERE org_id = {org:String} AND user_ref NOT IN (SELECT user_ref FROM erased WHERE org_id = {org:String})
GROUP BY user_ref, fact, item
UNION ALL
SELECT user_ref, fact_of.1 AS fact, '' AS item, fact_of.2 AS said, first
FROM (
  SELECT
    user_ref,
    arrayJoin([
      ('identity', (seen, nobody, max(users.identity))),
      ('own_email', (seen, nobody, argMaxIfMerge(users.email))),
      ('own_name', (seen, nobody, argMaxIfMerge(users.name))),
      ('seen', (seen, nobody, ''))
    ]) AS fact_of,
    min(users.first_seen) AS first,
    max(users.last_seen) AS seen,
    toUUID('00000000-0000-0000-0000-000000000000') AS nobody
  FROM users
  WHERE org_id = {org:String} AND user_ref NOT IN (SELECT user_ref FROM erased WHERE org_id = {org:String})
  GROUP BY user_ref
)
UNION ALL
SELECT user_ref, fact_of.1 AS fact, '' AS item, fact_of.2 AS said, first
FROM (
  SELECT
    user_ref,
    arrayJoin([
      ('own_kind', max(kind)),
      ('role', max(role)),
      ('login', (max(last_login), toUUID('00000000-0000-0000-0000-000000000000'), ''))
    ]) AS fact_of,
    toDateTime64(0, 3, 'UTC') AS first
  FROM actors
  WHERE org_id = {org:String} AND user_ref NOT IN (SELECT user_ref FROM erased WHERE org_id = {org:String})
  GROUP BY user_ref
);

-- What was deleted leaves the disk within seconds instead of eight minutes. The files that take its place are on disk
-- before: merges and mutations of these tables are synced as inserts are.
ALTER TABLE event_pii MODIFY SETTING old_parts_lifetime = 1, min_rows_to_fsync_after_merge = 1;

ALTER TABLE users MODIFY SETTING old_parts_lifetime = 1, min_rows_to_fsync_after_merge = 1;

ALTER TABLE directory MODIFY SETTING old_parts_lifetime = 1, min_rows_to_fsync_after_merge = 1;
