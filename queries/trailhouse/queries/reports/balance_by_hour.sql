/*
title: Balance by hour
question: Do the books balance, hour by hour, from what arrived to what the reports count?
source: [design-5]
counts: records that landed, by the hour of the event (of receipt for those that were rejected), and what became of them
terms: [event, rejected, period]
chart: table
last: 7d
explain: {from: landed, where: "toStartOfHour(slot) = {row_hour:DateTime64(3, 'UTC')} AND org_id = {row_org:String}", column: landed, is: count()}
columns:
  hour: {type: time, unit: hour, text: 'start of the hour'}
  org: {type: text, unit: organisation, text: 'the organisation the records name; empty where none can be read'}
  landed: {type: integer, unit: records, text: 'raw records that landed, each once'}
  stored: {type: integer, unit: events, text: 'distinct events that table `events` holds'}
  repeats: {type: integer, unit: records, text: 'records whose event had come before'}
  conflicts: {type: integer, unit: events, text: 'events that came with different contents, settled or not'}
  rejected: {type: integer, unit: records, text: 'records that table `rejected` holds'}
  expired: {type: integer, unit: records, text: 'events and rejected records that retention let go'}
  counted: {type: integer, unit: events, text: 'distinct events in the sets every report counts from'}
  difference: {type: integer, unit: records, text: 'what landed and is neither stored, a repeat, rejected nor expired, and what is stored or expired and not counted or the other way round; 0 when the books balance'}
*/
SELECT
  toDateTime64(hour, 3, 'UTC') AS hour,
  org,
  sum(landed_records) AS landed,
  sum(stored_events) AS stored,
  sum(repeated) AS repeats,
  sum(conflicting) AS conflicts,
  sum(rejected_records) AS rejected,
  sum(expired_events) + sum(expired_rejects) AS expired,
  sum(counted_events) AS counted,
  toUInt64(abs(toInt64(landed) - toInt64(stored) - toInt64(repeats) - toInt64(rejected) - toInt64(expired)) + abs(toInt64(stored) + toInt64(sum(expired_events)) - toInt64(counted))) AS difference
FROM (
  -- One raw offset has one time of receipt, one event one day: copies of a row lie in one partition (the setting holds for
  -- one SELECT). The plain bounds of slots say nothing new, but indexes understand them.
  -- What landed. An event whose copies name several hours counts in each of them, as it does in the tables.
  SELECT
    toStartOfHour(slot) AS hour, org_id AS org, count() AS landed_records, 0 AS stored_events,
    countIf(reason = '') - uniqExactIf(event_id, reason = '') AS repeated,
    -- Every copy of what landed in the period, whenever it did.
    uniqExactIf(event_id, (org_id, event_id) IN (
      SELECT org_id, event_id FROM landed
      WHERE content != 0 AND (org_id IN {orgs:Array(String)} OR {is_instance:Bool})
        -- Ids that came with different contents are few, whatever their organisation and rules.
        AND event_id IN (
          SELECT event_id FROM landed
          WHERE content != 0 AND (org_id IN {orgs:Array(String)} OR {is_instance:Bool})
            AND event_id IN (
              SELECT event_id FROM landed
              WHERE content != 0 AND (org_id IN {orgs:Array(String)} OR {is_instance:Bool})
                AND slot >= fromUnixTimestamp64Milli(({ranges:Array(Tuple(Int64, Int64))}[1]).1, 'UTC') AND slot < fromUnixTimestamp64Milli(({ranges:Array(Tuple(Int64, Int64))}[-1]).2, 'UTC')
                AND arrayExists(
                  instants -> toUnixTimestamp(slot) * 1000 >= instants.1 AND toUnixTimestamp(slot) * 1000 < instants.2,
                  {ranges:Array(Tuple(Int64, Int64))}
                )
            )
          GROUP BY event_id HAVING min(content) != max(content)
        )
      GROUP BY org_id, event_id, rules HAVING min(content) != max(content)
    )) AS conflicting,
    0 AS rejected_records, 0 AS counted_events, 0 AS expired_events, 0 AS expired_rejects
  FROM landed FINAL
  -- Nothing is received more than minutes before it occurred, so earlier days need not be read.
  WHERE received_at >= fromUnixTimestamp64Milli(({ranges:Array(Tuple(Int64, Int64))}[1]).1, 'UTC') - INTERVAL 1 DAY
    AND (org_id IN {orgs:Array(String)} OR {is_instance:Bool})
    AND slot >= fromUnixTimestamp64Milli(({ranges:Array(Tuple(Int64, Int64))}[1]).1, 'UTC') AND slot < fromUnixTimestamp64Milli(({ranges:Array(Tuple(Int64, Int64))}[-1]).2, 'UTC')
    AND arrayExists(
      instants -> toUnixTimestamp(slot) * 1000 >= instants.1 AND toUnixTimestamp(slot) * 1000 < instants.2,
      {ranges:Array(Tuple(Int64, Int64))}
    )
  GROUP BY hour, org
  SETTINGS do_not_merge_across_partitions_select_final = 1
  UNION ALL
  -- Of an event FINAL leaves one row a day.
  SELECT toStartOfHour(occurred_at), org_id, 0, count(), 0, 0, 0, 0, 0, 0
  FROM events FINAL
  WHERE (org_id IN {orgs:Array(String)} OR {is_instance:Bool})
    AND toDate(occurred_at) >= toDate(fromUnixTimestamp64Milli(({ranges:Array(Tuple(Int64, Int64))}[1]).1, 'UTC'))
    AND toDate(occurred_at) <= toDate(fromUnixTimestamp64Milli(({ranges:Array(Tuple(Int64, Int64))}[-1]).2, 'UTC'))
    AND arrayExists(
      instants -> toUnixTimestamp(toStartOfFifteenMinutes(occurred_at)) * 1000 >= instants.1 AND toUnixTimestamp(toStartOfFifteenMinutes(occurred_at)) * 1000 < instants.2,
      {ranges:Array(Tuple(Int64, Int64))}
    )
  GROUP BY toStartOfHour(occurred_at), org_id
  SETTINGS do_not_merge_across_partitions_select_final = 1
  UNION ALL
  SELECT toStartOfHour(slot), org_id, 0, 0, 0, 0, 0, uniqExactMerge(events), 0, 0
  FROM action_slots
  WHERE (org_id IN {orgs:Array(String)} OR {is_instance:Bool})
    AND slot >= fromUnixTimestamp64Milli(({ranges:Array(Tuple(Int64, Int64))}[1]).1, 'UTC') AND slot < fromUnixTimestamp64Milli(({ranges:Array(Tuple(Int64, Int64))}[-1]).2, 'UTC')
    AND arrayExists(
      instants -> toUnixTimestamp(slot) * 1000 >= instants.1 AND toUnixTimestamp(slot) * 1000 < instants.2,
      {ranges:Array(Tuple(Int64, Int64))}
    )
  GROUP BY toStartOfHour(slot), org_id
  UNION ALL
  SELECT toStartOfHour(received_at), org_id, 0, 0, 0, 0, count(), 0, 0, 0
  FROM rejected FINAL
  WHERE (org_id IN {orgs:Array(String)} OR {is_instance:Bool})
    AND arrayExists(
      instants -> toUnixTimestamp(toStartOfFifteenMinutes(received_at)) * 1000 >= instants.1 AND toUnixTimestamp(toStartOfFifteenMinutes(received_at)) * 1000 < instants.2,
      {ranges:Array(Tuple(Int64, Int64))}
    )
  GROUP BY toStartOfHour(received_at), org_id
  SETTINGS do_not_merge_across_partitions_select_final = 1
  UNION ALL
  -- What expired and was not sent again since.
  SELECT toStartOfHour(slot), org_id, 0, 0, 0, 0, 0, 0, uniqExactIf(id, class = 'events'), uniqExactIf(id, class = 'rejected')
  FROM expired
  WHERE (org_id IN {orgs:Array(String)} OR {is_instance:Bool})
    AND slot >= fromUnixTimestamp64Milli(({ranges:Array(Tuple(Int64, Int64))}[1]).1, 'UTC') AND slot < fromUnixTimestamp64Milli(({ranges:Array(Tuple(Int64, Int64))}[-1]).2, 'UTC')
    AND arrayExists(
      instants -> toUnixTimestamp(slot) * 1000 >= instants.1 AND toUnixTimestamp(slot) * 1000 < instants.2,
      {ranges:Array(Tuple(Int64, Int64))}
    )
    AND (class, id) NOT IN (
      SELECT 'events', sipHash64(org_id, event_id) FROM events
      WHERE (org_id IN {orgs:Array(String)} OR {is_instance:Bool})
        AND toDate(occurred_at) >= toDate(fromUnixTimestamp64Milli(({ranges:Array(Tuple(Int64, Int64))}[1]).1, 'UTC'))
        AND toDate(occurred_at) <= toDate(fromUnixTimestamp64Milli(({ranges:Array(Tuple(Int64, Int64))}[-1]).2, 'UTC'))
        -- Days of which nothing expired need not be read.
        AND (org_id, toDate(occurred_at)) IN (
          SELECT org_id, toDate(slot) FROM expired
          WHERE class = 'events' AND (org_id IN {orgs:Array(String)} OR {is_instance:Bool})
            AND slot >= fromUnixTimestamp64Milli(({ranges:Array(Tuple(Int64, Int64))}[1]).1, 'UTC') AND slot < fromUnixTimestamp64Milli(({ranges:Array(Tuple(Int64, Int64))}[-1]).2, 'UTC')
        )
      UNION ALL
      SELECT 'rejected', sipHash64(epoch, partition, offset) FROM rejected WHERE org_id IN {orgs:Array(String)} OR {is_instance:Bool}
    )
  GROUP BY toStartOfHour(slot), org_id
)
GROUP BY hour, org
ORDER BY hour ASC, org ASC
