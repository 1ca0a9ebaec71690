"""The reports: one SQL file each, and `load` to read them all."""

from trailhouse.queries.report import load

__all__ = ["load"]
