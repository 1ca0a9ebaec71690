-- The people of `history.sql` as their organisations' administrators made them: invited into one of forty teams on the day
-- before, one in three into a second one, with the addresses and names of a directory. Machines are nobody's members.
INSERT INTO landing (
  epoch, partition, `from`, offset, received_at, reason, rules, org_id, event_id, occurred_at, action, noun, verb, crud, category,
  outcome, actor_type, actor_role, user_ref, target_ref, network, entity_asset, source, pii_tags, subject_refs, identity, pii
)
SELECT
  'bench', 8, number, number, occurred_at + 1, '', '2',
  org, reinterpretAsUUID(sipHash128('roster', number)), occurred_at, 'team:invite_user', 'team', 'invite_user', 'create', 'team',
  'success', 'user', 'admin', sipHash64(org, toUInt64(0)), sipHash64(org, person), 'public',
  concat('team-', toString(if(turn = 0, person % 40, intDiv(person, 3) % 40))), 'web',
  ['entity_name', 'user_asset', 'user_email'], [sipHash64(org, person)], 'u-0',
  map(
    'entity_name', concat('Team ', toString(if(turn = 0, person % 40, intDiv(person, 3) % 40))),
    'user_asset', concat('u-', toString(person)), 'user_email', concat('u-', toString(person), '@', org, '.example')
  )
FROM (
  SELECT
    number,
    toDateTime64({first:Date} - 1, 3, 'UTC') + toIntervalMillisecond(number) AS occurred_at,
    number % 4 = 3 AS turn,
    -- Three of four rows are people, each of another number; the fourth is the second team of one of the three.
    toUInt32(intDiv(number, 4) * 3 + if(turn = 1, 0, number % 4)) AS anybody,
    0.3 * {people:UInt32} AS largest,
    0.7 / 19 * {people:UInt32} AS other,
    if(anybody < largest, 1, 2 + toUInt32(least(18, (anybody - largest) / other))) AS place,
    concat('org-', leftPad(toString(place), 2, '0')) AS org,
    toUInt64(if(place = 1, anybody, anybody - ceil(largest + (place - 2) * other))) AS person
  FROM numbers(toUInt64({people:UInt32} * 4 / 3))
)
