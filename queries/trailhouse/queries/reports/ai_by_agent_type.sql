/*
title: AI by agent type
question: Which types of agents are asked?
source: [P23]
counts: invocations of AI by the type of agent their events name
terms: [event, period]
chart: pie
ties: more invocations first, then the agent type by code point
last: 30d
semantics:
  port: {quote: 'AI invocation by agent type.'}
explain: {where: "action = 'ai:invoke' AND attributes['agent_type'] = {row_agent_type:String}", column: invocations, is: 'uniqExact(org_id, event_id)'}
columns:
  agent_type: {type: text, unit: agent type, text: 'as the events name it; empty where they do not'}
  invocations: {type: integer, unit: invocations, text: 'in the period, of all organisations asked about'}
*/
SELECT named AS agent_type, invocations
FROM (
  SELECT agent_type AS named, count() AS invocations
  FROM notable FINAL
  WHERE org_id IN {orgs:Array(String)}
    AND category = 'ai'
    AND action = 'ai:invoke'
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
ORDER BY invocations DESC, agent_type ASC
