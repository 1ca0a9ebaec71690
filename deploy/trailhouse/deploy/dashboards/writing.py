"""The dashboards as the files Grafana reads."""

from __future__ import annotations

import json

from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models.dashboard import Dashboard

from trailhouse.deploy.dashboards import pipeline, reported
from trailhouse.queries.reports import load


def written() -> dict[str, str]:
    """Each file's name and text, the same for the same reports."""
    reports = load().values()
    made = {
        "pipeline": pipeline.build(),
        "organisation": reported.organisation(reports),
        "security": reported.security(reports),
    }
    return {f"{name}.json": _text(each) for name, each in made.items()}


def _text(board: Dashboard) -> str:
    for number, each in enumerate(board.panels or [], start=1):
        each.id_val = number
    return json.dumps(board, cls=JSONEncoder, indent=1, sort_keys=True, ensure_ascii=False) + "\n"
