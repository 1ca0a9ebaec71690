/*
title: AI interactions by month
question: How often was AI asked, month by month?
source: [P21]
counts: interactions with AI of any kind (actions `ai:…`), from whatever source; calls over MCP are counted apart
terms: [event, month]
chart: bar
last: 6m
whole: month
semantics:
  port: {quote: 'Total monthly AI interactions (any type of source or AI feature) for each month.'}
explain: {where: "startsWith(action, 'ai:')", bucket: month, column: interactions, is: 'uniqExact(org_id, event_id)'}
columns:
  month: {type: date, unit: first day, text: 'every month the period touches, oldest first; the last one up to the end of the period'}
  interactions: {type: integer, unit: interactions, text: 'of all organisations asked about in the month'}
*/
SELECT toStartOfMonth(local_day) AS month, sum(events) AS interactions
FROM (
  SELECT local_day, events
  FROM day_counts_in(orgs = {orgs:Array(String)}, pieces = {pieces:Array(Tuple(UInt16, UInt16, Int8, UInt8, UInt8))}, cuts = {cuts:Array(Tuple(Int64, Int64, Int32))})
  WHERE startsWith(action, 'ai:')
  UNION ALL
  SELECT arrayJoin({months:Array(Date)}) AS local_day, 0 AS events
)
GROUP BY month
ORDER BY month
