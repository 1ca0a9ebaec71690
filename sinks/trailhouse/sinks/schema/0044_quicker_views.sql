-- `things_in` reads fewer things one by one: whoever was deleted, however often, after the last time they were alive is
-- known from `things` alone; and where a thing came from matters only to those who ask for `by_source`, the others get ''.
CREATE OR REPLACE VIEW things_in AS
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

-- `page_counts_in` counts the period as a whole, which is all that reports ask of it: the pieces of a UTC day that lie in
-- the period are joined as one row, and a day that lies in it wholly is summed without looking at its quarter-hours.
CREATE OR REPLACE VIEW page_counts_in AS
WITH
  (
    SELECT groupArray((toString(org_id), day, is_sealed))
    FROM seals_in(sets = 'page_slots', orgs = {orgs:Array(String)}, spans = {spans:Array(Tuple(Int64, Int64, Int32))})
  ) AS days,
  (
    SELECT mapFromArrays(groupArray(day), groupArray(pieces))
    FROM (
      SELECT day, arraySort(groupArrayIf((first_slot, last_slot), last_slot > first_slot)) AS pieces
      FROM calendar(spans = {spans:Array(Tuple(Int64, Int64, Int32))})
      GROUP BY day
    )
  ) AS pieces_of
SELECT
  org_id, actor_type, actor_role, page,
  sum(if(
    sum_of_slots = 96,
    arraySum(counts),
    arraySum(piece -> arraySum(arraySlice(counts, piece.1 + 1, piece.2 - piece.1)), pieces)
  )) AS events
FROM (
  SELECT org_id, actor_type, actor_role, page, counts, pieces_of[day] AS pieces, arraySum(piece -> piece.2 - piece.1, pieces) AS sum_of_slots
  FROM page_days FINAL
  WHERE org_id IN {orgs:Array(String)}
    AND day >= toDate(fromUnixTimestamp64Milli(({spans:Array(Tuple(Int64, Int64, Int32))}[1]).1, 'UTC'))
    AND day <= toDate(fromUnixTimestamp64Milli(({spans:Array(Tuple(Int64, Int64, Int32))}[-1]).2 - 1, 'UTC'))
    AND (org_id, day) IN (SELECT arrayJoin(arrayMap(each -> (each.1, each.2), arrayFilter(each -> each.3, days))))
)
GROUP BY org_id, actor_type, actor_role, page
HAVING events > 0
UNION ALL
SELECT org_id, actor_type, actor_role, page, sum(distinct_events) AS events
FROM (
  SELECT org_id, slot, actor_type, actor_role, page, uniqExactMerge(events) AS distinct_events
  FROM page_slots
  WHERE org_id IN {orgs:Array(String)}
    AND slot >= toDateTime(intDiv(({spans:Array(Tuple(Int64, Int64, Int32))}[1]).1, 1000), 'UTC')
    AND slot < toDateTime(intDiv(({spans:Array(Tuple(Int64, Int64, Int32))}[-1]).2 + 999, 1000), 'UTC')
    AND (org_id, toDate(slot)) IN (SELECT arrayJoin(arrayMap(each -> (each.1, each.2), arrayFilter(each -> NOT each.3, days))))
  GROUP BY org_id, slot, actor_type, actor_role, page
)
WHERE arrayExists(piece -> toHour(slot) * 4 + intDiv(toMinute(slot), 15) >= piece.1 AND toHour(slot) * 4 + intDiv(toMinute(slot), 15) < piece.2, pieces_of[toDate(slot)])
GROUP BY org_id, actor_type, actor_role, page
UNION ALL
SELECT org_id, actor_type, actor_role, attributes['page'] AS page, uniqExact(event_id) AS events
FROM events
ARRAY JOIN {cuts:Array(Tuple(Int64, Int64, Int32))} AS cut
WHERE org_id IN {orgs:Array(String)}
  AND toDate(occurred_at) IN (SELECT toDate(fromUnixTimestamp64Milli(arrayJoin({cuts:Array(Tuple(Int64, Int64, Int32))}).1, 'UTC')))
  AND action = 'page:view' AND outcome NOT IN ('failure', 'denied')
  AND occurred_at >= fromUnixTimestamp64Milli(cut.1, 'UTC')
  AND occurred_at < fromUnixTimestamp64Milli(cut.2, 'UTC')
GROUP BY org_id, actor_type, actor_role, page;
