-- Which type of agent was asked is a column of its own: who asks AI of which type need not read the whole map of attributes.
ALTER TABLE notable ADD COLUMN IF NOT EXISTS agent_type LowCardinality(String) MATERIALIZED attributes['agent_type'];

-- What happened before gets it in the background; until then it is read from the map.
ALTER TABLE notable MATERIALIZE COLUMN agent_type;
