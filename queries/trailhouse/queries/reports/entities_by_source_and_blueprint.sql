/*
title: Entities by source and blueprint
question: Where do the entities of each blueprint come from, and how did that change?
source: [P13]
counts: entities that exist at the end of the period, by blueprint and by the data source that was named last in their events
terms: [exists, event, month]
chart: table
ties: more entities first, then the blueprint, then the data source by code point
last: 1d
whole: month
semantics:
  port: {since: '2025-11-01', quote: 'Each blueprint, data source entities, and the difference from the previous month.'}
explain: {where: "category = 'entity' AND attributes['blueprint'] = {row_blueprint:String}", text: 'what happened to entities of the blueprint in the period'}
columns:
  blueprint: {type: text, unit: blueprint, text: 'as events name it; empty where they do not'}
  data_source: {type: text, unit: data source, text: 'the latest that events of the entity name; empty where none does'}
  entities: {type: integer, unit: entities, text: 'that exist at the end of the period; 0 where there were some at the end of the month before'}
  difference: {type: integer, unit: entities, text: 'less those that existed at the end of the month before'}
*/
SELECT
  blueprint,
  data_source,
  countIf(is_now) AS entities,
  toInt64(entities) - toInt64(countIf(NOT is_now)) AS difference
FROM (
  SELECT
    type_key AS blueprint,
    arrayJoin([(true, existed[-1], source[-1]), (false, existed[-2], source[-2])]) AS state,
    state.1 AS is_now,
    state.3 AS data_source
  FROM existing_things_in(
    kind = 'entity',
    by_source = true,
    orgs = {orgs:Array(String)},
    moments = arrayConcat([({before_spans:Array(Tuple(Int64, Int64, Int32))}[-1]).2], {month_ends:Array(Int64)})
  )
  WHERE state.2
)
GROUP BY blueprint, data_source
ORDER BY entities DESC, blueprint ASC, data_source ASC
