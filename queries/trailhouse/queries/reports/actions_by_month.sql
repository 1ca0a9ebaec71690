/*
title: Actions by month
question: How often were self-service actions run, month by month?
source: [P16, P18]
counts: runs of self-service actions, whoever ran them and whatever came of it
terms: [event, month]
chart: bar
last: 6m
whole: month
semantics:
  port: {quote: 'Total monthly actions broken down by the different organizations.'}
explain: {where: "action = 'action:run' AND org_id = {row_org:String}", bucket: month, column: runs, is: uniqExact(event_id)}
columns:
  month: {type: date, unit: first day, text: 'every month the period touches, oldest first; the last one up to the end of the period'}
  org: {type: text, unit: organisation, text: 'every organisation asked about'}
  runs: {type: integer, unit: runs, text: 'of that organisation in the month'}
  all_orgs: {type: integer, unit: runs, text: 'of all organisations asked about in the month'}
*/
SELECT month, org, runs, sum(runs) OVER (PARTITION BY month) AS all_orgs
FROM (
  SELECT toStartOfMonth(local_day) AS month, org_id AS org, sum(events) AS runs
  FROM (
    SELECT toString(org_id) AS org_id, local_day, events
    FROM day_counts_in(orgs = {orgs:Array(String)}, pieces = {pieces:Array(Tuple(UInt16, UInt16, Int8, UInt8, UInt8))}, cuts = {cuts:Array(Tuple(Int64, Int64, Int32))})
    WHERE action = 'action:run'
    UNION ALL
    SELECT arrayJoin({orgs:Array(String)}) AS org_id, arrayJoin({months:Array(Date)}) AS local_day, 0 AS events
  )
  GROUP BY month, org
)
ORDER BY month, org
