-- What there is: entities (`kind` entity, `type_key` = blueprint) and data sources (`kind` data_source, `type_key` ''), a
-- row each. A thing exists at a moment when the latest of its events before it, by (occurred_at, event_id), is no deletion.
-- `first` = the first event that is no deletion, `alive` the last such, `gone_first` and `gone` the first and the last
-- deletion. Who was never deleted, or once and last of all, is known at every moment from these alone; the others are few
-- and read one by one from `thing_events`. `sources` = the data sources that events named, `sourced` when one was named
-- first; `created` = the first creation. Of `type` and `label` (its name) the latest said. Nothing said = 2299 in a min, 1970 in a max.
-- Partition: none, a row per thing; history does not make it larger.
-- Order: by organisation, kind and type, as reports count.
CREATE TABLE things (
  org_id LowCardinality(String),
  kind LowCardinality(String),
  type_key String CODEC(ZSTD),
  thing String CODEC(ZSTD),
  first SimpleAggregateFunction(min, DateTime64(3, 'UTC')),
  created SimpleAggregateFunction(min, DateTime64(3, 'UTC')),
  alive SimpleAggregateFunction(max, Tuple(DateTime64(3, 'UTC'), UUID)),
  gone_first SimpleAggregateFunction(min, Tuple(DateTime64(3, 'UTC'), UUID)),
  gone SimpleAggregateFunction(max, Tuple(DateTime64(3, 'UTC'), UUID)),
  sources SimpleAggregateFunction(groupUniqArrayArray, Array(String)),
  sourced SimpleAggregateFunction(min, DateTime64(3, 'UTC')),
  type SimpleAggregateFunction(max, Tuple(DateTime64(3, 'UTC'), UUID, String)),
  label SimpleAggregateFunction(max, Tuple(DateTime64(3, 'UTC'), UUID, String))
) ENGINE = AggregatingMergeTree
ORDER BY (org_id, kind, type_key, thing)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1, non_replicated_deduplication_window = 0;

-- What happened to each thing and when, for those that came back: `ref` = sipHash64(type_key, thing).
-- Partition: none, things are read by themselves, whatever the time. Small granules: a few things are read, not their neighbours.
-- Order: by thing within an organisation, then time, which is what decides.
CREATE TABLE thing_events (
  org_id LowCardinality(String),
  kind LowCardinality(String),
  ref UInt64,
  occurred_at DateTime64(3, 'UTC') CODEC(Delta, ZSTD),
  event_id UUID,
  is_gone SimpleAggregateFunction(max, UInt8),
  source SimpleAggregateFunction(max, String)
) ENGINE = AggregatingMergeTree
ORDER BY (org_id, kind, ref, occurred_at, event_id)
SETTINGS index_granularity = 512, fsync_after_insert = 1, fsync_part_directory = 1, non_replicated_deduplication_window = 0;

CREATE MATERIALIZED VIEW things_mv TO things AS
WITH
  toDateTime64('2299-12-31 00:00:00', 3, 'UTC') AS never,
  toUUID('00000000-0000-0000-0000-000000000000') AS nobody
SELECT
  org_id,
  splitByChar(':', toString(action))[1] AS kind,
  if(kind = 'entity', attributes['blueprint'], '') AS type_key,
  attributes[kind] AS thing,
  min(if(crud = 'delete', never, occurred_at)) AS first,
  min(if(crud = 'create', occurred_at, never)) AS created,
  maxIf((occurred_at, event_id), crud != 'delete') AS alive,
  min(if(crud = 'delete', (occurred_at, event_id), (never, nobody))) AS gone_first,
  maxIf((occurred_at, event_id), crud = 'delete') AS gone,
  groupUniqArrayArray(if(kind = 'entity' AND attributes['data_source'] != '', [attributes['data_source']], [])) AS sources,
  min(if(kind = 'entity' AND attributes['data_source'] != '', occurred_at, never)) AS sourced,
  maxIf((occurred_at, event_id, attributes['type']), kind = 'data_source' AND attributes['type'] != '') AS type,
  maxIf((occurred_at, event_id, attributes['name']), kind = 'data_source' AND attributes['name'] != '') AS label
FROM landing
WHERE reason = ''
  AND action IN ('entity:create', 'entity:update', 'entity:delete', 'data_source:create', 'data_source:update', 'data_source:delete')
  AND outcome NOT IN ('failure', 'denied')
  AND thing != ''
GROUP BY org_id, kind, type_key, thing;

CREATE MATERIALIZED VIEW thing_events_mv TO thing_events AS
SELECT
  org_id,
  splitByChar(':', toString(action))[1] AS kind,
  sipHash64(if(kind = 'entity', attributes['blueprint'], ''), attributes[kind]) AS ref,
  occurred_at,
  event_id,
  max(crud = 'delete') AS is_gone,
  max(if(kind = 'entity', attributes['data_source'], '')) AS source
FROM landing
WHERE reason = ''
  AND action IN ('entity:create', 'entity:update', 'entity:delete', 'data_source:create', 'data_source:update', 'data_source:delete')
  AND outcome NOT IN ('failure', 'denied')
  AND attributes[kind] != ''
GROUP BY org_id, kind, ref, occurred_at, event_id;

-- The same of the events from before.
INSERT INTO things
WITH
  toDateTime64('2299-12-31 00:00:00', 3, 'UTC') AS never,
  toUUID('00000000-0000-0000-0000-000000000000') AS nobody
SELECT
  org_id,
  splitByChar(':', toString(action))[1] AS kind,
  if(kind = 'entity', attributes['blueprint'], '') AS type_key,
  attributes[kind] AS thing,
  min(if(crud = 'delete', never, occurred_at)) AS first,
  min(if(crud = 'create', occurred_at, never)) AS created,
  maxIf((occurred_at, event_id), crud != 'delete') AS alive,
  min(if(crud = 'delete', (occurred_at, event_id), (never, nobody))) AS gone_first,
  maxIf((occurred_at, event_id), crud = 'delete') AS gone,
  groupUniqArrayArray(if(kind = 'entity' AND attributes['data_source'] != '', [attributes['data_source']], [])) AS sources,
  min(if(kind = 'entity' AND attributes['data_source'] != '', occurred_at, never)) AS sourced,
  maxIf((occurred_at, event_id, attributes['type']), kind = 'data_source' AND attributes['type'] != '') AS type,
  maxIf((occurred_at, event_id, attributes['name']), kind = 'data_source' AND attributes['name'] != '') AS label
FROM events FINAL
WHERE action IN ('entity:create', 'entity:update', 'entity:delete', 'data_source:create', 'data_source:update', 'data_source:delete')
  AND outcome NOT IN ('failure', 'denied')
  AND thing != ''
GROUP BY org_id, kind, type_key, thing;

INSERT INTO thing_events
SELECT
  org_id,
  splitByChar(':', toString(action))[1] AS kind,
  sipHash64(if(kind = 'entity', attributes['blueprint'], ''), attributes[kind]) AS ref,
  occurred_at,
  event_id,
  max(crud = 'delete') AS is_gone,
  max(if(kind = 'entity', attributes['data_source'], '')) AS source
FROM events FINAL
WHERE action IN ('entity:create', 'entity:update', 'entity:delete', 'data_source:create', 'data_source:update', 'data_source:delete')
  AND outcome NOT IN ('failure', 'denied')
  AND attributes[kind] != ''
GROUP BY org_id, kind, ref, occurred_at, event_id;
