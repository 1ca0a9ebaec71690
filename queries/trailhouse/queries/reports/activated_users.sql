/*
title: Activated users
question: Who is activated, and since when?
source: [P3, P5]
counts: people with logins in three different weeks by the end of the period, in all of history before it
terms: [activated-user, login, person, week, masked-user]
chart: table
ties: the later activated first, then the user's identity by code point, then the organisation; decided before masking
last: all
semantics:
  port: {quote: 'The entire user base that is defined as activated.'}
explain: {where: "is_login AND is_activity AND actor_type = 'user' AND org_id = {row_org:String} AND user_ref = toUInt64({row_ref:String})", text: 'the logins of that person in the period'}
parameters:
  limit: {type: UInt32, default: 1000, minimum: 1, maximum: 100000, text: 'rows at most'}
columns:
  user: {type: text, unit: identity, text: 'the actor id, else e-mail; `u_` and 16 hex digits for callers who may not read personal data'}
  org: {type: text, unit: organisation, text: 'where they log in; somebody of two organisations has a row in each'}
  activated_on: {type: date, unit: local day, text: 'the first day with a login in their third week with one'}
  ref: {type: text, unit: keyed hash, text: who it is, is_hidden: true}
*/
SELECT if({read_pii:Bool} AND identity != '', identity, masked) AS user, org_id AS org, activated_on, ref
FROM (
  SELECT
    active.org_id AS org_id,
    concat('u_', lower(leftPad(hex(active.user_ref), 16, '0'))) AS masked,
    identity,
    activated_on,
    toString(active.user_ref) AS ref,
    row_number() OVER (ORDER BY activated_on DESC, if(identity = '', masked, identity) ASC, org_id ASC) AS place
  FROM activations(
    orgs = {orgs:Array(String)},
    spans = {past_spans:Array(Tuple(Int64, Int64, Int32))},
    cuts = {past_cuts:Array(Tuple(Int64, Int64, Int32))},
    week_start = {week_start:UInt8}
  ) AS active
  LEFT JOIN names_in(orgs = {orgs:Array(String)}) AS directory ON active.org_id = directory.org_id AND active.user_ref = directory.user_ref
)
ORDER BY place
LIMIT {limit:UInt32}
