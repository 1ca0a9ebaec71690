-- What is said of each person, a row per fact, with the event that said so last, by (occurred_at, event_id): arriving
-- twice or in another order changes nothing. `user_ref` is who it is about: the event's target, else whoever joins a
-- team. `item` is the team or workspace where the fact is about one; `first` is when it was said first. Rows of
-- `user_ref` 0 are about the teams and workspaces themselves. A person may be known here before they ever act.
-- With `users`, the directory: it holds names, addresses and team names in plain text.
-- Partition: none; a few rows per person stay small and are always read by organisation.
-- Order: by person within an organisation, as `users`.
CREATE TABLE directory (
  org_id LowCardinality(String),
  user_ref UInt64,
  fact LowCardinality(String),
  item String,
  said SimpleAggregateFunction(max, Tuple(DateTime64(3, 'UTC'), UUID, String)),
  first SimpleAggregateFunction(min, DateTime64(3, 'UTC'))
) ENGINE = AggregatingMergeTree
ORDER BY (org_id, user_ref, fact, item)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1, non_replicated_deduplication_window = 0;

-- Events that say something about the people of an organisation, on their way into `directory`: the same for those that
-- land and for those that landed before there was a directory. It stores nothing.
CREATE TABLE deeds (
  org_id LowCardinality(String),
  occurred_at DateTime64(3, 'UTC'),
  event_id UUID,
  action LowCardinality(String),
  user_ref UInt64,
  target_ref UInt64,
  entity_asset String,
  attributes Map(LowCardinality(String), String),
  pii Map(LowCardinality(String), String)
) ENGINE = Null;

CREATE MATERIALIZED VIEW directory_mv TO directory AS
WITH
  if(target_ref != 0, target_ref, if(action = 'team:accept_invite', user_ref, 0)) AS who,
  if(entity_asset != '', entity_asset, if(pii['entity_name'] != '', concat('name ', pii['entity_name']), '')) AS team,
  if(attributes['workspace'] != '', attributes['workspace'], entity_asset) AS workspace,
  splitByChar(':', toString(action))[1] AS noun,
  if(action = 'roster:user', attributes, CAST(map(), 'Map(LowCardinality(String), String)')) AS roster
SELECT
  org_id,
  (arrayJoin(arrayFilter(
    each -> each.1 != 0 OR each.2 IN ('team_name', 'team_gone', 'workspace_gone'),
    arrayConcat(
      if(target_ref != 0, [(who, 'identity', '', if(pii['user_asset'] != '', pii['user_asset'], lowerUTF8(normalizeUTF8NFC(trimBoth(pii['user_email'])))))], []),
      if(pii['user_email'] != '', [(who, 'email', '', trimBoth(pii['user_email']))], []),
      if(pii['attributes.user_name'] != '', [(who, 'name', '', pii['attributes.user_name'])], []),
      if(attributes['role'] != '' AND noun != 'workspace', [(who, 'role', '', attributes['role'])], []),
      if(roster['kind'] != '', [(who, 'kind', '', roster['kind'])], []),
      if(action = 'team:create_service_account', [(who, 'kind', '', 'service_account')], []),
      if(action IN ('team:invite_user', 'user:create', 'team:create_service_account'), [(who, 'added', '', '')], []),
      if(roster['added'] != '', [(who, 'added_on', '', roster['added'])], []),
      multiIf(
        action = 'team:invite_user' OR roster['status'] = 'invited', [(who, 'invitation', '', 'sent')],
        action = 'team:uninvite', [(who, 'invitation', '', 'withdrawn')],
        action IN ('team:accept_invite', 'user:create') OR roster['status'] IN ('active', 'deactivated'), [(who, 'invitation', '', 'accepted')],
        []
      ),
      multiIf(
        action IN ('user:deactivate', 'user:permanently_delete') OR roster['status'] = 'deactivated', [(who, 'access', '', 'revoked')],
        action = 'user:reactivate' OR roster['status'] IN ('active', 'invited'), [(who, 'access', '', 'given')],
        []
      ),
      multiIf(
        action = 'user:assign_seat', [(who, 'seat', '', if(attributes['seat'] != '', attributes['seat'], 'Full'))],
        action = 'user:release_seat', [(who, 'seat', '', '')],
        mapContains(roster, 'seat'), [(who, 'seat', '', roster['seat'])],
        []
      ),
      if(action = 'roster:alias', [(who, 'alias', '', pii['attributes.alias_of_user'])], []),
      if(roster['lists_teams'] != '', [(who, 'lists_teams', '', '')], []),
      if(roster['lists_workspaces'] != '', [(who, 'lists_workspaces', '', '')], []),
      multiIf(
        team = '', [],
        action = 'team:uninvite', [(who, 'team', team, 'out')],
        action IN ('team:invite_user', 'team:accept_invite', 'team:create_service_account', 'user:create', 'roster:team'), [(who, 'team', team, 'in')],
        []
      ),
      if(team != '' AND pii['entity_name'] != '', [(toUInt64(0), 'team_name', team, pii['entity_name'])], []),
      if(team != '' AND action = 'team:delete', [(toUInt64(0), 'team_gone', team, '')], []),
      multiIf(
        workspace = '', [],
        action IN ('workspace:grant', 'roster:workspace'), [(who, 'workspace', workspace, 'in')],
        action = 'workspace:revoke', [(who, 'workspace', workspace, 'out')],
        action = 'workspace:delete', [(toUInt64(0), 'workspace_gone', workspace, '')],
        []
      )
    )
  )) AS each).1 AS user_ref,
  each.2 AS fact,
  each.3 AS item,
  max((occurred_at, event_id, each.4)) AS said,
  min(occurred_at) AS first
FROM deeds
GROUP BY org_id, user_ref, fact, item;

CREATE MATERIALIZED VIEW deeds_mv TO deeds AS
SELECT org_id, occurred_at, event_id, action, user_ref, target_ref, entity_asset, attributes, pii
FROM landing
WHERE reason = ''
  AND outcome IN ('success', 'unknown')
  AND action IN (
    'team:invite_user', 'team:accept_invite', 'team:uninvite', 'team:create_service_account', 'team:create', 'team:update', 'team:delete',
    'user:create', 'user:update', 'user:change_role', 'user:assign_seat', 'user:release_seat', 'user:deactivate', 'user:reactivate',
    'user:permanently_delete', 'workspace:grant', 'workspace:revoke', 'workspace:delete',
    'roster:user', 'roster:alias', 'roster:team', 'roster:workspace'
  );

-- What was said before there was a directory.
INSERT INTO deeds
SELECT
  events.org_id, events.occurred_at, events.event_id, events.action, events.user_ref, events.target_ref, events.entity_asset,
  events.attributes, event_pii.pii
FROM events
LEFT JOIN event_pii ON events.org_id = event_pii.org_id AND events.event_id = event_pii.event_id AND toDate(events.occurred_at) = toDate(event_pii.occurred_at)
WHERE outcome IN ('success', 'unknown')
  AND action IN (
    'team:invite_user', 'team:accept_invite', 'team:uninvite', 'team:create_service_account', 'team:create', 'team:update', 'team:delete',
    'user:create', 'user:update', 'user:change_role', 'user:assign_seat', 'user:release_seat', 'user:deactivate', 'user:reactivate',
    'user:permanently_delete', 'workspace:grant', 'workspace:revoke', 'workspace:delete',
    'roster:user', 'roster:alias', 'roster:team', 'roster:workspace'
  );
