/*
title: Many deletions in a short time
question: Who deleted a lot at once?
source: [SP3]
counts: bursts of deletions, those that failed left out; a burst is every deletion of one actor that lies in a window of so many minutes with at least so many deletions, windows that share a deletion being one burst
terms: [burst, event, period, masked-user]
chart: table
ties: more deletions first, then the later end, then the organisation, then the identity by code point; decided before masking
last: 30d
explain:
  where: >-
    crud = 'delete' AND outcome IN ('success', 'unknown') AND org_id = {row_org:String} AND toString(user_ref) = {row_ref:String}
    AND actor_type = {row_actor_type:String} AND occurred_at >= {row_first:DateTime64(3, 'UTC')} AND occurred_at <= {row_last:DateTime64(3, 'UTC')}
  column: deletions
  is: count()
parameters:
  minimum: {type: UInt32, default: 20, minimum: 2, maximum: 1000000, text: 'deletions that are many'}
  minutes: {type: UInt32, default: 10, minimum: 1, maximum: 1440, text: 'length of the window; a deletion exactly so many minutes after another is in it'}
  actors: {type: String, default: all, choices: [people, all], text: 'whose deletions; people leaves out service accounts and systems'}
  limit: {type: UInt32, default: 100, minimum: 1, maximum: 100000, text: 'rows at most'}
columns:
  org: {type: text, unit: organisation, text: 'the organisation it happened in'}
  user: {type: text, unit: identity, text: 'the actor id, else e-mail; `u_` and 16 hex digits for callers who may not read personal data'}
  actor_type: {type: text, unit: actor type, text: '`user`, `service_account`, `system`'}
  deletions: {type: integer, unit: events, text: 'deletions in the burst; one event may stand for many things'}
  batches: {type: integer, unit: events, text: 'those of them that each stand for many things (actions that end in `_many`)'}
  peak: {type: integer, unit: events, text: 'most deletions in any one window'}
  first: {type: time, unit: RFC 3339 in the time zone asked for, text: 'the first deletion of the burst'}
  last: {type: time, unit: RFC 3339 in the time zone asked for, text: 'the last one'}
  actions: {type: text, unit: actions, text: 'what was done, in alphabetical order'}
  ref: {type: text, unit: keyed hash, text: who it is, is_hidden: true}
*/
SELECT
  org_id AS org,
  if({read_pii:Bool} AND identity != '', identity, masked) AS user,
  actor_type,
  deletions,
  batches,
  peak,
  first,
  last,
  actions,
  toString(user_ref) AS ref
FROM (
  SELECT
    org_id,
    user_ref,
    actor_type,
    concat('u_', lower(leftPad(hex(user_ref), 16, '0'))) AS masked,
    count() AS deletions,
    countIf(endsWith(action, '_many')) AS batches,
    max(ahead) AS peak,
    fromUnixTimestamp64Milli(min(at), 'UTC') AS first,
    fromUnixTimestamp64Milli(max(at), 'UTC') AS last,
    arrayStringConcat(arraySort(groupUniqArray(toString(action))), ', ') AS actions
  FROM (
    SELECT *, sum(reached_before < place) OVER (PARTITION BY org_id, user_ref, actor_type ORDER BY place) AS burst
    FROM (
      -- A window opens at each deletion that has enough ahead of it, itself included; `reached` = the last place in any
      -- window opened so far. What none reaches is in no burst; what only the windows opened here reach begins one.
      SELECT
        *,
        max(if(ahead >= {minimum:UInt32}, peer + ahead - 1, 0)) OVER (PARTITION BY org_id, user_ref, actor_type ORDER BY place ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) AS reached,
        max(if(ahead >= {minimum:UInt32}, peer + ahead - 1, 0)) OVER (PARTITION BY org_id, user_ref, actor_type ORDER BY place ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS reached_before
      FROM (
        SELECT
          org_id, user_ref, actor_type, action, toUnixTimestamp64Milli(occurred_at) AS at,
          row_number() OVER (PARTITION BY org_id, user_ref, actor_type ORDER BY at, event_id) AS place,
          -- Of those at the same moment all have the first one's place, and all of them ahead.
          rank() OVER (PARTITION BY org_id, user_ref, actor_type ORDER BY at) AS peer,
          count() OVER (PARTITION BY org_id, user_ref, actor_type ORDER BY at RANGE BETWEEN CURRENT ROW AND {minutes:UInt32} * 60000 FOLLOWING) AS ahead
        FROM notable FINAL
        WHERE org_id IN {orgs:Array(String)}
          AND crud = 'delete'
          AND outcome IN ('success', 'unknown')
          AND user_ref != 0
          AND (actor_type = 'user' OR {actors:String} = 'all')
          -- Bounds of the whole period, spelled as constants so that partitions and the primary key are used.
          AND toDate(occurred_at) >= toDate(fromUnixTimestamp64Milli(({ranges:Array(Tuple(Int64, Int64))}[1]).1, 'UTC'))
          AND toDate(occurred_at) <= toDate(fromUnixTimestamp64Milli(({ranges:Array(Tuple(Int64, Int64))}[-1]).2, 'UTC'))
          AND occurred_at >= fromUnixTimestamp64Milli(({ranges:Array(Tuple(Int64, Int64))}[1]).1, 'UTC')
          AND occurred_at < fromUnixTimestamp64Milli(({ranges:Array(Tuple(Int64, Int64))}[-1]).2, 'UTC')
          AND (length({ranges:Array(Tuple(Int64, Int64))}) = 1 OR arrayExists(
            instants -> toUnixTimestamp64Milli(occurred_at) >= instants.1 AND toUnixTimestamp64Milli(occurred_at) < instants.2,
            {ranges:Array(Tuple(Int64, Int64))}
          ))
        SETTINGS do_not_merge_across_partitions_select_final = 1
      )
    )
    WHERE place <= reached
  )
  GROUP BY org_id, user_ref, actor_type, burst
) AS bursts
LEFT JOIN names_in(orgs = {orgs:Array(String)}) AS directory USING (org_id, user_ref)
ORDER BY deletions DESC, last DESC, org_id ASC, if(identity = '', masked, identity) ASC, actor_type ASC
LIMIT {limit:UInt32}
