/*
title: Activated users by month
question: How many people are activated, and how many became so in each month?
source: [P3, P4, A4]
counts: people with logins in three different weeks by the end of the month, in all of history (as_of), and those who had the third such week in that month (new)
terms: [activated-user, login, person, week, month]
chart: line
last: 6m
whole: month
semantics:
  port: {quote: 'An activated user is defined as someone who has logged into Port **3 or more times across 3 different calendar weeks**.'}
explain: {where: "is_login AND is_activity AND actor_type = 'user' AND user_ref != 0", bucket: month, text: 'the logins of the month'}
columns:
  month: {type: date, unit: first day, text: 'every month the period touches, oldest first; the last one up to the end of the period'}
  as_of: {type: integer, unit: users, text: 'activated by the end of the month, whenever they became so'}
  growth: {type: number, unit: percent, text: 'by how much as_of grew in the month; empty where nobody was activated before'}
  new: {type: integer, unit: users, text: 'activated in that month: the first day with a login in their third week lies in it; as_of grew by them'}
  new_change: {type: integer, unit: users, text: 'new, less new of the month before'}
*/
SELECT month, as_of, if(as_of = new, NULL, round(100 * new / (as_of - new), 1)) AS growth, new, new_change
FROM (
  SELECT
    month,
    toInt64(sum(fresh) OVER (ORDER BY month ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW)) AS as_of,
    toInt64(fresh) AS new,
    new - lagInFrame(toInt64(fresh), 1, 0) OVER (ORDER BY month ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING) AS new_change
  FROM (
    SELECT month, countIf(is_person) AS fresh
    FROM (
      SELECT toStartOfMonth(activated_on) AS month, 1 AS is_person
      FROM activations(
        orgs = {orgs:Array(String)},
        spans = {past_spans:Array(Tuple(Int64, Int64, Int32))},
        cuts = {past_cuts:Array(Tuple(Int64, Int64, Int32))},
        week_start = {week_start:UInt8}
      )
      UNION ALL
      SELECT arrayJoin({before_months:Array(Date)}) AS month, 0 AS is_person
      UNION ALL
      SELECT arrayJoin({months:Array(Date)}) AS month, 0 AS is_person
    )
    GROUP BY month
  )
)
WHERE month >= {months:Array(Date)}[1]
ORDER BY month
