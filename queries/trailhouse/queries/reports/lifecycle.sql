/*
title: Lifecycle
question: Who came, stayed, came back and left?
source: [PE3]
counts: people with at least one event that counts as activity in the week or month, each once, by when they were active before
terms: [active-user, person, activity, period, week, month, lifecycle]
chart: bar
last: 12w
lead: per
about: {bucket: per}
explain: {where: "is_activity AND user_ref != 0 AND (actor_type = 'user' OR {actors:String} = 'all') AND if({per:String} = 'week', local_day - (toDayOfWeek(local_day) + 7 - {week_start:UInt8}) % 7, toStartOfMonth(local_day)) = {row_start:Date}", column: active, is: uniqExact(user_ref)}
parameters:
  per: {type: String, default: week, choices: [week, month], text: 'weeks or calendar months'}
  actors: {type: String, default: people, choices: [people, all], text: 'whose activity counts; all adds service accounts and systems'}
columns:
  start: {type: date, unit: first day, text: 'first day of every week or month the period touches, oldest first; each counts whole'}
  active: {type: integer, unit: users, text: 'active in it: new, returning and resurrected together'}
  new: {type: integer, unit: users, text: 'active in it for the first time ever'}
  returning: {type: integer, unit: users, text: 'active in it and in the one before'}
  resurrected: {type: integer, unit: users, text: 'active in it, not in the one before, but earlier'}
  dormant: {type: integer, unit: users, text: 'active in the one before and not in it; with returning, all who were active in the one before'}
*/
WITH
  -- Weeks and months by number, so that those next to each other differ by one.
  day -> if(
    {per:String} = 'week',
    intDiv(toInt32(day) + 11 - {week_start:UInt8}, 7),
    toInt32(toYear(day) * 12 + toMonth(day) - 1)
  ) AS number_of
SELECT
  if({per:String} = 'week', toDate32(number * 7 - 11 + {week_start:UInt8}), makeDate32(intDiv(number, 12), number % 12 + 1, 1)) AS start,
  sum(here) AS active,
  sum(came) AS new,
  sum(stayed) AS returning,
  active - new - returning AS resurrected,
  lagInFrame(active, 1, 0) OVER (ORDER BY number) - returning AS dormant
FROM (
  SELECT visit.1 AS number, 1 AS here, visit.2 AS stayed, visit.3 AS came
  FROM (
    SELECT arrayJoin(arrayMap(
      (number, previous) -> (number, number - previous = 1, number = begun.number AND number - previous != 1),
      numbers,
      arrayPushFront(arrayPopBack(numbers), -1)
    )) AS visit
    FROM (
      SELECT org_id, user_ref, arraySort(groupUniqArray(number_of(local_day))) AS numbers
      FROM active_days_in(
        orgs = {orgs:Array(String)},
        pieces = arrayConcat({before_pieces:Array(Tuple(UInt16, UInt16, Int8, UInt8, UInt8))}, {pieces:Array(Tuple(UInt16, UInt16, Int8, UInt8, UInt8))}),
        cuts = arrayConcat({before_cuts:Array(Tuple(Int64, Int64, Int32))}, {cuts:Array(Tuple(Int64, Int64, Int32))})
      )
      WHERE actor_type = 'user' OR {actors:String} = 'all'
      GROUP BY org_id, user_ref
    ) AS visits
    LEFT JOIN (
      SELECT
        org_id,
        user_ref,
        toUnixTimestamp64Milli(min(newcomers.first)) AS first_ms,
        arrayFirst(span -> first_ms >= span.1 AND first_ms < span.2, {spans:Array(Tuple(Int64, Int64, Int32))}) AS span,
        number_of(toDate32(intDiv(first_ms + span.3 * 1000, 86400000))) AS number
      FROM newcomers
      WHERE org_id IN {orgs:Array(String)} AND (actor_type = 'user' OR {actors:String} = 'all')
      GROUP BY org_id, user_ref
      HAVING span.2 != 0
    ) AS begun USING (org_id, user_ref)
  )
  UNION ALL
  SELECT number_of(toDate32(arrayJoin(range((arrayJoin({dates:Array(Tuple(Int32, Int32))}) AS run).1, run.2 + 1)))), 0, 0, 0
)
GROUP BY number
QUALIFY number >= number_of(toDate32({dates:Array(Tuple(Int32, Int32))}[1].1))
ORDER BY start
