-- `user_days` learns when somebody last logged in on a day: `last_login` = the last login that succeeded in that UTC day,
-- 1970 where there was none.
ALTER TABLE user_days ADD COLUMN IF NOT EXISTS last_login SimpleAggregateFunction(max, DateTime64(3, 'UTC'));

ALTER TABLE user_days_mv MODIFY QUERY
SELECT
  org_id,
  toDate(occurred_at) AS day,
  actor_type,
  user_ref,
  groupBitOr(bitShiftLeft(toUInt128(1), toHour(occurred_at) * 4 + intDiv(toMinute(occurred_at), 15))) AS slots,
  groupBitOr(if(is_login, bitShiftLeft(toUInt128(1), toHour(occurred_at) * 4 + intDiv(toMinute(occurred_at), 15)), toUInt128(0))) AS logins,
  min(occurred_at) AS first,
  max(occurred_at) AS last,
  maxIf(occurred_at, is_login) AS last_login
FROM landing
WHERE reason = '' AND user_ref != 0 AND is_activity
GROUP BY org_id, day, actor_type, user_ref;

-- The same of the logins from before: rows as the view would have written them, which merge with those that are there.
-- Days whose activity retention let go do not come back; of those days, what a hold on a person kept gets its logins.
INSERT INTO user_days (org_id, day, actor_type, user_ref, slots, logins, first, last, last_login)
SELECT
  events.org_id AS org_id,
  toDate(events.occurred_at) AS day,
  events.actor_type AS actor_type,
  events.user_ref AS user_ref,
  groupBitOr(bitShiftLeft(toUInt128(1), toHour(occurred_at) * 4 + intDiv(toMinute(occurred_at), 15))) AS slots,
  groupBitOr(bitShiftLeft(toUInt128(1), toHour(occurred_at) * 4 + intDiv(toMinute(occurred_at), 15))) AS logins,
  min(occurred_at) AS first,
  max(occurred_at) AS last,
  max(occurred_at) AS last_login
FROM (SELECT org_id, occurred_at, actor_type, user_ref FROM events FINAL WHERE is_login AND is_activity AND user_ref != 0) AS events
LEFT JOIN (
  SELECT org_id, max(before) AS before FROM expiries WHERE class = 'activity' GROUP BY org_id
) AS gone ON events.org_id = gone.org_id
WHERE toDate(events.occurred_at) >= gone.before
  OR (events.org_id, toDate(events.occurred_at), events.actor_type, events.user_ref) IN (
    SELECT kept.org_id, kept.day, kept.actor_type, kept.user_ref
    FROM user_days AS kept
    INNER JOIN (SELECT org_id, max(before) AS before FROM expiries WHERE class = 'activity' GROUP BY org_id) AS gone ON kept.org_id = gone.org_id
    WHERE kept.day < gone.before
  )
GROUP BY org_id, day, actor_type, user_ref
SETTINGS max_partitions_per_insert_block = 0;
