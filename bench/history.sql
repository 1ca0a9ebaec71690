-- Months of a large installation, made inside the engine: `rows` events from number `start` on, of `count` in all. They come
-- in the order they happened. The largest organisation has three tenths of them, people come and go unevenly, work by day
-- and rest at weekends; machines do not. No personal data: that would be another disk full of what no report here reads.
INSERT INTO landing (
  epoch, partition, `from`, offset, received_at, reason, rules, org_id, event_id, occurred_at, action, noun, verb, crud, category,
  is_activity, is_login, outcome, actor_type, actor_role, user_ref, target_ref, address_ref, network, user_agent, entity_asset,
  project_asset, response_code, source, attributes, identity
)
SELECT
  'bench', number % 8, intDiv(number, 8), intDiv(number, 8), occurred_at + 1, '', '2',
  org,
  -- A UUIDv7 of that moment, as `emit` mints them.
  reinterpretAsUUID(bitOr(
    toUInt128(bitOr(bitShiftLeft(toUInt64(toUnixTimestamp64Milli(occurred_at)), 16), 0x7000 + sipHash64(number, 10) % 4096)),
    bitShiftLeft(toUInt128(bitOr(0x8000000000000000, bitShiftRight(sipHash64(number, 11), 2))), 64)
  )), occurred_at,
  kind.1, splitByChar(':', kind.1)[1], splitByChar(':', kind.1)[2], kind.2, kind.3,
  NOT is_failed, kind.1 = 'user:login' AND NOT is_failed, if(is_failed, 'failure', 'success'),
  if(is_machine, 'service_account', 'user'), if(is_machine, '', if(person % 25 = 0, 'admin', 'member')),
  sipHash64(org, person), if(kind.3 IN ('user', 'team'), sipHash64(org, intDiv(person, 3)), 0),
  sipHash64(org, person, luck[7] % 3), 'public', if(kind.4 = 'web', concat('Mozilla/5.0 (browser ', toString(person % 9), ')'), ''),
  concat('team-', toString(person % 40)), if(kind.3 IN ('run', 'project', 'artifact'), concat('project-', toString(luck[8] % 200)), ''),
  if(is_failed, 401, 200), kind.4,
  multiIf(
    kind.1 = 'page:view', map('page', concat('/page/', toString(intDiv(luck[8] % 1600, 1 + luck[9] % 40)))),
    kind.3 = 'entity', map('entity', concat('e-', toString(thing)), 'blueprint', concat('blueprint-', toString(thing % 12)), 'data_source', concat('source-', toString(thing % 7))),
    kind.3 = 'data_source', map('data_source', concat('source-', toString(luck[8] % 40)), 'type', concat('type-', toString(luck[8] % 7))),
    kind.1 = 'action:run', map('self_service_action', concat('action-', toString(intDiv(luck[8] % 400, 1 + luck[9] % 20)))),
    kind.1 = 'automation:trigger', map('automation', concat('on change ', toString(luck[8] % 30))),
    kind.1 = 'ai:invoke', map('agent_type', ['search', 'triage', 'summary', 'review', 'writer'][1 + luck[8] % 5]),
    kind.1 = 'mcp:call', map('tool', concat('tool-', toString(luck[8] % 15))),
    CAST(map(), 'Map(LowCardinality(String), String)')
  ),
  concat('u-', toString(person))
FROM (
  SELECT
    number,
    arrayMap(salt -> sipHash64(number, salt), range(10)) AS luck,
    if(luck[1] % 1000 < 300, 1, 2 + toUInt32(pow((luck[1] % 1000 - 300) / 700, 1.5) * 18.999)) AS place,
    concat('org-', leftPad(toString(place), 2, '0')) AS org,
    luck[2] % 100 < 4 AS is_machine,
    if(place = 1, 0.3, 0.7 / 19) * {people:UInt32} AS staff,
    if(is_machine, 1000000 + luck[3] % 10, toUInt32(pow(luck[3] % 1000000 / 1000000, 1.7) * staff)) AS person,
    -- Growth: twice as many a day at the end as at the beginning. Nine tenths of what weekends would have happens in the week before.
    toDate({first:Date}) + toUInt32({days:UInt32} * (sqrt(1 + 3 * number / {count:UInt64}) - 1)) AS drawn,
    if(NOT is_machine AND toDayOfWeek(drawn) > 5 AND luck[4] % 10 > 0 AND drawn >= toDate({first:Date}) + 6, drawn - (toDayOfWeek(drawn) - 5 + luck[6] % 5), drawn) AS day,
    if(is_machine, luck[5] % 86400000, 18000000 + (luck[5] % 28800000 + luck[6] % 28800000)) AS of_day,
    toDateTime64(day, 3, 'UTC') + toIntervalMillisecond(of_day) AS occurred_at,
    luck[10] % 1000 < 8 AS is_failed,
    -- (action, class, area, source) by its share of a thousand.
    arrayElement(
      [
        ('page:view', 'read', 'page', 'web'), ('project:read', 'read', 'project', 'web'), ('run:create', 'create', 'run', 'sdk'),
        ('run:update', 'update', 'run', 'sdk'), ('artifact:read', 'read', 'artifact', 'sdk'), ('report:read', 'read', 'report', 'web'),
        ('ai:invoke', 'other', 'ai', 'assistant'), ('ai:invoke', 'other', 'ai', 'widget'), ('mcp:call', 'other', 'ai', 'mcp'),
        ('action:run', 'other', 'automation', 'web'), ('action:run', 'other', 'automation', 'api'), ('automation:trigger', 'other', 'automation', 'api'),
        ('entity:update', 'update', 'entity', 'api'), ('entity:create', 'create', 'entity', 'api'), ('entity:delete', 'delete', 'entity', 'api'),
        ('user:login', 'other', 'access', 'web'), ('run:delete', 'delete', 'run', 'sdk'), ('user:change_role', 'update', 'user', 'web'),
        ('data_source:create', 'create', 'data_source', 'web')
      ],
      arrayFirstIndex(until -> (luck[4] % 1000) < until, [400, 490, 570, 650, 730, 790, 815, 835, 865, 885, 895, 915, 940, 955, 958, 990, 997, 999, 1000])
    ) AS kind,
    -- Entities come and go: what is touched is one of the newest, what is deleted was one of the oldest and is not seen again.
    700 * (1 + intDiv(day - toDate({first:Date}), 30)) + if(kind.1 = 'entity:delete', luck[8] % 700, 700 + luck[8] % 20000) AS thing
  FROM numbers({start:UInt64}, {rows:UInt64})
)
