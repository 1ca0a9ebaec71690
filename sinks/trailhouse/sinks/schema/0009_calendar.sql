-- Local days, as the pieces of UTC days they consist of. `spans` = (since ms, until ms, seconds east of UTC): pieces of
-- time in which a zone keeps one offset. The caller finds them (trailhouse.queries.zones), so that one time zone
-- database decides for every answer; ClickHouse's own local dates are wrong where a clock was set back at 00:01.
-- A row is the part of local day `local_day` that lies in UTC day `day`: instants `since` to `until` (excluded), of which
-- `mask` holds the whole quarter-hours `first_slot` to `last_slot` (excluded); any more of it is one of the caller's cuts.
-- The numbers are computed with arrays alone: subqueries here would be planned again in everything that joins this view.
CREATE VIEW calendar AS
SELECT
  toDate(part.1) AS day,
  toDate32(toInt32(part.2)) AS local_day,
  fromUnixTimestamp64Milli(part.3, 'UTC') AS since,
  fromUnixTimestamp64Milli(part.4, 'UTC') AS until,
  toUInt8(intDiv(part.3 - part.1 * 86400000 + 899999, 900000)) AS first_slot,
  toUInt8(intDiv(part.4 - part.1 * 86400000, 900000)) AS last_slot,
  if(last_slot > first_slot, bitShiftLeft(toUInt128(1), last_slot) - bitShiftLeft(toUInt128(1), first_slot), toUInt128(0)) AS mask
FROM (
  SELECT arrayJoin(arrayFlatten(arrayMap(
    local -> arrayMap(
      utc -> (utc, local.1, greatest(local.2, utc * 86400000), least(local.3, (utc + 1) * 86400000)),
      range(intDiv(local.2, 86400000), intDiv(local.3 - 1, 86400000) + 1)
    ),
    arrayFlatten(arrayMap(
      -- Counted from 1969-12-31, so that no division meets a negative number.
      span -> arrayMap(
        number -> (number - 1, greatest(span.1, (number - 1) * 86400000 - span.3 * 1000), least(span.2, number * 86400000 - span.3 * 1000)),
        range(intDiv(span.1 + span.3 * 1000 + 86400000, 86400000), intDiv(span.2 - 1 + span.3 * 1000 + 86400000, 86400000) + 1)
      ),
      {spans:Array(Tuple(Int64, Int64, Int32))}
    ))
  ))) AS part
);
