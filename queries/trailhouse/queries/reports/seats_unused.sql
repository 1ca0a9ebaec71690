/*
title: Seats unused
question: Who holds a seat and does not use it?
source: [PE4, WD14]
counts: people who hold a seat now and had no activity in the period, under none of their identities
terms: [person, activity, period, total-users, masked-user]
chart: table
ties: who was never seen first, then the longest unseen, then the user's identity by code point, then the organisation; decided before masking
last: 90d
explain: {where: "org_id = {row_org:String} AND action IN ('user:assign_seat', 'user:release_seat', 'roster:user') AND target_ref != 0 AND has(arrayMap(ref -> toUInt64(ref), splitByChar(',', {row_refs:String})), target_ref)", text: 'what was said in the period of the seat of that person'}
parameters:
  actors: {type: String, default: people, choices: [people, all], text: 'who is listed; all adds service accounts and systems'}
  limit: {type: UInt32, default: 100, minimum: 1, maximum: 100000, text: 'rows at most'}
columns:
  user: {type: text, unit: identity, text: 'the actor id, else e-mail; `u_` and 16 hex digits for callers who may not read personal data'}
  org: {type: text, unit: organisation, text: 'whose directory has them; somebody of two organisations has a row in each'}
  seat: {type: text, unit: seat, text: 'what they hold, as the directory has it now'}
  status: {type: text, unit: word, text: '`member`, `invited`, `withdrawn` or `deactivated`'}
  last_seen: {type: time, unit: RFC 3339 in the time zone asked for, text: 'the last event of theirs ever, activity or not; empty where there is none'}
  refs: {type: text, unit: keyed hashes, text: who it is, is_hidden: true}
*/
SELECT
  if({read_pii:Bool} AND identity != '', identity, masked) AS user,
  org_id AS org,
  seat,
  status,
  last_seen,
  arrayStringConcat(user_refs, ',') AS refs
FROM (
  SELECT *, concat('u_', lower(leftPad(hex(person_ref), 16, '0'))) AS masked
  FROM staff_in(orgs = {orgs:Array(String)})
  WHERE (kind = 'user' OR {actors:String} = 'all')
    AND seat != ''
    AND NOT arrayExists(
      ref -> (org_id, ref) IN (
        SELECT org_id, user_ref
        FROM active_in(
          orgs = {orgs:Array(String)},
          stretches = {stretches:Array(Tuple(UInt16, UInt16, UInt8, UInt8))},
          cuts = {cuts:Array(Tuple(Int64, Int64, Int32))}
        )
      ),
      user_refs
    )
)
ORDER BY last_seen ASC NULLS FIRST, if(identity = '', masked, identity) ASC, org_id ASC
LIMIT {limit:UInt32}
