"""Importers: files and git histories read as audit events; pure readers that yield `AuditEvent` or `Reject`."""
