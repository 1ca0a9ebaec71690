/*
title: Data sources by month
question: How many data sources are connected, month by month?
source: [P19]
counts: 'data sources that existed at the end of each month: the latest of their events before it is no deletion'
terms: [exists, event, month]
chart: line
last: 6m
whole: month
semantics:
  port: {quote: 'Total monthly graph and the current total.'}
explain: {where: "category = 'data_source'", bucket: month, text: 'what happened to data sources in that month'}
columns:
  month: {type: date, unit: first day, text: 'every month the period touches, oldest first; the last one up to the end of the period'}
  data_sources: {type: integer, unit: data sources, text: 'that exist at the end of the month, the last one at the end of the period: the current total'}
  difference: {type: integer, unit: data sources, text: 'less those that existed at the end of the month before'}
*/
WITH {months:Array(Date)} AS months
SELECT month, data_sources, difference
FROM (
  SELECT arrayJoin(arrayZip(months, arrayPopFront(existing), arrayPopFront(arrayDifference(existing)))) AS point, point.1 AS month, point.2 AS data_sources, point.3 AS difference
  FROM (
    -- One more than months: the end of the month before. Where nothing ever was there are no sums.
    SELECT arrayResize(sumForEach(arrayMap(is_there -> toInt64(is_there), existed)), length(months) + 1) AS existing
    FROM existing_things_in(
      kind = 'data_source',
      by_source = false,
      orgs = {orgs:Array(String)},
      moments = arrayConcat([({before_spans:Array(Tuple(Int64, Int64, Int32))}[-1]).2], {month_ends:Array(Int64)})
    )
  )
)
ORDER BY month
