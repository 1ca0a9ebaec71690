/*
title: Actions via API and automations
question: 'How much runs by itself: actions triggered via the API, and automations?'
source: [P14]
counts: runs of self-service actions with source `api`, and every trigger of an automation, in the current calendar month up to the end of the period
terms: [event, month]
chart: number
last: 1d
whole: month
semantics:
  port: {quote: 'The current number of actions triggered via API + all automation triggers.'}
explain: {where: "action = 'automation:trigger' OR (action = 'action:run' AND source = 'api')", column: total, is: 'uniqExact(org_id, event_id)'}
columns:
  total: {type: integer, unit: triggers, text: 'both together'}
  actions_via_api: {type: integer, unit: runs, text: 'runs of self-service actions with source `api`'}
  automations: {type: integer, unit: triggers, text: 'triggers of automations, whatever triggered them'}
*/
SELECT actions_via_api + automations AS total, actions_via_api, automations
FROM (
  SELECT countIf(action = 'action:run') AS actions_via_api, countIf(action = 'automation:trigger') AS automations
  FROM notable FINAL
  WHERE org_id IN {orgs:Array(String)}
    AND category = 'automation'
    AND (action = 'automation:trigger' OR (action = 'action:run' AND source = 'api'))
    AND toDate(occurred_at) >= toDate(fromUnixTimestamp64Milli(({ranges:Array(Tuple(Int64, Int64))}[1]).1, 'UTC'))
    AND toDate(occurred_at) <= toDate(fromUnixTimestamp64Milli(({ranges:Array(Tuple(Int64, Int64))}[-1]).2 - 1, 'UTC'))
    AND occurred_at >= fromUnixTimestamp64Milli(({ranges:Array(Tuple(Int64, Int64))}[1]).1, 'UTC')
    AND occurred_at < fromUnixTimestamp64Milli(({ranges:Array(Tuple(Int64, Int64))}[-1]).2, 'UTC')
    AND (length({ranges:Array(Tuple(Int64, Int64))}) = 1 OR arrayExists(
      instants -> toUnixTimestamp64Milli(occurred_at) >= instants.1 AND toUnixTimestamp64Milli(occurred_at) < instants.2,
      {ranges:Array(Tuple(Int64, Int64))}
    ))
  SETTINGS do_not_merge_across_partitions_select_final = 1
)
