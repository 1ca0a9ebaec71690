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
SELECT action, uniqExactMerge(events) AS events
FROM (
  SELECT action, events
  FROM action_slots
  WHERE org_id IN {orgs:Array(String)}
    AND slot >= toDateTime(intDiv(({ranges:Array(Tuple(Int64, Int64))}[1]).1, 1000), 'UTC')
    AND slot < toDateTime(intDiv(({ranges:Array(Tuple(Int64, Int64))}[-1]).2, 1000), 'UTC')
    AND arrayExists(
      instants -> toUnixTimestamp(slot) * 1000 >= instants.1 AND toUnixTimestamp(slot) * 1000 + 900000 <= instants.2,
      {ranges:Array(Tuple(Int64, Int64))}
    )
  UNION ALL
  SELECT action, uniqExactState(sipHash64(org_id, event_id)) AS events
  FROM events
  ARRAY JOIN {cuts:Array(Tuple(Int64, Int64, Int32))} AS cut
  WHERE org_id IN {orgs:Array(String)}
    AND toDate(occurred_at) IN (SELECT toDate(fromUnixTimestamp64Milli(arrayJoin({cuts:Array(Tuple(Int64, Int64, Int32))}).1, 'UTC')))
    AND occurred_at >= fromUnixTimestamp64Milli(cut.1, 'UTC')
    AND occurred_at < fromUnixTimestamp64Milli(cut.2, 'UTC')
  GROUP BY action
)
GROUP BY action
ORDER BY events DESC, action ASC
