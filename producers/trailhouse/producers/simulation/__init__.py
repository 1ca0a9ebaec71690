"""Simulated organisations: months of believable audit events, the same for the same seed, with incidents to look for."""

from trailhouse.producers.simulation.incident import Incident, Kind
from trailhouse.producers.simulation.plan import Plan
from trailhouse.producers.simulation.simulation import Line, Simulation

__all__ = ["Incident", "Kind", "Line", "Plan", "Simulation"]
