/*
title: Entities by blueprint
question: Of what are there how many entities?
source: [P12]
counts: entities that exist at the end of the period, by their blueprint
terms: [exists, event, period]
chart: pie
ties: more entities first, then the blueprint by code point
last: 1d
semantics:
  port: {quote: 'Entities by blueprint in a pie chart form.'}
explain: {where: "category = 'entity' AND attributes['blueprint'] = {row_blueprint:String}", text: 'what happened to entities of the blueprint in the period'}
columns:
  blueprint: {type: text, unit: blueprint, text: 'as events name it; empty where they do not'}
  entities: {type: integer, unit: entities, text: 'that exist at the end of the period'}
*/
SELECT type_key AS blueprint, countIf(existed[-1]) AS entities
FROM existing_things_in(
  kind = 'entity',
  by_source = false,
  orgs = {orgs:Array(String)},
  moments = arrayConcat([({before_spans:Array(Tuple(Int64, Int64, Int32))}[-1]).2], {month_ends:Array(Int64)})
)
GROUP BY blueprint
HAVING entities > 0
ORDER BY entities DESC, blueprint ASC
