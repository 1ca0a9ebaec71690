"""The files Grafana reads: as the code makes them, and all that provisioning names is there."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
import yaml

from trailhouse.deploy.dashboards.__main__ import main
from trailhouse.deploy.dashboards.writing import written
from trailhouse.queries.grafana import PLUGIN

GRAFANA = Path(__file__).parents[3] / "deploy" / "grafana"


def test_committed_dashboards_are_fresh() -> None:
    """`make dashboards` writes them; a changed report changes its panel."""
    assert {file.name: file.read_text() for file in (GRAFANA / "dashboards").iterdir()} == written()


def test_only_what_changed_is_written(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """So that `make dashboards` says what it did."""
    main(tmp_path)
    assert len(capsys.readouterr().out.splitlines()) == len(written())
    (tmp_path / "security.json").write_text("{}")
    main(tmp_path)
    assert capsys.readouterr().out == f"wrote {tmp_path / 'security.json'}\n"


def test_ids_are_ones_own() -> None:
    """Of dashboards for links to them, of panels within each."""
    boards = [json.loads(text) for text in written().values()]
    assert len({board["uid"] for board in boards}) == len(boards)
    for board in boards:
        ids = [panel["id"] for panel in board["panels"]]
        assert ids == list(range(1, len(ids) + 1))


def test_provisioned_sources_are_those_the_dashboards_ask() -> None:
    """One of each kind; no address and no password stands in the file."""
    text = (GRAFANA / "provisioning" / "datasources" / "trailhouse.yaml").read_text()
    sources = yaml.safe_load(text)["datasources"]
    wanted = {
        each["query"]
        for board in written().values()
        for each in json.loads(board)["templating"]["list"]
        if each["type"] == "datasource"
    }
    assert {each["type"] for each in sources} == wanted == {"prometheus", PLUGIN}
    named = set(re.findall(r"\$([A-Z_]+)", text))
    page = (GRAFANA.parents[1] / "docs" / "operations" / "monitor.md").read_text()
    assert all(name.startswith("TRAILHOUSE_GRAFANA_") for name in named)
    assert all(name.rpartition("_")[2] in page for name in named)


def test_the_provider_names_the_folder_of_the_docs() -> None:
    """Where `docs/operations/monitor.md` says the dashboards go."""
    provider = yaml.safe_load((GRAFANA / "provisioning" / "dashboards" / "trailhouse.yaml").read_text())
    (path,) = [each["options"]["path"] for each in provider["providers"]]
    assert path in (GRAFANA.parents[1] / "docs" / "operations" / "monitor.md").read_text()
