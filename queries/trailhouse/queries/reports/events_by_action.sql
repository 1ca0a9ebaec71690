/*
title: Events by action
question: What happened, and how often?
source: [P16, P17]
counts: every stored event once, whoever acted and however often it was sent
terms: [event, period]
chart: bar
ties: more events first, then the action by code point
last: 30d
explain: {where: "action = {row_action:String}", column: events, is: "uniqExact(org_id, event_id)"}
columns:
  action: {type: text, unit: action, text: 'the action as its service named it'}
  events: {type: integer, unit: events, text: 'distinct events in the period'}
*/
SELECT action, sum(counted.events) AS events
FROM day_counts_in(
  orgs = {orgs:Array(String)},
  pieces = {pieces:Array(Tuple(UInt16, UInt16, Int8, UInt8, UInt8))},
  cuts = {cuts:Array(Tuple(Int64, Int64, Int32))}
) AS counted
GROUP BY action
ORDER BY events DESC, action ASC
