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
  FROM action_counts_in(orgs = {orgs:Array(String)}, spans = {spans:Array(Tuple(Int64, Int64, Int32))}, cuts = {cuts:Array(Tuple(Int64, Int64, Int32))})
  WHERE action = 'mcp:call'
  UNION ALL
  SELECT local_day, 0 AS events
  FROM calendar(spans = {spans:Array(Tuple(Int64, Int64, Int32))})
)
GROUP BY month
ORDER BY month
