/*
title: MCP calls by month
question: How often were tools called over MCP, month by month?
source: [P24]
counts: calls of tools over MCP, whoever made them and whatever came of it
terms: [event, month]
chart: bar
last: 6m
whole: month
semantics:
  port: {quote: 'Total monthly MCP calls.'}
explain: {where: "action = 'mcp:call'", bucket: month, column: calls, is: 'uniqExact(org_id, event_id)'}
columns:
  month: {type: date, unit: first day, text: 'every month the period touches, oldest first; the last one up to the end of the period'}
  calls: {type: integer, unit: calls, text: 'of all organisations asked about in the month'}
*/
SELECT toStartOfMonth(local_day) AS month, sum(events) AS calls
FROM (
  SELECT local_day, events
  FROM day_counts_in(orgs = {orgs:Array(String)}, pieces = {pieces:Array(Tuple(UInt16, UInt16, Int8, UInt8, UInt8))}, cuts = {cuts:Array(Tuple(Int64, Int64, Int32))})
  WHERE action = 'mcp:call'
  UNION ALL
  SELECT arrayJoin({months:Array(Date)}) AS local_day, 0 AS events
)
GROUP BY month
ORDER BY month
