/*
title: Rejected records by reason
question: What could not become an event, and why?
source: [design-5]
counts: records of the raw topic that were refused, each once, by the time the broker received them
terms: [rejected, period]
chart: bar
ties: more records first, then the reason, then the organisation
last: 30d
explain: {from: rejected, where: "reason = {row_reason:String} AND org_id = {row_org:String}", column: records, is: count()}
columns:
  reason: {type: text, unit: reason, text: 'one of the closed list of reasons'}
  records: {type: integer, unit: records, text: 'records refused for that reason'}
  org: {type: text, unit: organisation, text: 'the organisation the records name; empty where none can be read, which belongs to no organisation and is shown to operators who ask without one'}
*/
SELECT reason, count() AS records, org_id AS org
FROM rejected FINAL
WHERE (org_id IN {orgs:Array(String)} OR {is_instance:Bool})
  AND arrayExists(
    instants -> toUnixTimestamp64Milli(received_at) >= instants.1 AND toUnixTimestamp64Milli(received_at) < instants.2,
    {ranges:Array(Tuple(Int64, Int64))}
  )
GROUP BY reason, org_id
ORDER BY records DESC, reason ASC, org ASC
