/*
title: Actions by user
question: Who runs self-service actions?
source: [P18]
counts: runs of self-service actions by whoever ran them, machines included
terms: [event, period, masked-user]
chart: table
ties: more runs first, then the user's identity by code point, then the organisation; decided before masking
last: 30d
semantics:
  port: {quote: 'Provides data about total actions, actions by user, and also by role and team.'}
explain: {where: "action = 'action:run' AND org_id = {row_org:String} AND user_ref = toUInt64({row_ref:String})", column: runs, is: uniqExact(event_id)}
parameters:
  limit: {type: UInt32, default: 1000, minimum: 1, maximum: 100000, text: 'rows at most'}
columns:
  user: {type: text, unit: identity, text: 'the actor id, else e-mail; empty for nobody known; `u_` and 16 hex digits for callers who may not read personal data'}
  org: {type: text, unit: organisation, text: 'where it was'}
  runs: {type: integer, unit: runs, text: 'in the period'}
  ref: {type: text, unit: keyed hash, text: who it is, is_hidden: true}
*/
SELECT multiIf(ref = '0', '', {read_pii:Bool} AND identity != '', identity, masked) AS user, org_id AS org, runs, ref
FROM (
  SELECT
    made.org_id AS org_id,
    concat('u_', lower(leftPad(hex(made.user_ref), 16, '0'))) AS masked,
    identity,
    runs,
    toString(made.user_ref) AS ref,
    row_number() OVER (ORDER BY runs DESC, multiIf(ref = '0', '', identity = '', masked, identity) ASC, org_id ASC) AS place
  FROM (
    SELECT org_id, user_ref, count() AS runs
    FROM notable FINAL
    WHERE org_id IN {orgs:Array(String)}
      AND category = 'automation'
      AND action = 'action:run'
      AND toDate(occurred_at) >= toDate(fromUnixTimestamp64Milli(({ranges:Array(Tuple(Int64, Int64))}[1]).1, 'UTC'))
      AND toDate(occurred_at) <= toDate(fromUnixTimestamp64Milli(({ranges:Array(Tuple(Int64, Int64))}[-1]).2 - 1, 'UTC'))
      AND occurred_at >= fromUnixTimestamp64Milli(({ranges:Array(Tuple(Int64, Int64))}[1]).1, 'UTC')
      AND occurred_at < fromUnixTimestamp64Milli(({ranges:Array(Tuple(Int64, Int64))}[-1]).2, 'UTC')
      AND (length({ranges:Array(Tuple(Int64, Int64))}) = 1 OR arrayExists(
        instants -> toUnixTimestamp64Milli(occurred_at) >= instants.1 AND toUnixTimestamp64Milli(occurred_at) < instants.2,
        {ranges:Array(Tuple(Int64, Int64))}
      ))
    GROUP BY org_id, user_ref
    SETTINGS do_not_merge_across_partitions_select_final = 1
  ) AS made
  LEFT JOIN names_in(orgs = {orgs:Array(String)}) AS directory ON made.org_id = directory.org_id AND made.user_ref = directory.user_ref
)
ORDER BY place
LIMIT {limit:UInt32}
