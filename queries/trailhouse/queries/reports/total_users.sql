/*
title: Total users
question: How many people belong to the organisation?
source: [K3]
counts: people the directory knows now, each once however many identities they have, by how they stand; the period changes nothing
terms: [person, total-users]
chart: number
last: 30d
semantics:
  kroolo: {quote: 'Total Users: The total number of users in your organization.'}
explain: {where: "category IN ('user', 'team', 'workspace') AND target_ref != 0", text: 'what was said in the period of the people of the directory'}
parameters:
  actors: {type: String, default: people, choices: [people, all], text: 'who counts; all adds service accounts and systems'}
columns:
  total_users: {type: integer, unit: users, text: 'members: neither deactivated nor only invited', is_now: true}
  invited: {type: integer, unit: users, text: 'invited, who have neither accepted nor ever been active', is_now: true}
  deactivated: {type: integer, unit: users, text: 'those whose access was revoked', is_now: true}
*/
SELECT
  countIf(status = 'member') AS total_users,
  countIf(status = 'invited') AS invited,
  countIf(status = 'deactivated') AS deactivated
FROM staff_in(orgs = {orgs:Array(String)})
WHERE kind = 'user' OR {actors:String} = 'all'
