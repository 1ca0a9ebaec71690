/*
title: Workspaces by user
question: Which workspaces can each user open?
source: [K5]
counts: workspaces each person has been given and not lost, as of now, under whichever of their identities; the period changes nothing
terms: [person, total-users, masked-user]
chart: table
ties: more workspaces first, then the user's identity by code point, then the organisation; decided before masking
last: 12m
semantics:
  kroolo: {quote: 'Workspaces Access: Information about the workspaces each user has access to.'}
explain: {where: "org_id = {row_org:String} AND action IN ('workspace:grant', 'workspace:revoke', 'roster:workspace', 'roster:user') AND target_ref != 0 AND has(arrayMap(ref -> toUInt64(ref), splitByChar(',', {row_refs:String})), target_ref)", text: 'what was said in the period of the workspaces of that person'}
parameters:
  actors: {type: String, default: people, choices: [people, all], text: 'who is listed; all adds service accounts and systems'}
  limit: {type: UInt32, default: 100, minimum: 1, maximum: 100000, text: 'rows at most'}
columns:
  user: {type: text, unit: identity, text: 'the actor id, else e-mail; `u_` and 16 hex digits for callers who may not read personal data'}
  org: {type: text, unit: organisation, text: 'whose directory has them; somebody of two organisations has a row in each'}
  status: {type: text, unit: word, text: '`member`, `invited`, `withdrawn` or `deactivated`'}
  workspaces: {type: integer, unit: workspaces, text: 'how many; 0 where there is none'}
  which: {type: text, unit: ids, text: 'their ids in alphabetical order, with commas'}
  refs: {type: text, unit: keyed hashes, text: who it is, is_hidden: true}
*/
SELECT
  if({read_pii:Bool} AND identity != '', identity, masked) AS user,
  org_id AS org,
  status,
  length(ids) AS workspaces,
  arrayStringConcat(ids, ', ') AS which,
  arrayStringConcat(user_refs, ',') AS refs
FROM (
  SELECT
    org_id,
    identity,
    status,
    user_refs,
    concat('u_', lower(leftPad(hex(person_ref), 16, '0'))) AS masked,
    -- What a roster lists replaces what was said of the person's workspaces before it.
    maxIf(told, fact = 'lists_workspaces').1 AS listed_at,
    arraySort(arrayMap(each -> each.1, arrayFilter(
      each -> each.2.3 = 'in' AND each.2.1 >= listed_at AND each.2.1 > each.3,
      groupArrayIf((item, told, gone_at), fact = 'workspace')
    ))) AS ids
  FROM (
    SELECT staff.org_id AS org_id, person_ref, identity, status, user_refs, facts.fact AS fact, facts.item AS item, max(facts.said) AS told, max(deleted.at) AS gone_at
    FROM (
      SELECT org_id, person_ref, identity, status, user_refs, arrayJoin(user_refs) AS user_ref
      FROM staff_in(orgs = {orgs:Array(String)})
      WHERE kind = 'user' OR {actors:String} = 'all'
    ) AS staff
    LEFT JOIN (
      SELECT org_id, user_ref, fact, item, said
      FROM directory
      WHERE org_id IN {orgs:Array(String)} AND user_ref != 0 AND fact IN ('workspace', 'lists_workspaces')
    ) AS facts ON staff.org_id = facts.org_id AND staff.user_ref = facts.user_ref
    LEFT JOIN (
      SELECT org_id, item, max(said).1 AS at
      FROM directory
      WHERE org_id IN {orgs:Array(String)} AND user_ref = 0 AND fact = 'workspace_gone'
      GROUP BY org_id, item
    ) AS deleted ON staff.org_id = deleted.org_id AND facts.item = deleted.item
    GROUP BY org_id, person_ref, identity, status, user_refs, fact, item
  )
  GROUP BY org_id, person_ref, identity, status, user_refs
)
ORDER BY workspaces DESC, if(identity = '', masked, identity) ASC, org_id ASC
LIMIT {limit:UInt32}
