-- API keys: who may ask what of which organisations. A key's SHA-256 is kept, never the key.
-- Written by the admin identity alone and read by the API's: whoever can insert a row here can make itself a key.
-- `orgs` ['*'] = every organisation. `expires_at` NULL = never.
-- Partition: none; a row per key stays small and the API reads all of it every few seconds.
-- Order: by the id that stands, readable, in the key itself.
-- Replacing by `is_revoked`: whatever arrives again or later, a key that was revoked stays revoked. Read with FINAL.
CREATE TABLE api_keys (
  key_id String,
  digest String,
  username String,
  orgs Array(String),
  scopes Array(String),
  is_service_account Bool,
  created_at DateTime64(3, 'UTC'),
  expires_at Nullable(DateTime64(3, 'UTC')),
  revoked_at Nullable(DateTime64(3, 'UTC')),
  is_revoked UInt8
) ENGINE = ReplacingMergeTree(is_revoked)
ORDER BY key_id
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1, non_replicated_deduplication_window = 0;
