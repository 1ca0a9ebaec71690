/*
title: Service accounts used by people
question: Which service accounts sign in, view pages or use a browser, as only people should?
source: [SP7]
counts: events of service accounts that are a login that succeeded, are about pages, come from the web, or come with a browser's user agent
terms: [human-sign, event, period, masked-user, masked-address]
chart: table
ties: more events first, then the later last one, then the organisation, then the identity by code point; decided before masking
last: 30d
explain:
  where: >-
    actor_type = 'service_account' AND org_id = {row_org:String} AND toString(user_ref) = {row_ref:String}
    AND (is_login OR category = 'page' OR source = 'web' OR startsWith(user_agent, 'Mozilla/') OR startsWith(user_agent, 'Opera/'))
  column: events
  is: count()
parameters:
  minimum: {type: UInt32, default: 1, minimum: 1, maximum: 1000000, text: 'events that make a row'}
  limit: {type: UInt32, default: 100, minimum: 1, maximum: 100000, text: 'rows at most'}
columns:
  org: {type: text, unit: organisation, text: 'the organisation it happened in'}
  account: {type: text, unit: identity, text: 'the actor id, else e-mail; `u_` and 16 hex digits for callers who may not read personal data; empty for nobody known'}
  events: {type: integer, unit: events, text: 'with at least one such sign'}
  logins: {type: integer, unit: events, text: 'logins that succeeded'}
  pages: {type: integer, unit: events, text: 'about pages'}
  web: {type: integer, unit: events, text: 'from source `web`'}
  browser: {type: integer, unit: events, text: 'with a user agent that begins as browsers'' do: `Mozilla/` or `Opera/`'}
  addresses: {type: integer, unit: addresses, text: 'distinct addresses they came from'}
  first: {type: time, unit: RFC 3339 in the time zone asked for, text: 'the first of them'}
  last: {type: time, unit: RFC 3339 in the time zone asked for, text: 'the last of them'}
  ref: {type: text, unit: keyed hash, text: who it is, is_hidden: true}
*/
SELECT
  org_id AS org,
  if({read_pii:Bool} AND identity != '', identity, masked) AS account,
  events,
  logins,
  pages,
  web,
  browser,
  addresses,
  first,
  last,
  toString(user_ref) AS ref
FROM (
  SELECT
    org_id,
    user_ref,
    if(user_ref = 0, '', concat('u_', lower(leftPad(hex(user_ref), 16, '0')))) AS masked,
    count() AS events,
    countIf(is_login) AS logins,
    countIf(category = 'page') AS pages,
    countIf(source = 'web') AS web,
    countIf(startsWith(user_agent, 'Mozilla/') OR startsWith(user_agent, 'Opera/')) AS browser,
    uniqExactIf(address_ref, address_ref != 0) AS addresses,
    min(occurred_at) AS first,
    max(occurred_at) AS last
  FROM notable FINAL
  WHERE org_id IN {orgs:Array(String)}
    AND actor_type = 'service_account'
    AND (is_login OR category = 'page' OR source = 'web' OR startsWith(user_agent, 'Mozilla/') OR startsWith(user_agent, 'Opera/'))
    -- Bounds of the whole period, spelled as constants so that partitions and the primary key are used.
    AND toDate(occurred_at) >= toDate(fromUnixTimestamp64Milli(({ranges:Array(Tuple(Int64, Int64))}[1]).1, 'UTC'))
    AND toDate(occurred_at) <= toDate(fromUnixTimestamp64Milli(({ranges:Array(Tuple(Int64, Int64))}[-1]).2, 'UTC'))
    AND occurred_at >= fromUnixTimestamp64Milli(({ranges:Array(Tuple(Int64, Int64))}[1]).1, 'UTC')
    AND occurred_at < fromUnixTimestamp64Milli(({ranges:Array(Tuple(Int64, Int64))}[-1]).2, 'UTC')
    AND (length({ranges:Array(Tuple(Int64, Int64))}) = 1 OR arrayExists(
      instants -> toUnixTimestamp64Milli(occurred_at) >= instants.1 AND toUnixTimestamp64Milli(occurred_at) < instants.2,
      {ranges:Array(Tuple(Int64, Int64))}
    ))
  GROUP BY org_id, user_ref
  HAVING events >= {minimum:UInt32}
  SETTINGS do_not_merge_across_partitions_select_final = 1
) AS accounts
LEFT JOIN names_in(orgs = {orgs:Array(String)}) AS directory USING (org_id, user_ref)
ORDER BY events DESC, last DESC, org_id ASC, if(identity = '', masked, identity) ASC
LIMIT {limit:UInt32}
