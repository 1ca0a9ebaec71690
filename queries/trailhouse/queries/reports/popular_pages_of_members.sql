/*
title: Popular pages of members
question: Which pages do members open most?
source: [P10]
counts: views of a page by people who were no admins at that moment; views that failed or were refused opened no page
terms: [event, person, admin, period]
chart: bar
ties: more views first, then the page by code point
last: 30d
semantics:
  port: {quote: 'Popular pages used by members.'}
explain: {where: "action = 'page:view' AND outcome NOT IN ('failure', 'denied') AND actor_type = 'user' AND lower(actor_role) != 'admin' AND attributes['page'] = {row_page:String}", column: views, is: count()}
parameters:
  limit: {type: UInt32, default: 10, minimum: 1, maximum: 100000, text: 'rows at most'}
columns:
  rank: {type: integer, unit: place, text: '1 is the most popular'}
  page: {type: text, unit: page, text: 'the page as its service named it'}
  views: {type: integer, unit: events, text: 'how often it was opened'}
*/
SELECT row_number() OVER (ORDER BY views DESC, page ASC) AS rank, page, views
FROM (
  SELECT page, sum(events) AS views
  FROM page_views_in(
    orgs = {orgs:Array(String)},
    stretches = {stretches:Array(Tuple(UInt16, UInt16, UInt8, UInt8))},
    cuts = {cuts:Array(Tuple(Int64, Int64, Int32))}
  )
  WHERE actor_type = 'user' AND page != '' AND lower(actor_role) != 'admin'
  GROUP BY page
)
ORDER BY rank
LIMIT {limit:UInt32}
