"""Grafana's dashboards as code; `python -m trailhouse.deploy.dashboards FOLDER` writes them as JSON."""
