"""The sinks: tables and views (numbered SQL), the exact writer, and the books that prove it."""
