-- Whether an event landed before, and what landed of a period: asked of all that ever landed, at each closing of the books.
-- A UUIDv7 says when it was minted (RFC 9562 §5.7), so granules whose ids are of other hours need not be read; other ids
-- are all of hour 0. `slots` does the same for the quarter-hour a record is counted in.
ALTER TABLE landed
  ADD INDEX IF NOT EXISTS minted intDiv(toUnixTimestamp64Milli(UUIDv7ToDateTime(event_id)), 3600000) TYPE minmax GRANULARITY 1,
  ADD INDEX IF NOT EXISTS slots slot TYPE minmax GRANULARITY 1;

-- What landed before gets them in the background.
ALTER TABLE landed MATERIALIZE INDEX minted;
ALTER TABLE landed MATERIALIZE INDEX slots;
