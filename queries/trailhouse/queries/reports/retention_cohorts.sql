/*
title: Retention by cohort
question: Of those who began in a week or month, how many are still active after n of them?
source: [PE1]
counts: people whose first activity ever lies in the period, by the week or month of it; and how many of them had activity in each one since
terms: [active-user, person, activity, period, week, month, cohort]
chart: table
last: 12w
about: {bucket: per, after: after}
explain:
  where: >-
    is_activity AND user_ref != 0 AND (actor_type = 'user' OR {actors:String} = 'all')
    AND if({per:String} = 'week', local_day - (toDayOfWeek(local_day) + 7 - {week_start:UInt8}) % 7, toStartOfMonth(local_day))
    = if({per:String} = 'week', {row_cohort:Date} + 7 * {row_after:Int64}, addMonths({row_cohort:Date}, {row_after:Int64}))
    AND (org_id, user_ref) IN (
    SELECT org_id, user_ref FROM newcomers
    WHERE org_id IN {orgs:Array(String)} AND (actor_type = 'user' OR {actors:String} = 'all')
    GROUP BY org_id, user_ref
    HAVING arrayExists(
    (since, until, day) -> toUnixTimestamp64Milli(min(newcomers.first)) >= since AND toUnixTimestamp64Milli(min(newcomers.first)) < until
    AND if({per:String} = 'week', day - (toDayOfWeek(day) + 7 - {week_start:UInt8}) % 7, toStartOfMonth(day)) = {row_cohort:Date},
    arrayMap(span -> span.1, {spans:Array(Tuple(Int64, Int64, Int32))}),
    arrayMap(span -> span.2, {spans:Array(Tuple(Int64, Int64, Int32))}),
    arrayMap(span -> toDate32(intDiv(toUnixTimestamp64Milli(min(newcomers.first)) + span.3 * 1000, 86400000)), {spans:Array(Tuple(Int64, Int64, Int32))})))
  column: active
  is: uniqExact(user_ref)
parameters:
  per: {type: String, default: week, choices: [week, month], text: 'weeks or calendar months'}
  actors: {type: String, default: people, choices: [people, all], text: 'whose activity counts; all adds service accounts and systems'}
columns:
  cohort: {type: date, unit: first day, text: 'first day of the week or month in which they began; one that the edge of the period cuts has those who began inside'}
  newcomers: {type: integer, unit: users, text: 'people who were active in it for the first time ever'}
  after: {type: integer, unit: weeks or months, text: 'how many weeks or months later; 0 is the one in which they began, and the only row of one in which nobody did'}
  active: {type: integer, unit: users, text: 'those of them who were active in that one'}
  retained: {type: number, unit: percent, text: 'active of newcomers; empty where there are none'}
*/
WITH
  -- Weeks and months by number, so that their differences are how many lie between.
  day -> if(
    {per:String} = 'week',
    intDiv(toInt32(day) + 11 - {week_start:UInt8}, 7),
    toInt32(toYear(day) * 12 + toMonth(day) - 1)
  ) AS number_of,
  cohorts AS (
    SELECT
      org_id,
      user_ref,
      number_of(toDate32(intDiv(first_ms + arrayFirst(span -> first_ms >= span.1 AND first_ms < span.2, {spans:Array(Tuple(Int64, Int64, Int32))}).3 * 1000, 86400000))) AS cohort
    FROM (
      SELECT org_id, user_ref, toUnixTimestamp64Milli(min(newcomers.first)) AS first_ms
      FROM newcomers
      WHERE org_id IN {orgs:Array(String)} AND (actor_type = 'user' OR {actors:String} = 'all')
      GROUP BY org_id, user_ref
    )
    WHERE arrayExists(span -> first_ms >= span.1 AND first_ms < span.2, {spans:Array(Tuple(Int64, Int64, Int32))})
  )
SELECT
  if({per:String} = 'week', toDate32(number * 7 - 11 + {week_start:UInt8}), makeDate32(intDiv(number, 12), number % 12 + 1, 1)) AS cohort,
  max(sum(began)) OVER (PARTITION BY number) AS newcomers,
  since AS after,
  sum(here) AS active,
  if(newcomers = 0, NULL, 100 * active / newcomers) AS retained
FROM (
  SELECT number, arrayJoin(arrayFilter(each -> each >= 0, arrayDistinct(groupArray(number_of(local_day) - number)))) AS since, 1 AS here, 0 AS began, user_ref
  FROM (
    SELECT org_id, user_ref, local_day
    FROM active_days_in(
      orgs = {orgs:Array(String)},
      pieces = {pieces:Array(Tuple(UInt16, UInt16, Int8, UInt8, UInt8))},
      cuts = {cuts:Array(Tuple(Int64, Int64, Int32))}
    )
    WHERE (actor_type = 'user' OR {actors:String} = 'all')
      AND user_ref IN (SELECT user_ref FROM cohorts)
  ) AS visits
  INNER JOIN (SELECT org_id, user_ref, cohorts.cohort AS number FROM cohorts) AS begun USING (org_id, user_ref)
  GROUP BY org_id, user_ref, number
  UNION ALL
  SELECT cohorts.cohort AS number, 0 AS since, 0 AS here, 1 AS began, user_ref FROM cohorts
  UNION ALL
  SELECT numbers.1 AS number, arrayJoin(range(numbers.2 - numbers.1 + 1)) AS since, 0 AS here, 0 AS began, 0 AS user_ref
  FROM (
    SELECT (number_of(toDate32(arrayJoin(range((arrayJoin({dates:Array(Tuple(Int32, Int32))}) AS run).1, run.2 + 1)))), number_of(toDate32({dates:Array(Tuple(Int32, Int32))}[-1].2))) AS numbers
  )
)
GROUP BY number, since
QUALIFY newcomers != 0 OR since = 0
ORDER BY cohort, after
