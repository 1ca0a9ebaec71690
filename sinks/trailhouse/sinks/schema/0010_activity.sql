-- Who was active on which local day, exactly: whole quarter-hours from the masks of `user_days`; what a quarter-hour
-- shares with another local day or with the time outside the period (`cuts`: since ms, until ms, local day as days since
-- 1970) from `events`. There are cuts only where a bound or an offset is no whole quarter-hour, so mostly none.
-- `last` = the last moment of that activity in the UTC day, NULL where that moment lies in another piece of the day.
CREATE VIEW activity AS
SELECT local_day, actor_type, user_ref, if(last >= since AND last < until, last, NULL) AS last
FROM user_days
INNER JOIN calendar(spans = {spans:Array(Tuple(Int64, Int64, Int32))}) AS calendar ON user_days.day = calendar.day
WHERE org_id = {org:String}
  -- Bounds of the whole period, spelled as constants so that partitions and the primary key are used.
  AND user_days.day >= toDate(fromUnixTimestamp64Milli(({spans:Array(Tuple(Int64, Int64, Int32))}[1]).1, 'UTC'))
  AND user_days.day <= toDate(fromUnixTimestamp64Milli(({spans:Array(Tuple(Int64, Int64, Int32))}[-1]).2 - 1, 'UTC'))
  AND bitAnd(slots, mask) != 0
UNION ALL
SELECT toDate32(cut.3) AS local_day, actor_type, user_ref, occurred_at AS last
FROM events
ARRAY JOIN {cuts:Array(Tuple(Int64, Int64, Int32))} AS cut
WHERE org_id = {org:String}
  AND toDate(occurred_at) IN (SELECT toDate(fromUnixTimestamp64Milli(arrayJoin({cuts:Array(Tuple(Int64, Int64, Int32))}).1, 'UTC')))
  AND is_activity
  AND user_ref != 0
  AND occurred_at >= fromUnixTimestamp64Milli(cut.1, 'UTC')
  AND occurred_at < fromUnixTimestamp64Milli(cut.2, 'UTC');
