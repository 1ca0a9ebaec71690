-- What there is: entities (`kind` entity, `type_key` = blueprint) and data sources (`kind` data_source, `type_key` ''), a
-- row each; `ref` = sipHash64(type_key, thing). A thing exists at a moment when the latest of its events before it, by
-- (occurred_at, event_id), is no deletion. `first` = the first event that is no deletion, `alive` the place in time of the
-- last such, `gone_first` and `gone` those of the first and the last deletion; a place is milliseconds << 64 plus the second
-- half of the event's id. Who was never deleted, or once and last of all, is known at every moment from these alone; the
-- others are few and read one by one from `thing_events`. `source_least` and `source_most` are the first and the last by code
-- point of the data sources that events named, `sourced` is when one was named first; `created` = the first creation. Of
-- `type` and `label` (its name) the latest said. Nothing said = 2299, the largest number or FF in a min, 1970, 0 or '' in a max.
-- Partition: none, a row per thing; history does not make it larger.
-- Order: by organisation, kind and type, as reports count.
CREATE TABLE things (
  org_id LowCardinality(String),
  kind LowCardinality(String),
  type_key LowCardinality(String),
  ref UInt64,
  thing SimpleAggregateFunction(max, String) CODEC(ZSTD),
  first SimpleAggregateFunction(min, DateTime64(3, 'UTC')),
  created SimpleAggregateFunction(min, DateTime64(3, 'UTC')),
  alive SimpleAggregateFunction(max, UInt128),
  gone_first SimpleAggregateFunction(min, UInt128),
  gone SimpleAggregateFunction(max, UInt128),
  source_least SimpleAggregateFunction(min, String),
  source_most SimpleAggregateFunction(max, String),
  sourced SimpleAggregateFunction(min, DateTime64(3, 'UTC')),
  type SimpleAggregateFunction(max, Tuple(DateTime64(3, 'UTC'), UUID, String)),
  label SimpleAggregateFunction(max, Tuple(DateTime64(3, 'UTC'), UUID, String))
) ENGINE = AggregatingMergeTree
ORDER BY (org_id, kind, type_key, ref)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1, non_replicated_deduplication_window = 0;

-- What happened to each thing and when, for those that came back.
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
  bitShiftLeft(toUInt128(toUnixTimestamp64Milli(occurred_at)), 64) + toUInt64(bitShiftRight(reinterpretAsUInt128(event_id), 64)) AS place,
  kind = 'entity' AND attributes['data_source'] != '' AS is_sourced
SELECT
  org_id,
  splitByChar(':', toString(action))[1] AS kind,
  if(kind = 'entity', attributes['blueprint'], '') AS type_key,
  sipHash64(type_key, attributes[kind]) AS ref,
  max(attributes[kind]) AS thing,
  min(if(crud = 'delete', never, occurred_at)) AS first,
  min(if(crud = 'create', occurred_at, never)) AS created,
  max(if(crud = 'delete', toUInt128(0), place)) AS alive,
  min(if(crud = 'delete', place, bitNot(toUInt128(0)))) AS gone_first,
  max(if(crud = 'delete', place, toUInt128(0))) AS gone,
  min(if(is_sourced, attributes['data_source'], unhex('FF'))) AS source_least,
  max(if(is_sourced, attributes['data_source'], '')) AS source_most,
  min(if(is_sourced, occurred_at, never)) AS sourced,
  maxIf((occurred_at, event_id, attributes['type']), kind = 'data_source' AND attributes['type'] != '') AS type,
  maxIf((occurred_at, event_id, attributes['name']), kind = 'data_source' AND attributes['name'] != '') AS label
FROM landing
WHERE reason = ''
  AND action IN ('entity:create', 'entity:update', 'entity:delete', 'data_source:create', 'data_source:update', 'data_source:delete')
  AND outcome NOT IN ('failure', 'denied')
  AND attributes[kind] != ''
GROUP BY org_id, kind, type_key, ref;

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
  bitShiftLeft(toUInt128(toUnixTimestamp64Milli(occurred_at)), 64) + toUInt64(bitShiftRight(reinterpretAsUInt128(event_id), 64)) AS place,
  kind = 'entity' AND attributes['data_source'] != '' AS is_sourced
SELECT
  org_id,
  splitByChar(':', toString(action))[1] AS kind,
  if(kind = 'entity', attributes['blueprint'], '') AS type_key,
  sipHash64(type_key, attributes[kind]) AS ref,
  max(attributes[kind]) AS thing,
  min(if(crud = 'delete', never, occurred_at)) AS first,
  min(if(crud = 'create', occurred_at, never)) AS created,
  max(if(crud = 'delete', toUInt128(0), place)) AS alive,
  min(if(crud = 'delete', place, bitNot(toUInt128(0)))) AS gone_first,
  max(if(crud = 'delete', place, toUInt128(0))) AS gone,
  min(if(is_sourced, attributes['data_source'], unhex('FF'))) AS source_least,
  max(if(is_sourced, attributes['data_source'], '')) AS source_most,
  min(if(is_sourced, occurred_at, never)) AS sourced,
  maxIf((occurred_at, event_id, attributes['type']), kind = 'data_source' AND attributes['type'] != '') AS type,
  maxIf((occurred_at, event_id, attributes['name']), kind = 'data_source' AND attributes['name'] != '') AS label
FROM events FINAL
WHERE action IN ('entity:create', 'entity:update', 'entity:delete', 'data_source:create', 'data_source:update', 'data_source:delete')
  AND outcome NOT IN ('failure', 'denied')
  AND attributes[kind] != ''
GROUP BY org_id, kind, type_key, ref;

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
    arrayMap(moment -> if(sourced_ms < moment, named, ''), moments),
    arrayMap(moment -> arrayLast(each -> each.1 < moment AND each.4 != '', happened).4, moments)
  ) AS source
FROM (
  SELECT
    org_id,
    type_key,
    ref,
    thing,
    toUnixTimestamp64Milli(first) AS first_ms,
    -- Far away where there was no deletion.
    if(gone = 0, toInt64(9000000000000000), toInt64(bitShiftRight(gone_first, 64))) AS gone_ms,
    source_most AS named,
    toUnixTimestamp64Milli(sourced) AS sourced_ms,
    if(toYear(things.created) = 2299, first, things.created) AS created,
    things.type.3 AS type,
    things.label.3 AS label,
    (gone = 0 OR (gone = gone_first AND alive < gone)) AND (source_most = '' OR source_most = source_least) AS is_plain
  FROM things FINAL
  WHERE org_id IN {orgs:Array(String)} AND kind = {kind:String}
) AS plain
LEFT JOIN (
  SELECT org_id, ref, arraySort(groupArray((toUnixTimestamp64Milli(occurred_at), event_id, is_gone, source))) AS happened
  FROM thing_events
  WHERE org_id IN {orgs:Array(String)} AND kind = {kind:String}
    AND (org_id, ref) IN (
      SELECT org_id, ref
      FROM things FINAL
      WHERE org_id IN {orgs:Array(String)} AND kind = {kind:String} AND NOT ((gone = 0 OR (gone = gone_first AND alive < gone)) AND (source_most = '' OR source_most = source_least))
    )
  GROUP BY org_id, ref
) AS detail ON plain.org_id = detail.org_id AND plain.ref = detail.ref;
