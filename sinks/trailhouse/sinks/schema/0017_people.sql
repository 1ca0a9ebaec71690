-- The directory as people read it: a row per person, who they are and when they were first and last seen.
-- It is personal data, read with the rights of whoever asks: who may not read `users` may not read this.
-- Columns: `org_id`, `user_ref`, `identity` (the actor id, else the e-mail), the latest `email` and `name`, `first_seen`,
-- `last_seen`. Join on (`org_id`, `user_ref`).
CREATE VIEW people SQL SECURITY INVOKER AS
SELECT
  users.org_id AS org_id,
  users.user_ref AS user_ref,
  max(users.identity) AS identity,
  argMaxIfMerge(users.email) AS email,
  argMaxIfMerge(users.name) AS name,
  min(users.first_seen) AS first_seen,
  max(users.last_seen) AS last_seen
FROM users
GROUP BY users.org_id, users.user_ref;
