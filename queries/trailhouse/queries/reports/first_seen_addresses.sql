/*
title: First-seen addresses and clients
question: Who was active from an address or with a client they had never used before?
source: [SP2]
counts: each address and each client (the user agent without version numbers) of a known person by the time of the first activity there
terms: [sighting, person, activity, period, masked-user, masked-address]
chart: table
ties: the later first sighting first, then the organisation, then the identity by code point, then addresses before clients, then the hash or the client by code point; decided before masking
last: 30d
explain:
  where: >-
    is_activity AND user_ref != 0 AND (actor_type = 'user' OR {actors:String} = 'all') AND (address_ref != 0 OR user_agent != '') AND org_id = {row_org:String} AND toString(user_ref) = {row_ref:String} AND actor_type = {row_actor_type:String}
    AND if({row_kind:String} = 'address', lower(leftPad(hex(address_ref), 16, '0')), replaceRegexpAll(user_agent, '[/ :]v?[0-9][0-9A-Za-z._+-]*', '')) = {row_seen:String}
  text: what they did from there or with it in the period
parameters:
  kind: {type: String, default: all, choices: [all, address, client], text: 'addresses, clients, or both'}
  known_for: {type: UInt32, default: 1, minimum: 0, maximum: 3650, text: 'days (24 hours each) since their first activity, before which everything of a person is new'}
  actors: {type: String, default: people, choices: [people, all], text: 'whose sightings; all adds service accounts and systems'}
  limit: {type: UInt32, default: 100, minimum: 1, maximum: 100000, text: 'rows at most'}
columns:
  org: {type: text, unit: organisation, text: 'the organisation it happened in'}
  user: {type: text, unit: identity, text: 'the actor id, else e-mail; `u_` and 16 hex digits for callers who may not read personal data'}
  actor_type: {type: text, unit: actor type, text: '`user`, `service_account`, `system`'}
  kind: {type: text, unit: kind, text: '`address` or `client`'}
  value: {type: text, unit: address or client, text: 'the client; the address, or `a_` and 16 hex digits, its keyed hash, for callers who may not read personal data'}
  first: {type: time, unit: RFC 3339 in the time zone asked for, text: 'when they were active from there or with it for the first time ever'}
  last: {type: time, unit: RFC 3339 in the time zone asked for, text: 'when last, also after the period'}
  known_since: {type: time, unit: RFC 3339 in the time zone asked for, text: 'their first activity ever'}
  ref: {type: text, unit: keyed hash, text: who it is, is_hidden: true}
  seen: {type: text, unit: keyed hash or client, text: which address or client it is, is_hidden: true}
*/
WITH shown AS (
  SELECT
    org_id, user_ref, actor_type, kind, value, earliest, event_id, latest, known_since, identity,
    concat('u_', lower(leftPad(hex(user_ref), 16, '0'))) AS masked,
    row_number() OVER (ORDER BY earliest DESC, org_id ASC, if(identity = '', masked, identity) ASC, kind ASC, value ASC, actor_type ASC) AS place
  FROM (
    SELECT org_id, user_ref, actor_type, kind, value, min(first.1) AS earliest, argMin(first.2, first.1) AS event_id, max(last.1) AS latest
    FROM sightings
    WHERE org_id IN {orgs:Array(String)}
      AND (actor_type = 'user' OR {actors:String} = 'all')
      AND (kind = {kind:String} OR {kind:String} = 'all')
    GROUP BY org_id, user_ref, actor_type, kind, value
    HAVING arrayExists(
      instants -> toUnixTimestamp64Milli(earliest) >= instants.1 AND toUnixTimestamp64Milli(earliest) < instants.2,
      {ranges:Array(Tuple(Int64, Int64))}
    )
  ) AS fresh
  INNER JOIN (
    SELECT org_id, user_ref, actor_type, min(first) AS known_since
    FROM newcomers
    WHERE org_id IN {orgs:Array(String)}
    GROUP BY org_id, user_ref, actor_type
  ) AS known USING (org_id, user_ref, actor_type)
  LEFT JOIN names_in(orgs = {orgs:Array(String)}) AS directory USING (org_id, user_ref)
  WHERE known_since < earliest
    AND toUnixTimestamp64Milli(earliest) - toUnixTimestamp64Milli(known_since) >= {known_for:UInt32} * 86400000
  ORDER BY place
  LIMIT {limit:UInt32}
)
SELECT
  org_id AS org,
  if({read_pii:Bool} AND identity != '', identity, masked) AS user,
  actor_type,
  kind,
  multiIf(kind = 'client', shown.value, plain.address != '', plain.address, concat('a_', shown.value)) AS value,
  earliest AS first,
  latest AS last,
  known_since,
  toString(user_ref) AS ref,
  shown.value AS seen
FROM shown
LEFT JOIN (
  SELECT org_id, event_id, any(pii['actor_ip']) AS address
  FROM event_pii
  WHERE {read_pii:Bool}
    AND (org_id, toDate(occurred_at), event_id) IN (SELECT org_id, toDate(earliest), event_id FROM shown WHERE kind = 'address')
  GROUP BY org_id, event_id
) AS plain ON shown.org_id = plain.org_id AND shown.event_id = plain.event_id
ORDER BY place
