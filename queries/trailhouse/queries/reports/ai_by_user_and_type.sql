/*
title: AI by user and type
question: Who asks which type of agent?
source: [P26]
counts: invocations of AI by whoever asked, machines included, and by the type of agent
terms: [event, period, masked-user]
chart: table
ties: more invocations first, then the user's identity by code point, then the organisation, then the agent type; decided before masking
last: 30d
semantics:
  port: {quote: 'AI agent invocation by user and type.'}
explain: {where: "action = 'ai:invoke' AND org_id = {row_org:String} AND user_ref = toUInt64({row_ref:String}) AND attributes['agent_type'] = {row_agent_type:String}", column: invocations, is: uniqExact(event_id)}
parameters:
  limit: {type: UInt32, default: 1000, minimum: 1, maximum: 100000, text: 'rows at most'}
columns:
  user: {type: text, unit: identity, text: 'the actor id, else e-mail; empty for nobody known; `u_` and 16 hex digits for callers who may not read personal data'}
  org: {type: text, unit: organisation, text: 'where it was'}
  agent_type: {type: text, unit: agent type, text: 'as the events name it; empty where they do not'}
  invocations: {type: integer, unit: invocations, text: 'in the period'}
  ref: {type: text, unit: keyed hash, text: who it is, is_hidden: true}
*/
SELECT multiIf(ref = '0', '', {read_pii:Bool} AND identity != '', identity, masked) AS user, org_id AS org, agent_type, invocations, ref
FROM (
  SELECT
    made.org_id AS org_id,
    concat('u_', lower(leftPad(hex(made.user_ref), 16, '0'))) AS masked,
    identity,
    agent_type,
    invocations,
    toString(made.user_ref) AS ref
  FROM (
    SELECT org_id, user_ref, agent_type, count() AS invocations
    FROM notable FINAL
    WHERE org_id IN {orgs:Array(String)}
      AND category = 'ai'
      AND action = 'ai:invoke'
      AND toDate(occurred_at) >= toDate(fromUnixTimestamp64Milli(({ranges:Array(Tuple(Int64, Int64))}[1]).1, 'UTC'))
      AND toDate(occurred_at) <= toDate(fromUnixTimestamp64Milli(({ranges:Array(Tuple(Int64, Int64))}[-1]).2 - 1, 'UTC'))
      AND occurred_at >= fromUnixTimestamp64Milli(({ranges:Array(Tuple(Int64, Int64))}[1]).1, 'UTC')
      AND occurred_at < fromUnixTimestamp64Milli(({ranges:Array(Tuple(Int64, Int64))}[-1]).2, 'UTC')
      AND (length({ranges:Array(Tuple(Int64, Int64))}) = 1 OR arrayExists(
        instants -> toUnixTimestamp64Milli(occurred_at) >= instants.1 AND toUnixTimestamp64Milli(occurred_at) < instants.2,
        {ranges:Array(Tuple(Int64, Int64))}
      ))
    GROUP BY org_id, user_ref, agent_type
    SETTINGS do_not_merge_across_partitions_select_final = 1
  ) AS made
  LEFT JOIN names_in(orgs = {orgs:Array(String)}) AS directory ON made.org_id = directory.org_id AND made.user_ref = directory.user_ref
)
ORDER BY invocations DESC, multiIf(ref = '0', '', identity = '', masked, identity) ASC, org_id ASC, agent_type ASC
LIMIT {limit:UInt32}
