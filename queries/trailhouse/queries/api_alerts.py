"""Alerts and their channels over HTTP, for holders of a key with the scope `admin`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import orjson
from fastapi import APIRouter, Request, Response
from starlette.concurrency import run_in_threadpool

from trailhouse.queries.alerts.alert import FIELDS as ALERT_FIELDS
from trailhouse.queries.alerts.alert import read_span
from trailhouse.queries.alerts.channel import FIELDS as CHANNEL_FIELDS
from trailhouse.queries.alerts.desk import MUTE_MAX, By, Desk
from trailhouse.queries.api_access import SECURITY, Access, who_asks
from trailhouse.queries.api_reports import single
from trailhouse.queries.errors import BadBody, BodyTooLarge, UnknownParameter
from trailhouse.queries.key import Key, Scope
from trailhouse.queries.orgs import org_of
from trailhouse.queries.parameter import in_query
from trailhouse.queries.store import ClickHouseStore, Pool

ALERTS: Final = "/api/v1/alerts"
CHANNELS: Final = "/api/v1/alert_channels"
BODY_BYTES_MAX: Final = 65_536
_ORG: Final = "the organisation; may be left out where the key has only one, or a default"
_NO_STORE: Final = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}
_NUMBERS: Final = {"above", "below", "rate"}
_FLAGS: Final = {"with_pii", "paused"}
Work = Callable[[str, By, dict[str, Any]], Any]


@dataclass(frozen=True, slots=True)
class AlertRoutes:
    """What the routes need; `pool` reads, the desk writes."""

    access: Access
    pool: Pool
    desk: Desk

    async def read(self, request: Request, work: Work) -> Response:
        """Answer a GET or DELETE: `org` is in the query. Raises `QueryError`."""
        key = await self.access.key(request, Scope.ADMIN)
        params = single(request)
        if unknown := [name for name in params if name != "org"]:
            raise UnknownParameter("alerts", unknown[0], ("org",))
        return await run_in_threadpool(self._work, request, key, params.get("org"), {}, work, 200)

    async def write(self, request: Request, work: Work, status: int) -> Response:
        """Answer a POST or PATCH: everything is in the body, `org_id` too. Raises `QueryError`."""
        key = await self.access.key(request, Scope.ADMIN)
        for name in request.query_params:
            raise UnknownParameter("alerts", name, ())
        body = await read_body(request)
        org = body.pop("org_id", None)
        if org is not None and not isinstance(org, str):
            raise BadBody("org_id is no text")
        return await run_in_threadpool(self._work, request, key, org, body, work, status)

    def _work(  # noqa: PLR0913, PLR0917 - each is something of a request
        self, request: Request, key: Key, org: str | None, body: dict[str, Any], work: Work, status: int
    ) -> Response:
        with self.pool.client() as client:
            found = org_of(org, key.caller, ClickHouseStore(client))
        by = By(who_asks(request), f"key:{key.key_id}", read_pii=key.allows(Scope.AUDIT_READ_PII))
        made = work(found, by, body)
        if made is None:
            return Response(status_code=204, headers=_NO_STORE)
        return Response(
            orjson.dumps(made, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE),
            status,
            _NO_STORE,
            media_type="application/json",
        )


async def read_body(request: Request) -> dict[str, Any]:
    """The JSON object of a body, {} of an empty one; raises `BadBody`."""
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > BODY_BYTES_MAX:
            raise BodyTooLarge(f"the body has more than {BODY_BYTES_MAX} bytes")
    try:
        found = orjson.loads(body or b"{}")
    except ValueError:
        raise BadBody("the body is no JSON") from None
    if not isinstance(found, dict):
        raise BadBody("the body is no JSON object")
    return found


def routes(alerts: AlertRoutes) -> APIRouter:
    """`/api/v1/alerts` and `/api/v1/alert_channels`."""
    router = APIRouter(tags=["alerts"])
    desk = alerts.desk

    def listed(what: str, rows: Callable[[str], list[dict[str, Any]]]) -> Work:
        def work(org: str, by: By, _: dict[str, Any]) -> Any:
            desk.record_reading(org, by, what)
            return {what: rows(org)}

        return work

    @router.get(ALERTS, summary="The alerts of an organisation", **_said(_read()))
    async def list_alerts(request: Request) -> Response:
        return await alerts.read(request, listed("alerts", desk.alerts))

    @router.post(ALERTS, status_code=201, summary="Make an alert", **_said(_body(ALERT_FIELDS)))
    async def create_alert(request: Request) -> Response:
        return await alerts.write(request, desk.create, 201)

    @router.get(
        ALERTS + "/{alert_id}", summary="An alert and its notifications", **_said(_read(), is_one=True)
    )
    async def show_alert(request: Request, alert_id: str) -> Response:
        def work(org: str, by: By, _: dict[str, Any]) -> Any:
            desk.record_reading(org, by, "alert")
            return desk.alert(org, alert_id)

        return await alerts.read(request, work)

    @router.patch(
        ALERTS + "/{alert_id}",
        summary="Change the fields of an alert that are named; null empties one",
        **_said(_body(ALERT_FIELDS, is_patch=True), is_one=True),
    )
    async def edit_alert(request: Request, alert_id: str) -> Response:
        return await alerts.write(request, lambda org, by, body: desk.edit(org, by, alert_id, body), 200)

    @router.post(
        ALERTS + "/{alert_id}/take_over",
        summary="Answer for an alert from now on, as when its key was revoked",
        **_said(_body({}), is_one=True),
    )
    async def take_alert(request: Request, alert_id: str) -> Response:
        def work(org: str, by: By, body: dict[str, Any]) -> Any:
            _only(body, ())
            return desk.take_over(org, by, alert_id)

        return await alerts.write(request, work, 200)

    @router.delete(
        ALERTS + "/{alert_id}", status_code=204, summary="Delete an alert", **_said(_read(), is_one=True)
    )
    async def delete_alert(request: Request, alert_id: str) -> Response:
        return await alerts.read(request, lambda org, by, _: desk.delete(org, by, alert_id))

    @router.post(
        ALERTS + "/{alert_id}/mute",
        summary="Mute an alert, or let it speak again",
        **_said(_body({"for": "how long, such as `2h`; `0`: speak again"}), is_one=True),
    )
    async def mute_alert(request: Request, alert_id: str) -> Response:
        def work(org: str, by: By, body: dict[str, Any]) -> Any:
            _only(body, ("for",))
            seconds = read_span("for", str(body.get("for", "")), 0, int(MUTE_MAX.total_seconds()))
            return desk.mute(org, by, alert_id, seconds)

        return await alerts.write(request, work, 200)

    @router.post(
        ALERTS + "/{alert_id}/test",
        status_code=202,
        summary="Send a test to the channels of an alert",
        **_said(_body({}), is_one=True),
    )
    async def test_alert(request: Request, alert_id: str) -> Response:
        def work(org: str, by: By, body: dict[str, Any]) -> Any:
            _only(body, ())
            return {"notification_id": desk.test(org, by, alert_id)}

        return await alerts.write(request, work, 202)

    @router.get(CHANNELS, summary="The channels of an organisation", **_said(_read()))
    async def list_channels(request: Request) -> Response:
        return await alerts.read(request, listed("channels", desk.channels))

    @router.post(
        CHANNELS,
        status_code=201,
        summary="Make a channel; a webhook's secret is answered this once",
        **_said(_body(CHANNEL_FIELDS), keeps=True),
    )
    async def create_channel(request: Request) -> Response:
        return await alerts.write(request, desk.add_channel, 201)

    @router.delete(
        CHANNELS + "/{channel_id}", status_code=204, summary="Delete a channel", **_said(_read(), is_one=True)
    )
    async def delete_channel(request: Request, channel_id: str) -> Response:
        return await alerts.read(request, lambda org, by, _: desk.delete_channel(org, by, channel_id))

    return router


def _only(body: Mapping[str, Any], known: tuple[str, ...]) -> None:
    for name in body:
        if name not in known:
            raise UnknownParameter("this", name, known)


def _said(extra: dict[str, Any], *, is_one: bool = False, keeps: bool = False) -> dict[str, Any]:
    """What OpenAPI says of a route."""
    problem: dict[str, Any] = {"application/problem+json": {}}
    responses: dict[int, dict[str, Any]] = {}
    if is_one:
        responses[404] = {"description": "the organisation has none of that id", "content": problem}
    if keeps:
        responses[409] = {"description": "TRAILHOUSE_ALERTS_KEY is not set", "content": problem}
    if "requestBody" in extra:
        responses[413] = {"description": "the body is too large", "content": problem}
    return {
        "response_class": Response,
        "responses": responses,
        "openapi_extra": {"security": SECURITY, **extra},
    }


def _read() -> dict[str, Any]:
    return {"parameters": in_query([("org", _ORG, {"type": "string"})])}


def _body(fields: Mapping[str, str], *, is_patch: bool = False) -> dict[str, Any]:
    properties: dict[str, Any] = {"org_id": {"type": "string", "description": _ORG}}
    for name, text in fields.items():
        kind: dict[str, Any] = {"type": "string"}
        if name in _NUMBERS:
            kind = {"type": "number"}
        if name in _FLAGS:
            kind = {"type": "boolean"}
        if name == "channels":
            kind = {"type": "array", "items": {"type": "string"}}
        if is_patch:
            kind["type"] = [kind["type"], "null"]
        properties[name] = kind | {"description": text}
    schema = {"type": "object", "properties": properties, "additionalProperties": False}
    return {"requestBody": {"content": {"application/json": {"schema": schema}}}}
