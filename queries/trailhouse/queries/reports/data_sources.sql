/*
title: Data sources
question: Which data sources are connected, and since when?
source: [P20]
counts: data sources that exist at the end of the period, a row each
terms: [exists, event]
chart: table
ties: the later created first, then name, id and organisation by code point
last: 1d
semantics:
  port: {quote: 'The type and name per organization, as well as the created date for each data source.'}
explain: {where: "category = 'data_source' AND org_id = {row_org:String} AND attributes['data_source'] = {row_id:String}", text: 'what happened to the data source in the period'}
parameters:
  limit: {type: UInt32, default: 1000, minimum: 1, maximum: 100000, text: 'rows at most'}
columns:
  type: {type: text, unit: type, text: 'the latest that events name; empty where none does'}
  name: {type: text, unit: name, text: 'the latest that events name, else the id'}
  org: {type: text, unit: organisation, text: 'whose it is'}
  created: {type: time, unit: RFC 3339 in the time zone asked for, text: 'when it was created first; the first event of it where no creation is known'}
  id: {type: text, unit: data source, text: 'as events name it'}
*/
SELECT type, if(label != '', label, thing) AS name, org_id AS org, created, thing AS id
FROM existing_things_in(
  kind = 'data_source',
  by_source = false,
  orgs = {orgs:Array(String)},
  moments = arrayConcat([({before_spans:Array(Tuple(Int64, Int64, Int32))}[-1]).2], {month_ends:Array(Int64)})
)
WHERE existed[-1]
ORDER BY created DESC, name ASC, id ASC, org ASC
LIMIT {limit:UInt32}
