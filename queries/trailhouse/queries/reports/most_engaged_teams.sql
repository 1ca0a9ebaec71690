/*
title: Most engaged teams
question: Which teams logged in most in each month?
source: [P6, A6]
counts: 'days on which each member of the team logged in, members added up: (person, local day) pairs; teams as the directory has them now'
terms: [daily-login, login, person, local-day, month]
chart: table
ties: more daily logins first, then the team's name, then its id by code point, then the organisation; decided before masking
last: 6m
whole: month
semantics:
  port: {quote: 'View the most and least engaged teams in each month.'}
explain: {where: "is_login AND is_activity AND actor_type = 'user' AND org_id = {row_org:String} AND (org_id, user_ref) IN (SELECT org_id, user_ref FROM memberships_in(orgs = {orgs:Array(String)})) AND (org_id, user_ref) IN (SELECT org_id, user_ref FROM memberships_in(orgs = {orgs:Array(String)}) WHERE team = {row_ref:String})", bucket: month, text: 'the logins of its members in that month'}
parameters:
  limit: {type: UInt32, default: 10, minimum: 1, maximum: 100000, text: 'teams at most in each month'}
columns:
  month: {type: date, unit: first day, text: 'every month the period touches, the newest first; the last one up to the end of the period'}
  team: {type: text, unit: team, text: 'name of the team, else its id; the id alone for callers who may not read personal data'}
  org: {type: text, unit: organisation, text: 'whose team it is'}
  daily_logins: {type: integer, unit: person days, text: 'distinct (person, local day) with a login of a member; somebody of two teams counts in both'}
  difference: {type: integer, unit: person days, text: 'less the same of the month before, which is read whole'}
  ref: {type: text, unit: id, text: which team it is, is_hidden: true}
*/
WITH arraySort(arrayDistinct(arrayConcat({before_months:Array(Date)}, {months:Array(Date)}))) AS months
SELECT
  month,
  -- The id of a team that never had one is its name, which not everybody may read.
  multiIf({read_pii:Bool} AND team_name != '', team_name, {read_pii:Bool} OR NOT startsWith(engagement.team, 'name '), engagement.team, 'a team without id') AS team,
  org_id AS org,
  daily_logins,
  difference,
  if({read_pii:Bool} OR NOT startsWith(engagement.team, 'name '), engagement.team, '') AS ref
FROM (
  SELECT
    org_id, team, team_name, month, toInt64(sum(days[month])) AS daily_logins,
    daily_logins - lagInFrame(daily_logins, 1, 0) OVER (PARTITION BY org_id, team ORDER BY month ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING) AS difference
  FROM (
    SELECT members.org_id AS org_id, team, team_name, days, arrayJoin(months) AS month
    FROM memberships_in(orgs = {orgs:Array(String)}) AS members
    LEFT JOIN (
      SELECT org_id, user_ref, mapFromArrays(groupArray(month), groupArray(days)) AS days
      FROM (
        -- The days of a month as bits, so that no day counts twice.
        SELECT org_id, user_ref, toStartOfMonth(local_day) AS month, bitCount(groupBitOr(bitShiftLeft(toUInt32(1), toDayOfMonth(local_day) - 1))) AS days
        FROM login_days_in(
          orgs = {orgs:Array(String)},
          pieces = arrayConcat({before_pieces:Array(Tuple(UInt16, UInt16, Int8, UInt8, UInt8))}, {pieces:Array(Tuple(UInt16, UInt16, Int8, UInt8, UInt8))}),
          cuts = arrayConcat({before_cuts:Array(Tuple(Int64, Int64, Int32))}, {cuts:Array(Tuple(Int64, Int64, Int32))})
        )
        WHERE actor_type = 'user'
        GROUP BY org_id, user_ref, month
      )
      GROUP BY org_id, user_ref
    ) AS logins ON members.org_id = logins.org_id AND members.user_ref = logins.user_ref
  )
  GROUP BY org_id, team, team_name, month
) AS engagement
WHERE month >= {months:Array(Date)}[1]
ORDER BY month DESC, daily_logins DESC, if(engagement.team_name != '', engagement.team_name, engagement.team) ASC, engagement.team ASC, org ASC
LIMIT {limit:UInt32} BY month
