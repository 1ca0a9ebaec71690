/*
title: Automations by month
question: How often were automations triggered, month by month?
source: [P15]
counts: triggers of automations, whoever or whatever triggered them and whatever came of it
terms: [event, month]
chart: bar
last: 6m
whole: month
semantics:
  port: {quote: 'Total monthly automations and the details broken down by the different organizations.'}
explain: {where: "action = 'automation:trigger' AND org_id = {row_org:String}", bucket: month, column: automations, is: uniqExact(event_id)}
columns:
  month: {type: date, unit: first day, text: 'every month the period touches, oldest first; the last one up to the end of the period'}
  org: {type: text, unit: organisation, text: 'every organisation asked about'}
  automations: {type: integer, unit: triggers, text: 'of that organisation in the month'}
  all_orgs: {type: integer, unit: triggers, text: 'of all organisations asked about in the month'}
*/
SELECT month, org, automations, sum(automations) OVER (PARTITION BY month) AS all_orgs
FROM (
  SELECT toStartOfMonth(local_day) AS month, org_id AS org, sum(events) AS automations
  FROM (
    SELECT toString(org_id) AS org_id, local_day, events
    FROM day_counts_in(orgs = {orgs:Array(String)}, pieces = {pieces:Array(Tuple(UInt16, UInt16, Int8, UInt8, UInt8))}, cuts = {cuts:Array(Tuple(Int64, Int64, Int32))})
    WHERE action = 'automation:trigger'
    UNION ALL
    SELECT arrayJoin({orgs:Array(String)}) AS org_id, arrayJoin({months:Array(Date)}) AS local_day, 0 AS events
  )
  GROUP BY month, org
)
ORDER BY month, org
