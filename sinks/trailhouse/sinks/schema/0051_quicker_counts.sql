-- `action_counts_in` says what it said, and is planned in two thirds of the time: the sets of days not sealed become counts
-- of quarter-hours first, as the sealed days have them, so that one join with the calendar is enough. At the sizes people
-- have, planning is most of what a report by day or month takes.
CREATE OR REPLACE VIEW action_counts_in AS
WITH (
  SELECT groupArray((toString(org_id), day, is_sealed))
  FROM seals_in(sets = 'action_slots', orgs = {orgs:Array(String)}, spans = {spans:Array(Tuple(Int64, Int64, Int32))})
) AS days
SELECT org_id, local_day, action, sum(arraySum(arraySlice(counts, first_slot + 1, last_slot - first_slot))) AS events
FROM (
  SELECT org_id, day, action, arrayMap(count -> toUInt64(count), counts) AS counts
  FROM action_days FINAL
  WHERE org_id IN {orgs:Array(String)}
    AND day >= toDate(fromUnixTimestamp64Milli(({spans:Array(Tuple(Int64, Int64, Int32))}[1]).1, 'UTC'))
    AND day <= toDate(fromUnixTimestamp64Milli(({spans:Array(Tuple(Int64, Int64, Int32))}[-1]).2 - 1, 'UTC'))
    AND (org_id, day) IN (SELECT arrayJoin(arrayMap(each -> (each.1, each.2), arrayFilter(each -> each.3, days))))
  UNION ALL
  SELECT org_id, toDate(slot) AS day, action, groupArrayInsertAt(0::UInt64, 96)(distinct_events, toUInt32(intDiv(toUnixTimestamp(slot) % 86400, 900))) AS counts
  FROM (
    SELECT org_id, slot, action, uniqExactMerge(events) AS distinct_events
    FROM action_slots
    WHERE org_id IN {orgs:Array(String)}
      AND slot >= toDateTime(intDiv(({spans:Array(Tuple(Int64, Int64, Int32))}[1]).1, 1000), 'UTC')
      AND slot < toDateTime(intDiv(({spans:Array(Tuple(Int64, Int64, Int32))}[-1]).2 + 999, 1000), 'UTC')
      AND (org_id, toDate(slot)) IN (SELECT arrayJoin(arrayMap(each -> (each.1, each.2), arrayFilter(each -> NOT each.3, days))))
    GROUP BY org_id, slot, action
  )
  GROUP BY org_id, day, action
) AS plain
INNER JOIN calendar(spans = {spans:Array(Tuple(Int64, Int64, Int32))}) AS calendar ON plain.day = calendar.day
WHERE last_slot > first_slot
GROUP BY org_id, local_day, action
HAVING events > 0
UNION ALL
SELECT org_id, toDate32(cut.3) AS local_day, action, uniqExact(event_id) AS events
FROM events
ARRAY JOIN {cuts:Array(Tuple(Int64, Int64, Int32))} AS cut
WHERE org_id IN {orgs:Array(String)}
  AND toDate(occurred_at) IN (SELECT toDate(fromUnixTimestamp64Milli(arrayJoin({cuts:Array(Tuple(Int64, Int64, Int32))}).1, 'UTC')))
  AND occurred_at >= fromUnixTimestamp64Milli(cut.1, 'UTC')
  AND occurred_at < fromUnixTimestamp64Milli(cut.2, 'UTC')
GROUP BY org_id, local_day, action;
