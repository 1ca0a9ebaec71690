"""The stream: classify and enrich raw audit events, one output for every input."""
