/*
title: Entities by month
question: How many entities are there, month by month?
source: [P11]
counts: 'entities that existed at the end of each month: the latest of their events before it is no deletion'
terms: [exists, event, month]
chart: line
last: 6m
whole: month
semantics:
  port: {since: '2025-11-01', quote: 'Entity count historical data is only available from **November 2025 onwards**.'}
explain: {where: "category = 'entity'", bucket: month, text: 'what happened to entities in that month'}
columns:
  month: {type: date, unit: first day, text: 'every month the period touches, oldest first; the last one up to the end of the period'}
  entities: {type: integer, unit: entities, text: 'that exist at the end of the month, the last one at the end of the period: the current total'}
  difference: {type: integer, unit: entities, text: 'less those that existed at the end of the month before'}
*/
WITH {months:Array(Date)} AS months
SELECT month, entities, difference
FROM (
  SELECT arrayJoin(arrayZip(months, arrayPopFront(existing), arrayPopFront(arrayDifference(existing)))) AS point, point.1 AS month, point.2 AS entities, point.3 AS difference
  FROM (
    -- One more than months: the end of the month before. Where nothing ever was there are no sums.
    SELECT arrayResize(sumForEach(arrayMap(is_there -> toInt64(is_there), existed)), length(months) + 1) AS existing
    FROM existing_things_in(
      kind = 'entity',
      by_source = false,
      orgs = {orgs:Array(String)},
      moments = arrayConcat([({before_spans:Array(Tuple(Int64, Int64, Int32))}[-1]).2], {month_ends:Array(Int64)})
    )
  )
)
ORDER BY month
