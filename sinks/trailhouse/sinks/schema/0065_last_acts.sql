-- `users` knows what `staff_in` read in `actors`, which has a row for each person and month: the latest `kind` (the actor's type)
-- with the event that said so, by (occurred_at, event_id), and the last login that succeeded; 1970 where nothing did.
ALTER TABLE users ADD COLUMN IF NOT EXISTS kind SimpleAggregateFunction(max, Tuple(DateTime64(3, 'UTC'), UUID, String));

ALTER TABLE users ADD COLUMN IF NOT EXISTS last_login SimpleAggregateFunction(max, DateTime64(3, 'UTC'));

ALTER TABLE users_mv MODIFY QUERY
WITH arrayExists(subject -> (org_id, subject) IN (SELECT org_id, user_ref FROM erased), subject_refs) AS is_silent
SELECT
  org_id,
  user_ref,
  max(if(is_silent, '', identity)) AS identity,
  argMaxIfState(pii['actor_email'], (occurred_at, event_id), pii['actor_email'] != '' AND NOT is_silent) AS email,
  argMaxIfState(pii['actor_name'], (occurred_at, event_id), pii['actor_name'] != '' AND NOT is_silent) AS name,
  min(occurred_at) AS first_seen,
  max(occurred_at) AS last_seen,
  max((occurred_at, event_id, toString(actor_type))) AS kind,
  maxIf(occurred_at, is_login) AS last_login
FROM landing
WHERE reason = '' AND user_ref != 0 AND (org_id, user_ref) NOT IN (SELECT org_id, user_ref FROM erased)
GROUP BY org_id, user_ref;

-- The same of what was there before: rows that merge with those of the people who are known. Nobody who was erased comes back.
INSERT INTO users (org_id, user_ref, first_seen, last_seen, kind, last_login)
SELECT known.org_id, known.user_ref, known.first_seen, known.last_seen, acted.kind, acted.last_login
FROM (
  SELECT org_id, user_ref, min(users.first_seen) AS first_seen, max(users.last_seen) AS last_seen
  FROM users
  WHERE (org_id, user_ref) NOT IN (SELECT org_id, user_ref FROM erased)
  GROUP BY org_id, user_ref
) AS known
INNER JOIN (
  SELECT org_id, user_ref, max(actors.kind) AS kind, max(actors.last_login) AS last_login
  FROM actors
  GROUP BY org_id, user_ref
) AS acted ON known.org_id = acted.org_id AND known.user_ref = acted.user_ref;

-- `staff_in` says what it said, and takes two thirds of the time: it reads a row for each person in place of one for each month.
CREATE OR REPLACE VIEW staff_in AS
SELECT
  org_id,
  person_ref,
  arraySort(groupUniqArray(user_ref)) AS user_refs,
  max(if(user_ref = person_ref, identity, '')) AS identity,
  multiIf(
    argMax(kind_value, kind_at) != '', argMax(kind_value, kind_at),
    argMax(acted_value, acted_at) != '', argMax(acted_value, acted_at),
    'user'
  ) AS kind,
  argMax(seat_value, seat_at) AS seat,
  multiIf(
    argMax(access_value, access_at) = 'revoked', 'deactivated',
    max(has_been_active) = 1, 'member',
    argMax(invitation_value, invitation_at) = 'sent', 'invited',
    argMax(invitation_value, invitation_at) = 'withdrawn', 'withdrawn',
    'member'
  ) AS status,
  nullIf(max(login), toDateTime64(0, 3, 'UTC')) AS last_login,
  nullIf(max(sight), toDateTime64(0, 3, 'UTC')) AS last_seen
FROM (
  SELECT
    *,
    linked_ref != 0 AND if(is_linked_alias, aliased_at <= linked_at, alias = '' AND NOT has_acted AND identity = '') AS is_linked,
    maxIf(user_ref, alias = '' AND NOT (is_linked AND is_linked_alias)) OVER (PARTITION BY org_id, if(alias != '', alias, identity)) AS main,
    argMaxIf(user_ref, (seen, user_ref), alias = '' AND email != identity AND email != '') OVER (PARTITION BY org_id, email) AS owner,
    multiIf(
      alias != '' AND main != 0, main,
      alias = '' AND NOT has_acted AND email = identity AND owner != 0, owner,
      is_linked, linked_ref,
      user_ref
    ) AS person_ref
  FROM (
    SELECT
      org_id,
      user_ref,
      argMaxIf(value, at, fact IN ('identity', 'seen')) AS identity,
      argMaxIf(value, at, fact = 'alias') AS alias,
      maxIf(moment, fact = 'alias') AS aliased_at,
      lowerUTF8(normalizeUTF8NFC(trimBoth(if(max(own_email) != '', max(own_email), argMaxIf(value, at, fact = 'email'))))) AS email,
      max(fact IN ('identity', 'seen')) AS has_identity,
      max(fact NOT IN ('identity', 'alias', 'seen', 'active', 'linked', 'linked_alias') OR acted != 0) AS has_facts,
      max(fact = 'seen') AS has_acted,
      max(fact = 'active') AS has_been_active,
      maxIf(moment, fact NOT IN ('linked', 'linked_alias')) AS seen,
      toUInt64OrZero(maxIf(value, fact IN ('linked', 'linked_alias'))) AS linked_ref,
      max(fact = 'linked_alias') AS is_linked_alias,
      maxIf(moment, fact = 'linked_alias') AS linked_at,
      maxIf(at, fact = 'kind') AS kind_at, argMaxIf(value, at, fact = 'kind') AS kind_value,
      max(acted) AS acted_at, argMax(acted_as, acted) AS acted_value,
      maxIf(at, fact = 'seat') AS seat_at, argMaxIf(value, at, fact = 'seat') AS seat_value,
      maxIf(at, fact = 'invitation') AS invitation_at, argMaxIf(value, at, fact = 'invitation') AS invitation_value,
      maxIf(at, fact = 'access') AS access_at, argMaxIf(value, at, fact = 'access') AS access_value,
      max(login_at) AS login,
      maxIf(moment, fact = 'seen') AS sight
    FROM (
      SELECT org_id, user_ref, fact, bitShiftLeft(toUInt256(toUnixTimestamp64Milli(said.1)), 128) + reinterpretAsUInt128(said.2) AS at, said.3 AS value, said.1 AS moment, '' AS own_email, toUInt256(0) AS acted, '' AS acted_as, toDateTime64(0, 3, 'UTC') AS login_at
      FROM directory
      WHERE org_id IN {orgs:Array(String)} AND user_ref != 0
      UNION ALL
      SELECT
        org_id, user_ref, 'seen', bitShiftLeft(toUInt256(toUnixTimestamp64Milli(max(last_seen))), 128), max(users.identity), max(last_seen), argMaxIfMerge(email),
        max(bitShiftLeft(toUInt256(toUnixTimestamp64Milli(users.kind.1)), 128) + reinterpretAsUInt128(users.kind.2) AS said_at), argMax(users.kind.3, said_at), max(users.last_login)
      FROM users
      WHERE org_id IN {orgs:Array(String)}
      GROUP BY org_id, user_ref
      UNION ALL
      SELECT org_id, user_ref, 'active', 0, '', toDateTime64(0, 3, 'UTC'), '', 0, '', toDateTime64(0, 3, 'UTC')
      FROM newcomers
      WHERE org_id IN {orgs:Array(String)}
      UNION ALL
      SELECT org_id, user_ref, if(is_alias, 'linked_alias', 'linked'), 0, toString(person_ref), aliased_at, '', 0, '', toDateTime64(0, 3, 'UTC')
      FROM links FINAL
      WHERE org_id IN {orgs:Array(String)} AND (org_id, person_ref) NOT IN (SELECT org_id, user_ref FROM erased)
    )
    WHERE (org_id, user_ref) NOT IN (SELECT org_id, user_ref FROM erased)
    GROUP BY org_id, user_ref
  )
)
GROUP BY org_id, person_ref
HAVING max(has_identity AND user_ref = person_ref) = 1
  AND (max(has_acted) = 0 OR max(has_facts OR ((alias != '' OR (is_linked AND is_linked_alias)) AND user_ref = person_ref)) = 1);

-- `uncut_activations` is `activations` where nothing of all of history is cut (`uncut_…` in 0063), and asks when history begins once.
CREATE VIEW uncut_activations AS
WITH
  (
    SELECT arrayFilter(span -> span.2 > opening, {spans:Array(Tuple(Int64, Int64, Int32))})
    FROM (SELECT toUnixTimestamp64Milli(min(first)) AS opening FROM newcomers WHERE org_id IN {orgs:Array(String)})
  ) AS pieces
SELECT
  org_id,
  user_ref,
  toDate32(toInt32(arrayFirst(each -> each.1 = third, days).2)) AS activated_on
FROM (
  SELECT
    org_id,
    user_ref,
    arraySort(groupUniqArray((local_day - (local_day + 11 - {week_start:UInt8}) % 7, local_day))) AS days,
    arrayDistinct(arrayMap(each -> each.1, days)) AS weeks,
    weeks[3] AS third
  FROM (
    SELECT org_id, user_ref, arrayJoin(arrayMap(
      start -> (
        toInt64(intDiv(start + arrayLast(span -> span.1 <= start, pieces).3 * 1000 + 86400000, 86400000)) - 1
      ),
      arrayFilter(start -> start + 900000 <= pieces[-1].2, [start_1, start_2, start_3])
    )) AS local_day
    FROM (
      SELECT
        *,
        toInt64(bitmapMin(bitmapSubsetLimit(slots, toUInt64(intDiv(arrayMax(
          span -> if(after_2 - span.3 * 1000 > span.1, least(after_2 - span.3 * 1000, span.2), 0), pieces
        ) + 899999, 900000)), 1))) * 900000 AS start_3
      FROM (
        SELECT
          *,
          toInt64(bitmapMin(bitmapSubsetLimit(slots, toUInt64(intDiv(arrayMax(
            span -> if(after_1 - span.3 * 1000 > span.1, least(after_1 - span.3 * 1000, span.2), 0), pieces
          ) + 899999, 900000)), 1))) * 900000 AS start_2,
          intDiv(start_2 + arrayLast(span -> span.1 <= start_2, pieces).3 * 1000 + 86400000, 86400000) - 1 AS day_2,
          (day_2 - (day_2 + 11 - {week_start:UInt8}) % 7 + 7) * 86400000 AS after_2
        FROM (
          SELECT
            org_id,
            user_ref,
            login_slots.slots AS slots,
            toInt64(bitmapMin(slots)) * 900000 AS start_1,
            intDiv(start_1 + arrayLast(span -> span.1 <= start_1, pieces).3 * 1000 + 86400000, 86400000) - 1 AS day_1,
            (day_1 - (day_1 + 11 - {week_start:UInt8}) % 7 + 7) * 86400000 AS after_1
          FROM login_slots FINAL
          WHERE org_id IN {orgs:Array(String)} AND actor_type = 'user'
        )
      )
    )
  )
  GROUP BY org_id, user_ref
)
WHERE length(weeks) >= 3;
