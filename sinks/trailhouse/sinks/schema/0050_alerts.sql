-- Product alerts: what organisations want to be told of (`alerts`), where to (`alert_channels`, `slack_apps`), how far each
-- alert has read (`alert_steps`) and what was sent (`alert_notices`). Written by the identity `alerts` and the admin alone.
-- Partition: none but for notices; they are few. Order: by organisation, then by the id that is shown. Read with FINAL.
-- No personal data lies here in the open: notices name people by their hash, addresses and tokens are in `sealed`, AES under
-- TRAILHOUSE_ALERTS_KEY; `shown` is what is left of an address for people to know it by. The latest `ver` wins.
CREATE TABLE alerts (
  org_id LowCardinality(String),
  alert_id String,
  name String,
  definition String,
  created_by String,
  created_at DateTime64(3, 'UTC'),
  muted_until Nullable(DateTime64(3, 'UTC')),
  is_deleted UInt8,
  ver UInt64
) ENGINE = ReplacingMergeTree(ver)
ORDER BY (org_id, alert_id)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1, non_replicated_deduplication_window = 0;

-- Where notices go. Partition: none, they are few. Order: by organisation, then by the id that is shown.
-- `sealed` holds the address or the token, as said above. The latest `ver` wins; read with FINAL.
CREATE TABLE alert_channels (
  org_id LowCardinality(String),
  channel_id String,
  name String,
  kind LowCardinality(String),
  shown String,
  sealed String,
  created_by String,
  created_at DateTime64(3, 'UTC'),
  is_deleted UInt8,
  ver UInt64
) ENGINE = ReplacingMergeTree(ver)
ORDER BY (org_id, channel_id)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1, non_replicated_deduplication_window = 0;

-- The Slack app of each organisation that has one. Partition: none, one row each.
-- Order: by organisation. The latest `ver` wins; read with FINAL.
CREATE TABLE slack_apps (
  org_id LowCardinality(String),
  client_id String,
  sealed String,
  redirects Array(String),
  is_enabled UInt8,
  changed_by String,
  ver UInt64
) ENGINE = ReplacingMergeTree(ver)
ORDER BY org_id
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1, non_replicated_deduplication_window = 0;

-- One row is one decision: how far an alert has read and what that made it say, written as a whole or not at all. Notices
-- are then copied to `alert_notices`; who was killed in between copies them again from here. `number` counts an alert's steps.
-- Partition: none, a row an alert stays. Order: by organisation and alert, as the role reads them.
CREATE TABLE alert_steps (
  org_id LowCardinality(String),
  alert_id String,
  number UInt64,
  state String CODEC(ZSTD),
  notices String CODEC(ZSTD),
  at DateTime64(3, 'UTC')
) ENGINE = ReplacingMergeTree(number)
ORDER BY (org_id, alert_id)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1, non_replicated_deduplication_window = 0;

-- Each notice to each channel. `status`: pending, delivered or dead; every attempt is a writing with `attempts` one higher.
-- Partition: by month made, so that old ones can go. Order: by organisation, then by notice and channel, which names an attempt.
CREATE TABLE alert_notices (
  org_id LowCardinality(String),
  notice_id UUID,
  channel_id String,
  alert_id String,
  kind LowCardinality(String),
  status LowCardinality(String),
  content String CODEC(ZSTD),
  error String,
  attempts UInt32,
  created_at DateTime64(3, 'UTC'),
  next_at DateTime64(3, 'UTC'),
  changed_at DateTime64(3, 'UTC') DEFAULT now64(3)
) ENGINE = ReplacingMergeTree(attempts)
PARTITION BY toYYYYMM(created_at)
ORDER BY (org_id, notice_id, channel_id)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1, non_replicated_deduplication_window = 0;
