/*
title: Stickiness
question: How many of a month's people come on a day?
source: [PE2]
counts: on each day the people active on it, in the 7 days up to it and in the 30 days up to it, each person once in each
terms: [active-user, person, activity, period, local-day, rolling]
chart: line
last: 90d
lead: 29d
explain: {where: "is_activity AND user_ref != 0 AND (actor_type = 'user' OR {actors:String} = 'all')", bucket: day, column: daily, is: uniqExact(user_ref)}
parameters:
  actors: {type: String, default: people, choices: [people, all], text: 'whose activity counts; all adds service accounts and systems'}
columns:
  day: {type: date, unit: local day, text: 'every local day of the period, oldest first'}
  daily: {type: integer, unit: users, text: 'distinct users active on that day (DAU)'}
  weekly: {type: integer, unit: users, text: 'distinct users active in the 7 local days up to that day (WAU)'}
  monthly: {type: integer, unit: users, text: 'distinct users active in the 30 local days up to that day (MAU)'}
  stickiness: {type: number, unit: percent, text: 'daily of monthly; empty where monthly is 0'}
*/
WITH
  -- Local dates in order, those before the period first. Their places are their numbers, so that a date the zone skipped
  -- is none of the last 7 or 30.
  arrayDistinct(arrayFlatten(arrayMap(run -> range(run.1, run.2 + 1), arrayConcat({before_dates:Array(Tuple(Int32, Int32))}, {dates:Array(Tuple(Int32, Int32))})))) AS dates,
  {dates:Array(Tuple(Int32, Int32))}[1].1 AS opening,
  arrayFilter(date -> NOT has(dates, date), range(dates[1], dates[-1])) AS skipped
SELECT
  toDate32(dates[number + 1]) AS day,
  sum(sum(change.2)) OVER (ORDER BY number) AS daily,
  sum(sum(change.3)) OVER (ORDER BY number) AS weekly,
  sum(sum(change.4)) OVER (ORDER BY number) AS monthly,
  if(monthly = 0, NULL, 100 * daily / monthly) AS stickiness
FROM (
  -- From each day they were active somebody counts until 7 days have passed or they are active again, so on any day at
  -- most once: beginnings less endings up to a day are the distinct people of the 7 days up to it. The same of 30.
  SELECT arrayJoin([
    (start, people, people, people),
    (start + 1, -people, 0, 0),
    (start + least(gap, 7), 0, -people, 0),
    (start + gap, 0, 0, -people)
  ]) AS change
  FROM (
    SELECT activity.1 AS start, activity.2 AS gap, toInt64(count()) AS people
    FROM (
      SELECT arrayJoin(arrayMap(
        (start, following) -> (start, least(following - start, 30)),
        numbers,
        arrayPushBack(arrayPopFront(numbers), 1000000)
      )) AS activity
      FROM (
        SELECT
          arrayDistinct(arraySort(groupArray(toInt32(local_day)))) AS found,
          arrayMap(date -> date - dates[1] - if(empty(skipped), 0, toInt32(arrayCount(each -> each < date, skipped))), found) AS numbers
        FROM active_days_in(
          orgs = {orgs:Array(String)},
          pieces = arrayConcat({before_pieces:Array(Tuple(UInt16, UInt16, Int8, UInt8, UInt8))}, {pieces:Array(Tuple(UInt16, UInt16, Int8, UInt8, UInt8))}),
          cuts = arrayConcat({before_cuts:Array(Tuple(Int64, Int64, Int32))}, {cuts:Array(Tuple(Int64, Int64, Int32))})
        )
        WHERE actor_type = 'user' OR {actors:String} = 'all'
        GROUP BY org_id, user_ref
      )
    )
    GROUP BY start, gap
    UNION ALL
    SELECT arrayJoin(range(toInt32(length(dates)))), 1, 0
  )
)
GROUP BY change.1 AS number
HAVING number < length(dates)
QUALIFY dates[number + 1] >= opening
ORDER BY day
