"""Simulated organisations through the real broker, worker, sink and engine: every event stored, incidents found."""

from __future__ import annotations

import json
import os
from datetime import date

import pytest
from tests.e2e.pipeline import Pipeline
from tests.roles import running, wait_for

from trailhouse.deploy.cli import run
from trailhouse.producers.simulation import Kind, Plan, Simulation

PLAN = Plan(until=date(2026, 3, 31), orgs=2, people=14, days=21)
OPTIONS = ["--orgs", "2", "--people", "14", "--days", "21", "--until", "2026-03-31", "--format", "json"]


def test_simulated_organisations_balance(
    pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Sent twice, counted once, none rejected; what the incidents are made of is there to be found."""
    for name, value in pipeline.rig.environ().items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("TRAILHOUSE_STREAM_GROUP", pipeline.group)
    monkeypatch.delenv("TRAILHOUSE_DATA", raising=False)
    lines = list(Simulation(PLAN).lines())
    distinct = {(line.org_id, line.event_id) for line in lines}
    with running(pipeline.stream, pipeline.sink):
        for _ in range(2):
            assert run(["simulate", *OPTIONS, "--wait"], os.environ) == 0
            made = json.loads(capsys.readouterr().out)
            assert made["events"] == len(lines)
        wait_for(
            lambda: pipeline.is_settled(2 * len(lines)), 60, "all stored", pipeline.stream, pipeline.sink
        )
        assert run(["balance", "--format", "json"], os.environ) == 0
        books = json.loads(capsys.readouterr().out)
    assert (books["stored"], books["rejected"]) == (len(distinct), 0)
    assert books["repeats"] == 2 * len(lines) - len(distinct)
    assert (books["unaccounted"], books["conflicts"]) == (0, 0)
    client = pipeline.rig.client
    incidents = Simulation(PLAN).incidents()
    assert {each.kind for each in incidents} == set(Kind)
    for incident in incidents:
        ((found,),) = client.query(
            "SELECT count() FROM events FINAL WHERE org_id = {org:String} AND event_id IN {ids:Array(UUID)}",
            parameters={"org": incident.org_id, "ids": list(incident.event_ids)},
        ).result_rows
        assert found == len(incident.event_ids)
