-- Of who signs in to the dashboard: sessions that were ended before their time (`ended_sessions`), so that every process of
-- the API knows it, and the default organisation of somebody who came from an OpenID provider and holds no key (`person_orgs`,
-- WA6; '' = none any more). Written where the page Settings writes, read by the API with the keys. No personal data: `mark`
-- is a hash of a session's random number, `subject` of issuer and subject. A choice gives no right: that is asked each time.
-- Partition: none; each process reads the last half day of it every few seconds, and a row goes a day after it came.
-- Order: by the mark, so ending twice is once. Read with FINAL.
CREATE TABLE ended_sessions (
  mark String,
  ended_at DateTime64(3, 'UTC')
) ENGINE = ReplacingMergeTree
ORDER BY mark
TTL toDateTime(ended_at) + INTERVAL 1 DAY
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1, non_replicated_deduplication_window = 0;

-- Default organisations. Partition: none, a row a person.
-- Order: by who it is; the latest choice wins. Read with FINAL.
CREATE TABLE person_orgs (
  subject String,
  default_org String,
  chosen_at DateTime64(3, 'UTC') DEFAULT now64(3)
) ENGINE = ReplacingMergeTree(chosen_at)
ORDER BY subject
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1, non_replicated_deduplication_window = 0;
