/*
title: Who read what
question: Who read, exported or changed what here, and who was refused?
source: [design-10]
counts: what Trailhouse recorded of itself; of one who is refused again and again ten times in ten minutes, then each time they have doubled
terms: [event, period, masked-user]
chart: table
ties: the later last time first, then more times, then who by identity, then the other columns by code point; decided before masking
last: 30d
explain:
  where: >-
    source = 'trailhouse' AND action = {row_action:String} AND outcome = {row_outcome:String} AND toString(user_ref) = {row_ref:String}
    AND attributes['pii_shown'] = {row_persons_shown:String}
    AND if({read_pii:Bool} AND {is_known:Bool}, attributes['key_id'], '') = {row_key:String}
    AND arrayFirst(name -> name != '', [attributes['report'], attributes['log'], attributes['path'], if({read_pii:Bool} AND {is_known:Bool}, attributes['made_key'], ''), attributes['place'], attributes['event'], attributes['person'], attributes['hold']]) = {row_what:String}
  column: times
  is: count()
parameters:
  limit: {type: UInt32, default: 100, minimum: 1, maximum: 100000, text: 'rows at most'}
columns:
  who: {type: text, unit: identity, text: 'user name of the key, `operator:` and user name of the machine; `u_` and 16 hex digits for callers who may not read personal data; empty for nobody known'}
  key: {type: text, unit: key, text: 'id of the API key that was used or guessed at; empty without one, and for callers without a key or who may not read personal data'}
  action: {type: text, unit: action, text: 'what was done'}
  what: {type: text, unit: name, text: 'the report, log, path, key, place, event, person or hold it was about, where the record has one'}
  persons_shown: {type: text, unit: word, text: '`true` or `false` where the record says whether persons were shown'}
  outcome: {type: text, unit: outcome, text: '`success`, or `denied`'}
  times: {type: integer, unit: events, text: 'how often it was recorded'}
  last: {type: time, unit: RFC 3339 in the time zone asked for, text: 'when last'}
  ref: {type: text, unit: keyed hash, text: who it is, is_hidden: true}
*/
SELECT
  multiIf(user_ref = 0, '', {read_pii:Bool} AND identity != '', identity, masked) AS who,
  key,
  action,
  what,
  persons_shown,
  outcome,
  times,
  last,
  toString(user_ref) AS ref
FROM (
  SELECT
    org_id,
    user_ref,
    concat('u_', lower(leftPad(hex(user_ref), 16, '0'))) AS masked,
    {read_pii:Bool} AND {is_known:Bool} AS knows_keys,
    if(knows_keys, attributes['key_id'], '') AS key,
    action,
    arrayFirst(
      name -> name != '',
      [attributes['report'], attributes['log'], attributes['path'], if(knows_keys, attributes['made_key'], ''), attributes['place'], attributes['event'], attributes['person'], attributes['hold']]
    ) AS what,
    attributes['pii_shown'] AS persons_shown,
    outcome,
    count() AS times,
    max(occurred_at) AS last
  FROM events FINAL
  WHERE org_id IN {orgs:Array(String)}
    AND source = 'trailhouse'
    -- Bounds of the whole period, spelled as constants so that partitions and the primary key are used.
    AND toDate(occurred_at) >= toDate(fromUnixTimestamp64Milli(({ranges:Array(Tuple(Int64, Int64))}[1]).1, 'UTC'))
    AND toDate(occurred_at) <= toDate(fromUnixTimestamp64Milli(({ranges:Array(Tuple(Int64, Int64))}[-1]).2, 'UTC'))
    AND arrayExists(
      instants -> toUnixTimestamp64Milli(occurred_at) >= instants.1 AND toUnixTimestamp64Milli(occurred_at) < instants.2,
      {ranges:Array(Tuple(Int64, Int64))}
    )
  GROUP BY org_id, user_ref, key, action, what, persons_shown, outcome
  SETTINGS do_not_merge_across_partitions_select_final = 1
) AS done
LEFT JOIN names_in(orgs = {orgs:Array(String)}) AS directory USING (org_id, user_ref)
ORDER BY last DESC, times DESC, if(identity = '', masked, identity) ASC, key ASC, action ASC, what ASC, persons_shown ASC, outcome ASC
LIMIT {limit:UInt32}
