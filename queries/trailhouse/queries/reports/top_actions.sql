/*
title: Top actions
question: Which self-service actions are run most?
source: [P17]
counts: runs of each self-service action, whoever ran it and whatever came of it
terms: [event, period]
chart: bar
ties: more runs first, then the action by code point
last: 30d
semantics:
  port: {quote: 'The top 6 most frequently used actions.'}
explain: {where: "action = 'action:run' AND attributes['self_service_action'] = {row_action:String}", column: runs, is: 'uniqExact(org_id, event_id)'}
parameters:
  limit: {type: UInt32, default: 6, minimum: 1, maximum: 100000, text: 'rows at most'}
columns:
  rank: {type: integer, unit: place, text: '1 is the most frequent'}
  action: {type: text, unit: action, text: 'the action as its service named it; empty where it did not'}
  runs: {type: integer, unit: runs, text: 'in the period, of all organisations asked about'}
*/
SELECT row_number() OVER (ORDER BY runs DESC, named ASC) AS rank, named AS action, runs
FROM (
  SELECT attributes['self_service_action'] AS named, count() AS runs
  FROM notable FINAL
  WHERE org_id IN {orgs:Array(String)}
    AND category = 'automation'
    AND action = 'action:run'
    AND toDate(occurred_at) >= toDate(fromUnixTimestamp64Milli(({ranges:Array(Tuple(Int64, Int64))}[1]).1, 'UTC'))
    AND toDate(occurred_at) <= toDate(fromUnixTimestamp64Milli(({ranges:Array(Tuple(Int64, Int64))}[-1]).2 - 1, 'UTC'))
    AND occurred_at >= fromUnixTimestamp64Milli(({ranges:Array(Tuple(Int64, Int64))}[1]).1, 'UTC')
    AND occurred_at < fromUnixTimestamp64Milli(({ranges:Array(Tuple(Int64, Int64))}[-1]).2, 'UTC')
    AND (length({ranges:Array(Tuple(Int64, Int64))}) = 1 OR arrayExists(
      instants -> toUnixTimestamp64Milli(occurred_at) >= instants.1 AND toUnixTimestamp64Milli(occurred_at) < instants.2,
      {ranges:Array(Tuple(Int64, Int64))}
    ))
  GROUP BY named
  SETTINGS do_not_merge_across_partitions_select_final = 1
)
ORDER BY runs DESC, action ASC
LIMIT {limit:UInt32}
