"""The collector in OpenAPI: what is documented is what it does."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import httpx

from trailhouse.producers.event import FIELD
from trailhouse.queries import errors
from trailhouse.queries.api_access import ANSWERS
from trailhouse.queries.api_events import LINES


def operation(api: httpx.Client) -> dict[str, Any]:
    found: dict[str, Any] = api.get("/openapi.json").json()["paths"]["/api/v1/events"]["post"]
    return found


def test_the_body_is_the_contract(api: httpx.Client) -> None:
    """Every field of it; only `action` must be there, because the key and the clock know the rest."""
    content = operation(api)["requestBody"]["content"]
    assert set(content) <= set(LINES)
    one, many = content["application/json"]["schema"]["oneOf"]
    assert set(one["properties"]) == set(FIELD)
    assert one["required"] == ["action"]
    assert many["items"] == one


def test_every_status_is_documented(api: httpx.Client) -> None:
    """Those of our errors that the collector raises, those it answers with itself, and no 200."""
    source = Path(__file__).parents[2] / "queries" / "trailhouse" / "queries"
    text = "".join(
        (source / f"{name}.py").read_text()
        for name in ("api_events", "api_access", "batch_text", "allowance", "key_ring")
    )
    raised = {
        getattr(errors, name).status
        for name in set(re.findall(r"\b[A-Z]\w+\b", text))
        if hasattr(getattr(errors, name, None), "status")
    } - {500}
    every_route = {int(status) for status in ANSWERS}
    assert {int(status) for status in operation(api)["responses"]} == raised | every_route | {202, 403, 422}


def test_keys_are_documented(api: httpx.Client) -> None:
    """Bearer and Basic; reports do without on this machine, the collector does not."""
    document = api.get("/openapi.json").json()
    assert {each["scheme"] for each in document["components"]["securitySchemes"].values()} == {
        "bearer",
        "basic",
    }
    assert operation(api)["security"] == [{"bearer": []}, {"basic": []}]
    assert {} in document["paths"]["/api/v1/reports"]["get"]["security"]
