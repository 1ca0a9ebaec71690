-- The organisation a key of several stands for when a request names none; '' = none, the request has to.
ALTER TABLE api_keys ADD COLUMN IF NOT EXISTS default_org String;
