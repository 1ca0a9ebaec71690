-- From where and with what each actor was seen to be active. `kind` `address`: `value` = the keyed hash of the address, 16
-- hex digits; `client`: `value` = the user agent without its version numbers, so that an update is no new client. `first`
-- and `last` are the moment and the id of the event that was it. A login that failed is nobody's activity: guessing
-- somebody's password from an address does not make the address theirs.
-- Partition: none; a row for each address and client of an actor, which only the whole of history tells new from old.
-- Order: by actor within an organisation.
CREATE TABLE sightings (
  org_id LowCardinality(String),
  user_ref UInt64,
  actor_type LowCardinality(String),
  kind LowCardinality(String),
  value String CODEC(ZSTD),
  first SimpleAggregateFunction(min, Tuple(DateTime64(3, 'UTC'), UUID)),
  last SimpleAggregateFunction(max, Tuple(DateTime64(3, 'UTC'), UUID))
) ENGINE = AggregatingMergeTree
ORDER BY (org_id, user_ref, actor_type, kind, value)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1, non_replicated_deduplication_window = 0;

-- Grouped twice: a batch has the same few actors again and again, and only what differs is worth taking apart.
CREATE MATERIALIZED VIEW sightings_mv TO sightings AS
SELECT
  org_id,
  user_ref,
  actor_type,
  (arrayJoin(arrayFilter(
    each -> each.2 != '',
    [
      ('address', if(address_ref = 0, '', lower(leftPad(hex(address_ref), 16, '0')))),
      ('client', replaceRegexpAll(user_agent, '[/ :]v?[0-9][0-9A-Za-z._+-]*', ''))
    ]
  )) AS each).1 AS kind,
  each.2 AS value,
  min(earliest) AS first,
  max(latest) AS last
FROM (
  SELECT
    org_id, user_ref, actor_type, address_ref, user_agent,
    min((occurred_at, event_id)) AS earliest,
    max((occurred_at, event_id)) AS latest
  FROM landing
  WHERE reason = '' AND user_ref != 0 AND is_activity
  GROUP BY org_id, user_ref, actor_type, address_ref, user_agent
)
GROUP BY org_id, user_ref, actor_type, kind, value;

-- The same of the events from before.
INSERT INTO sightings
SELECT
  org_id,
  user_ref,
  actor_type,
  (arrayJoin(arrayFilter(
    each -> each.2 != '',
    [
      ('address', if(address_ref = 0, '', lower(leftPad(hex(address_ref), 16, '0')))),
      ('client', replaceRegexpAll(user_agent, '[/ :]v?[0-9][0-9A-Za-z._+-]*', ''))
    ]
  )) AS each).1 AS kind,
  each.2 AS value,
  min(earliest) AS first,
  max(latest) AS last
FROM (
  SELECT
    org_id, user_ref, actor_type, address_ref, user_agent,
    min((occurred_at, event_id)) AS earliest,
    max((occurred_at, event_id)) AS latest
  FROM events
  WHERE user_ref != 0 AND is_activity
  GROUP BY org_id, user_ref, actor_type, address_ref, user_agent
)
GROUP BY org_id, user_ref, actor_type, kind, value;
