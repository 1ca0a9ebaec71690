-- The views that reports read, for several organisations at once: `orgs` is always bound from the rights of whoever asks.
-- A person of two organisations has unrelated refs, so they count in each. Like every view here they are read with the
-- rights of whoever asks; `names_in` and `memberships_in` are personal data.
-- `activity_in` is `activity` with `org_id`; `logins_in` the same for logins that succeeded.
-- `names_in` has who each ref is, for those the directory knows. `memberships_in` has the teams as the directory has them
-- now, a row per ref and team: what a roster lists replaces what was said of the teams before it, and a team that was
-- deleted has nobody until somebody joins it again.
CREATE VIEW activity_in AS
SELECT user_days.org_id AS org_id, local_day, actor_type, user_ref, if(last >= since AND last < until, last, NULL) AS last
FROM user_days
INNER JOIN calendar(spans = {spans:Array(Tuple(Int64, Int64, Int32))}) AS calendar ON user_days.day = calendar.day
WHERE org_id IN {orgs:Array(String)}
  -- Bounds of the whole period, spelled as constants so that partitions and the primary key are used.
  AND user_days.day >= toDate(fromUnixTimestamp64Milli(({spans:Array(Tuple(Int64, Int64, Int32))}[1]).1, 'UTC'))
  AND user_days.day <= toDate(fromUnixTimestamp64Milli(({spans:Array(Tuple(Int64, Int64, Int32))}[-1]).2 - 1, 'UTC'))
  AND bitAnd(slots, mask) != 0
UNION ALL
SELECT org_id, toDate32(cut.3) AS local_day, actor_type, user_ref, occurred_at AS last
FROM events
ARRAY JOIN {cuts:Array(Tuple(Int64, Int64, Int32))} AS cut
WHERE org_id IN {orgs:Array(String)}
  AND toDate(occurred_at) IN (SELECT toDate(fromUnixTimestamp64Milli(arrayJoin({cuts:Array(Tuple(Int64, Int64, Int32))}).1, 'UTC')))
  AND is_activity
  AND user_ref != 0
  AND occurred_at >= fromUnixTimestamp64Milli(cut.1, 'UTC')
  AND occurred_at < fromUnixTimestamp64Milli(cut.2, 'UTC');

CREATE VIEW logins_in AS
SELECT user_days.org_id AS org_id, local_day, actor_type, user_ref
FROM user_days
INNER JOIN calendar(spans = {spans:Array(Tuple(Int64, Int64, Int32))}) AS calendar ON user_days.day = calendar.day
WHERE org_id IN {orgs:Array(String)}
  AND user_days.day >= toDate(fromUnixTimestamp64Milli(({spans:Array(Tuple(Int64, Int64, Int32))}[1]).1, 'UTC'))
  AND user_days.day <= toDate(fromUnixTimestamp64Milli(({spans:Array(Tuple(Int64, Int64, Int32))}[-1]).2 - 1, 'UTC'))
  AND bitAnd(logins, mask) != 0
UNION ALL
SELECT org_id, toDate32(cut.3) AS local_day, actor_type, user_ref
FROM events
ARRAY JOIN {cuts:Array(Tuple(Int64, Int64, Int32))} AS cut
WHERE org_id IN {orgs:Array(String)}
  AND toDate(occurred_at) IN (SELECT toDate(fromUnixTimestamp64Milli(arrayJoin({cuts:Array(Tuple(Int64, Int64, Int32))}).1, 'UTC')))
  AND is_activity
  AND is_login
  AND user_ref != 0
  AND occurred_at >= fromUnixTimestamp64Milli(cut.1, 'UTC')
  AND occurred_at < fromUnixTimestamp64Milli(cut.2, 'UTC');

CREATE VIEW names_in AS
SELECT org_id, user_ref, max(identity) AS identity
FROM (
  SELECT org_id, user_ref, identity FROM users WHERE org_id IN {orgs:Array(String)}
  UNION ALL
  SELECT org_id, user_ref, said.3 AS identity
  FROM directory
  WHERE org_id IN {orgs:Array(String)} AND user_ref != 0 AND fact = 'identity'
)
WHERE (org_id, user_ref) NOT IN (SELECT org_id, user_ref FROM erased)
GROUP BY org_id, user_ref
HAVING identity != '';

CREATE VIEW memberships_in AS
SELECT org_id, user_ref, item AS team, team_name
FROM (
  SELECT org_id, user_ref, item, max(said) AS latest
  FROM directory
  WHERE org_id IN {orgs:Array(String)} AND user_ref != 0 AND fact = 'team'
  GROUP BY org_id, user_ref, item
  HAVING latest.3 = 'in'
) AS joined
LEFT JOIN (
  SELECT org_id, user_ref, max(said).1 AS listed_at
  FROM directory
  WHERE org_id IN {orgs:Array(String)} AND user_ref != 0 AND fact = 'lists_teams'
  GROUP BY org_id, user_ref
) AS lists USING (org_id, user_ref)
LEFT JOIN (
  SELECT org_id, item, maxIf(said, fact = 'team_name').3 AS team_name, maxIf(said, fact = 'team_gone').1 AS gone_at
  FROM directory
  WHERE org_id IN {orgs:Array(String)} AND user_ref = 0 AND fact IN ('team_name', 'team_gone')
  GROUP BY org_id, item
) AS teams USING (org_id, item)
WHERE latest.1 >= listed_at AND latest.1 > gone_at
  AND (org_id, user_ref) NOT IN (SELECT org_id, user_ref FROM erased);

-- How an organisation's questions are read where they do not say: the time zone and the first day of the week of its days
-- and weeks, and the company whose organisations may be asked about together. '' and 0 = not said.
-- Partition: none, a row per organisation. Order: by what it is about; the latest setting wins. Read with FINAL.
-- Written by the admin identity alone (`trailhouse orgs set`).
CREATE TABLE org_settings (
  org_id LowCardinality(String),
  timezone String,
  week_start UInt8,
  company String,
  set_at DateTime64(3, 'UTC') DEFAULT now64(3)
) ENGINE = ReplacingMergeTree(set_at)
ORDER BY org_id
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1, non_replicated_deduplication_window = 0;
