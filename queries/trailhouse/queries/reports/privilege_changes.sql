/*
title: Privilege and membership changes
question: Who gave or took which rights, to or from whom, and when?
source: [SP4]
counts: every event that makes, changes or deletes a user, a role, a seat, a membership, a workspace's access, a service account or an API key; what rosters say is left out
terms: [privilege-change, event, period, masked-user]
chart: table
ties: the later first, then the organisation, then the event's id by code point
last: 30d
explain:
  where: >-
    org_id = {row_org:String} AND event_id = toUUID({row_event:String})
    AND category IN ('access', 'user', 'team', 'workspace') AND crud IN ('create', 'update', 'delete') AND NOT startsWith(action, 'roster:')
    AND NOT (action IN ('user:update', 'team:update') AND attributes['role'] = '' AND NOT has(changed_fields, 'role'))
  text: the event itself
parameters:
  kind: {type: String, default: all, choices: [all, role, seat, team, workspace, service_account, key, account, other], text: 'what was changed'}
  outcome: {type: String, default: all, choices: [all, done, refused], text: 'done, or failed and refused'}
  limit: {type: UInt32, default: 100, minimum: 1, maximum: 100000, text: 'rows at most'}
columns:
  at: {type: time, unit: RFC 3339 in the time zone asked for, text: 'when it happened'}
  org: {type: text, unit: organisation, text: 'the organisation it happened in'}
  who: {type: text, unit: identity, text: 'the actor id, else e-mail; `u_` and 16 hex digits for callers who may not read personal data; empty for nobody known'}
  action: {type: text, unit: action, text: 'the action as its service named it'}
  kind: {type: text, unit: kind, text: '`role`, `seat`, `team`, `workspace`, `service_account`, `key`, `account` (made, deactivated, reactivated, deleted), or `other`'}
  whom: {type: text, unit: identity, text: 'the actor id, else e-mail; `u_` and 16 hex digits for callers who may not read personal data; empty where nobody is named'}
  item: {type: text, unit: id, text: 'the team, the workspace or the key it was about'}
  before: {type: text, unit: role, text: 'the role that was said of them last before; empty where none was'}
  after: {type: text, unit: role or seat, text: 'the role or the seat they have from then on; empty where the event says none'}
  outcome: {type: text, unit: outcome, text: '`success`, `unknown`, `failure` or `denied`'}
  event: {type: text, unit: event id, text: 'which event it is', is_hidden: true}
*/
WITH shown AS (
  SELECT *
  FROM (
    SELECT
      occurred_at AS at, org_id, user_ref, target_ref, event_id, toString(action) AS action, toString(outcome) AS ended, attributes, entity_asset,
      splitByChar(':', action)[1] AS noun,
      multiIf(
        action = 'team:create_service_account', 'service_account',
        endsWith(action, '_api_key') OR noun = 'key', 'key',
        action IN ('user:assign_seat', 'user:release_seat'), 'seat',
        action = 'user:change_role' OR (crud = 'update' AND noun IN ('user', 'team') AND (attributes['role'] != '' OR has(changed_fields, 'role'))), 'role',
        noun = 'team', 'team',
        noun = 'workspace', 'workspace',
        action IN ('user:create', 'user:deactivate', 'user:reactivate', 'user:permanently_delete'), 'account',
        'other'
      ) AS about
    FROM notable FINAL
    WHERE org_id IN {orgs:Array(String)}
      AND category IN ('access', 'user', 'team', 'workspace')
      AND crud IN ('create', 'update', 'delete')
      AND NOT startsWith(action, 'roster:')
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
  WHERE (about = {kind:String} OR {kind:String} = 'all')
    -- What a profile or a team is called is nobody's right.
    AND NOT (about = 'other' AND action = 'user:update')
    AND NOT (about = 'team' AND action = 'team:update')
    AND ({outcome:String} = 'all' OR (ended IN ('failure', 'denied')) = ({outcome:String} = 'refused'))
  ORDER BY at DESC, org_id ASC, toString(event_id) ASC
  LIMIT {limit:UInt32}
)
SELECT
  at,
  shown.org_id AS org,
  multiIf(shown.user_ref = 0, '', {read_pii:Bool} AND actors.identity != '', actors.identity, concat('u_', lower(leftPad(hex(shown.user_ref), 16, '0')))) AS who,
  action,
  about AS kind,
  multiIf(shown.target_ref = 0, '', {read_pii:Bool} AND targets.identity != '', targets.identity, concat('u_', lower(leftPad(hex(shown.target_ref), 16, '0')))) AS whom,
  multiIf(
    about = 'key', attributes['api_key_id'],
    about = 'workspace' AND attributes['workspace'] != '', attributes['workspace'],
    entity_asset
  ) AS item,
  if(about IN ('role', 'team', 'account', 'service_account'), arrayLast(said -> said.1 < at, roles.said).3, '') AS before,
  multiIf(about = 'role' OR attributes['role'] != '', attributes['role'], action = 'user:assign_seat', if(attributes['seat'] != '', attributes['seat'], 'Full'), '') AS after,
  ended AS outcome,
  toString(shown.event_id) AS event
FROM shown
LEFT JOIN names_in(orgs = {orgs:Array(String)}) AS actors ON shown.org_id = actors.org_id AND shown.user_ref = actors.user_ref
LEFT JOIN names_in(orgs = {orgs:Array(String)}) AS targets ON shown.org_id = targets.org_id AND shown.target_ref = targets.user_ref
LEFT JOIN (
  -- What was ever said of the role of those it was done to, in order; of an event that came twice, what the first copy said.
  SELECT org_id, target_ref, arraySort(groupArray(statement)) AS said
  FROM (
    SELECT org_id, target_ref, event_id, argMax((occurred_at, toString(event_id), attributes['role']), ver) AS statement
    FROM notable
    WHERE org_id IN {orgs:Array(String)}
      AND category IN ('user', 'team')
      AND target_ref IN (SELECT target_ref FROM shown WHERE target_ref != 0 AND about IN ('role', 'team', 'account', 'service_account'))
      AND attributes['role'] != ''
      AND outcome IN ('success', 'unknown')
    GROUP BY org_id, target_ref, event_id
  )
  GROUP BY org_id, target_ref
) AS roles ON shown.org_id = roles.org_id AND shown.target_ref = roles.target_ref
ORDER BY at DESC, org ASC, event ASC
