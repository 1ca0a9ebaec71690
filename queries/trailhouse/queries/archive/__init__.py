"""The archive: what landed, without personal data, in files that prove themselves and that ClickHouse can be rebuilt from."""
