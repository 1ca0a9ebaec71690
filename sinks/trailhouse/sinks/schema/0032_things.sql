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

-- What existed when: `existed` says for each thing whether it did at the end of the month before the period, and at the end
-- of each month of it (the last one at the period's end); `source` is the data source named last before each of these
-- moments. `kind` is entity or data_source; `before_spans` and `spans` are the month before and the period.
CREATE VIEW things_in AS
WITH
  arrayConcat(
    [({before_spans:Array(Tuple(Int64, Int64, Int32))}[-1]).2],
    (
      SELECT arraySort(groupArray(ends))
      FROM (
        SELECT toUnixTimestamp64Milli(max(until)) AS ends
        FROM calendar(spans = {spans:Array(Tuple(Int64, Int64, Int32))})
        GROUP BY toStartOfMonth(local_day)
      )
    )
  ) AS moments
SELECT
  plain.org_id AS org_id,
  type_key,
  thing,
  created,
  type,
  label,
  if(
    is_plain,
    arrayMap(moment -> first_ms < moment AND gone_ms >= moment, moments),
    arrayMap(moment -> happened[1].1 < moment AND arrayLast(each -> each.1 < moment, happened).3 = 0, moments)
  ) AS existed,
  if(
    is_plain,
    arrayMap(moment -> if(sourced_ms < moment, named[1], ''), moments),
    arrayMap(moment -> arrayLast(each -> each.1 < moment AND each.4 != '', happened).4, moments)
  ) AS source
FROM (
  SELECT
    org_id,
    type_key,
    thing,
    sipHash64(type_key, thing) AS ref,
    toUnixTimestamp64Milli(min(things.first)) AS first_ms,
    toUnixTimestamp64Milli(min(things.gone_first).1) AS gone_ms,
    groupUniqArrayArray(things.sources) AS named,
    toUnixTimestamp64Milli(min(things.sourced)) AS sourced_ms,
    if(toYear(min(things.created)) = 2299, min(things.first), min(things.created)) AS created,
    max(things.type).3 AS type,
    max(things.label).3 AS label,
    length(named) <= 1 AND (max(things.gone).1 < min(things.gone_first).1 OR (max(things.gone) = min(things.gone_first) AND max(things.alive) < max(things.gone))) AS is_plain
  FROM things
  WHERE org_id IN {orgs:Array(String)} AND kind = {kind:String}
  GROUP BY org_id, type_key, thing
) AS plain
LEFT JOIN (
  SELECT org_id, ref, arraySort(groupArray((toUnixTimestamp64Milli(occurred_at), event_id, is_gone, source))) AS happened
  FROM thing_events
  WHERE org_id IN {orgs:Array(String)} AND kind = {kind:String}
    AND (org_id, ref) IN (
      SELECT org_id, sipHash64(type_key, thing)
      FROM things
      WHERE org_id IN {orgs:Array(String)} AND kind = {kind:String}
      GROUP BY org_id, type_key, thing
      HAVING length(groupUniqArrayArray(things.sources)) > 1
        OR NOT (max(things.gone).1 < min(things.gone_first).1 OR (max(things.gone) = min(things.gone_first) AND max(things.alive) < max(things.gone)))
    )
  GROUP BY org_id, ref
) AS detail ON plain.org_id = detail.org_id AND plain.ref = detail.ref;
