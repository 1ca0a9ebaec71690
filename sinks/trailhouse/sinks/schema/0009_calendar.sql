-- The mask of every local day: which quarter-hours of which UTC day belong to it, between two instants.
-- Join it to `user_days` on `day` and keep rows where bitAnd(slots, mask) != 0. Daylight-saving days, skipped days
-- and half-hour zones need no special case: each quarter-hour is asked for its local date.
CREATE VIEW calendar AS
SELECT
  day,
  toDate(quarter, {timezone:String}) AS local_day,
  groupBitOr(bitShiftLeft(toUInt128(1), number_in_day)) AS mask
FROM (
  SELECT
    toDate({since:DateTime('UTC')}) + number AS day,
    toUInt8(arrayJoin(range(96))) AS number_in_day,
    toDateTime(day, 'UTC') + number_in_day * 900 AS quarter
  FROM numbers(toUInt64(dateDiff('day', toDate({since:DateTime('UTC')}), toDate({until:DateTime('UTC')})) + 1))
)
WHERE quarter >= {since:DateTime('UTC')} AND quarter < {until:DateTime('UTC')}
GROUP BY day, local_day;
