-- `existing_things_in` is `things_in` with the moments bound rather than computed: milliseconds since 1970, in order; `existed`
-- and `source` speak of each of them.
CREATE VIEW existing_things_in AS
WITH {moments:Array(Int64)} AS moments
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
  multiIf(
    NOT {by_source:Bool}, arrayMap(moment -> '', moments),
    is_plain, arrayMap(moment -> if(sourced_ms < moment, named, ''), moments),
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
    alive < gone_first AND (NOT {by_source:Bool} OR source_most = '' OR source_most = source_least) AS is_plain
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
      WHERE org_id IN {orgs:Array(String)} AND kind = {kind:String}
        AND NOT (alive < gone_first AND (NOT {by_source:Bool} OR source_most = '' OR source_most = source_least))
    )
  GROUP BY org_id, ref
) AS detail ON plain.org_id = detail.org_id AND plain.ref = detail.ref;
