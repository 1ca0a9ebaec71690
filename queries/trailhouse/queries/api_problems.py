"""Errors over HTTP: RFC 9457 problem documents that say what happened, with which value, and what to do."""

from __future__ import annotations

import logging
from http import HTTPStatus
from typing import Any, Final

from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from trailhouse.producers.event import ORG_ID
from trailhouse.queries.api_access import who_asks
from trailhouse.queries.errors import QueryError
from trailhouse.queries.self_audit import SelfAudit
from trailhouse.stream.correlation import current

MEDIA_TYPE: Final = "application/problem+json"
REQUEST_ID: Final = "X-Request-Id"
log = logging.getLogger(__name__)


def problem(status: int, title: str, detail: str, hint: str = "", **members: Any) -> JSONResponse:
    """A problem document; `hint` says what to do, further members are the problem's own.

    `correlation_id` is the request's, under which the log has what was said of it.
    """
    body = {"type": "about:blank", "title": title, "status": status, "detail": detail, **members}
    if name := current():
        body["correlation_id"] = name
    headers = {"Cache-Control": "no-store"} | (
        {"Retry-After": "5"} if status == HTTPStatus.SERVICE_UNAVAILABLE else {}
    )
    return JSONResponse(body | ({"hint": hint} if hint else {}), status, headers, media_type=MEDIA_TYPE)


def install(app: FastAPI, audit: SelfAudit) -> None:
    """Answer every error of `app` with a problem document; every refusal is recorded."""
    app.state.self_audit = audit
    app.add_exception_handler(QueryError, _query_error)
    app.add_exception_handler(HTTPException, _http_error)
    app.add_exception_handler(Exception, _defect)


def _query_error(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, QueryError)  # what the handler is registered for
    if error.refusal:
        record_refusal(request, error)
    if error.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        # Who has no cause has nothing to add: Kafka is away, and that as often as somebody asks.
        is_puzzling = error.__cause__ is not None or error.status == HTTPStatus.INTERNAL_SERVER_ERROR
        log.error("%s: %s", request.url.path, error, exc_info=error if is_puzzling else None)
    members = (
        {"parameter": name}
        if (name := getattr(error, "name", None)) and error.status == HTTPStatus.BAD_REQUEST
        else {}
    )
    answer = problem(error.status, error.title, str(error), error.hint, **members)
    answer.headers.update(error.headers)
    return answer


def record_refusal(request: Request, error: QueryError) -> None:
    """Record that a request was refused; raises nothing."""
    route = getattr(request.scope.get("route"), "path", "")
    asked = str(getattr(error, "org", ""))
    request.app.state.self_audit.refuse(
        who_asks(request),
        error.refusal,
        {"path": route, "status": error.status, "asked_org": asked if ORG_ID.fullmatch(asked) else ""},
    )


def _http_error(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)  # what the handler is registered for
    title = HTTPStatus(error.status_code).phrase
    detail = f"{request.method} {request.url.path}: {error.detail}"
    answer = problem(error.status_code, title, detail, "/openapi.json lists what there is")
    answer.headers.update(error.headers or {})
    return answer


def _defect(request: Request, error: Exception) -> JSONResponse:
    log.error("%s", request.url.path, exc_info=error)
    answer = problem(500, "Internal error", "this is a defect of trailhouse", "its log has the traceback")
    if name := current():  # this answer is made outside of what tells it with all others
        answer.headers[REQUEST_ID] = name
    return answer
