"""The queries: reports (one SQL file each), the runner, and the HTTP API."""
