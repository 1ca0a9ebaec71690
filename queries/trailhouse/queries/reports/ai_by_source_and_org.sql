/*
title: AI by source and organisation
question: From where is AI asked in each organisation?
source: [P25]
counts: invocations of AI by the source their events name and by organisation
terms: [event, period]
chart: table
ties: more invocations first, then the source, then the organisation by code point
last: 30d
semantics:
  port: {quote: 'Raw data about the AI agent invocation number by source by organization.'}
explain: {where: "action = 'ai:invoke' AND source = {row_source:String} AND org_id = {row_org:String}", column: invocations, is: uniqExact(event_id)}
columns:
  source: {type: text, unit: source, text: 'assistant, widget …, as the events name it; empty where they do not'}
  org: {type: text, unit: organisation, text: 'where it was'}
  invocations: {type: integer, unit: invocations, text: 'in the period'}
*/
SELECT named AS source, org_id AS org, invocations
FROM (
  SELECT source AS named, org_id, count() AS invocations
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
  GROUP BY named, org_id
  SETTINGS do_not_merge_across_partitions_select_final = 1
)
ORDER BY invocations DESC, source ASC, org ASC
