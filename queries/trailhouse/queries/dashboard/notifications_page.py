"""The page Notifications: alerts, the channels they go to, a Slack app of one's own; for administrators.

Every form works without scripts and comes back with the token of this browser's session. A webhook's signing secret is
shown on the answer to the form that made it, and nowhere else.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from fastapi import APIRouter, Request, Response
from starlette.concurrency import run_in_threadpool

from trailhouse.producers.event import Outcome
from trailhouse.producers.settings import Secret
from trailhouse.queries.alerts import slack
from trailhouse.queries.alerts.alert import FIELDS, GROUPS, KINDS, read_span
from trailhouse.queries.alerts.desk import MUTE_MAX, By
from trailhouse.queries.dashboard.address import ROOT, link
from trailhouse.queries.dashboard.frame import redirect
from trailhouse.queries.dashboard.notification_sheets import SHEETS
from trailhouse.queries.dashboard.sheet import menu
from trailhouse.queries.dashboard.site import Built, Site, Visit
from trailhouse.queries.dashboard.visitor import Visitor, read_form
from trailhouse.queries.errors import BadBody, BadParameter, MissingScope, QueryError
from trailhouse.queries.key import Scope
from trailhouse.queries.orgs import check_org

PAGE: Final = "notifications"
#: What the page says after a change; the address names only which.
DONE: Final[Mapping[str, str]] = {
    "alert": "The alert is made. Send a test to see that it arrives.",
    "channel": "The channel is made.",
    "edit": "The alert is changed.",
    "take_over": "The alert is taken over: it speaks as long as your key is good.",
    "pause": "The alert is paused. What comes meanwhile is not told later.",
    "resume": "The alert speaks again.",
    "mute": "The alert is muted.",
    "unmute": "The alert speaks again.",
    "delete": "The alert is deleted.",
    "delete_channel": "The channel is deleted.",
    "test": "A test is on its way: see below whether it arrived.",
    "slack_app": "The Slack app is saved.",
    "slack": "Slack is connected. Make an alert that goes there, and send a test.",
}
_ALERT_FIELDS: Final = tuple(name for name in FIELDS if name not in {"channels", "paused"})
#: What the form of a new alert holds.
_FRESH: Final = {**dict.fromkeys(FIELDS, ""), "quiet": "10m", "rate": "30", "channels": (), "with_pii": False}


def routes(site: Site) -> APIRouter:
    """`notifications`, its forms, and the way to Slack and back."""
    router = APIRouter(prefix=ROOT.rstrip("/"), include_in_schema=False)
    states = slack.States(site.settings.session_secret)

    @router.get("/notifications")
    async def look(request: Request) -> Response:
        return await site.answer(request, PAGE, Scope.ADMIN, lambda visit: build(site, visit))

    @router.post("/notifications")
    async def change(request: Request) -> Response:
        visitor: Visitor | None = None
        try:
            form = await read_form(request)
            if not site.door.is_own_form(request, form):
                raise BadBody("this form is too old", "go back and send it once more")
            visitor = await site.door.visitor(request)
            if visitor is None or visitor.key is None:
                return redirect(link("sign-in", {"next": link(PAGE, {})}))
            if not visitor.allows(Scope.ADMIN):
                raise MissingScope(Scope.ADMIN)
            made = await run_in_threadpool(_change, site, visitor, form)
        except QueryError as error:
            return site.refuse(request, error, visitor, PAGE)
        if isinstance(made, Response):
            return made
        # A secret that is shown once: the page itself, not the way to it.
        return await site.answer(
            request,
            PAGE,
            Scope.ADMIN,
            lambda visit: build(site, visit, made),
            {name: form[name] for name in ("org", "timezone") if form.get(name)},
        )

    @router.get("/notifications/slack/connect")
    async def leave(request: Request) -> Response:
        nonce, host = site.door.form_nonce(request), request.headers.get("host", "")

        def away(visit: Visit) -> Response:
            app = site.desk.opened_app(visit.org)
            state = states.make(visit.org, nonce)
            page = site.settings.notifications.slack_authorize
            return redirect(slack.authorize_url(app, page, app.redirect(host), state))

        return await site.answer(request, PAGE, Scope.ADMIN, away)

    @router.get("/notifications/slack")
    async def come_back(request: Request) -> Response:
        nonce, host = site.door.form_nonce(request), request.headers.get("host", "")
        params = request.query_params
        org, failure = "", None
        try:
            org = states.read(params.get("state", ""), nonce)
        except QueryError as error:
            # Slack's own redirect comes without our cookies: asked again from here it comes with them.
            failure = error

        def arrive(visit: Visit) -> Response:
            if failure is not None:
                raise failure
            if said := params.get("error"):
                raise slack.SlackRefused(f"Slack answered {said[:60]!r}", "press Connect Slack once more")
            app = site.desk.opened_app(visit.org)
            api = site.settings.notifications.slack_api
            granted = slack.exchange(app, api, app.redirect(host), params.get("code", "")[:512])
            site.desk.connect_slack(visit.org, _by(visit.visitor), granted)
            return redirect(link(PAGE, {"org": visit.org, "done": "slack"}))

        return await site.answer(request, PAGE, Scope.ADMIN, arrive, {"org": org} if org else {})

    return router


def build(site: Site, visit: Visit, secret: Mapping[str, Any] | None = None) -> Built:
    """The alerts, channels, Slack app and latest notifications of one organisation."""
    desk, by = site.desk, _by(visit.visitor)
    desk.record_reading(visit.org, by, "alerts")
    app, alerts = desk.app(visit.org), desk.alerts(visit.org)
    chosen = next((each for each in alerts if each["id"] == visit.params.get("edit")), None)
    numeric = {"integer", "number"}
    return "notifications.html", {
        "alerts": alerts,
        "edited": chosen and chosen | {"form": form_of(chosen["definition"])},
        "fresh": _FRESH,
        "channels": desk.channels(visit.org),
        "sent": desk.notifications(visit.org)[:30],
        "app": app,
        "redirects": ", ".join(app.redirects) if app else "",
        "menus": {each.name: menu(each, visit) for each in SHEETS},
        "done": DONE.get(visit.params.get("done", ""), ""),
        "secret": secret,
        "kinds": KINDS,
        "groups": GROUPS,
        "outcomes": tuple(Outcome),
        "figures": [
            f"{report.name}.{column.name}"
            for report in site.reports.values()
            for column in report.columns
            if column.type in numeric and not column.is_hidden
        ],
    }


def _change(site: Site, visitor: Visitor, form: Mapping[str, str]) -> Response | Mapping[str, Any]:
    """Do what a form asks for; a new webhook is what is answered, anything else the way back to the page."""
    org, do, by, desk = form.get("org", ""), form.get("do", ""), _by(visitor), site.desk
    check_org(org)
    visitor.caller.check(org)
    which = form.get("id", "")
    if do == "alert":
        desk.create(org, by, _alert_of(form))
    elif do == "edit":
        desk.edit(org, by, which, _changes_of(form, desk.alert(org, which)["definition"]))
    elif do in {"pause", "resume"}:
        desk.edit(org, by, which, {"paused": do == "pause"})
    elif do == "take_over":
        desk.take_over(org, by, which)
    elif do == "channel":
        given = {name: form[name] for name in ("name", "kind", "url", "to") if form.get(name)}
        made = desk.add_channel(org, by, given)
        if "secret" in made:
            return made
    elif do in {"mute", "unmute"}:
        length = form.get("for", "1h") if do == "mute" else "0"
        desk.mute(org, by, which, read_span("for", length, 0, int(MUTE_MAX.total_seconds())))
    elif do == "delete":
        desk.delete(org, by, which)
    elif do == "delete_channel":
        desk.delete_channel(org, by, which)
    elif do == "test":
        desk.test(org, by, which)
    elif do == "slack_app":
        desk.register_app(
            org,
            by,
            client_id=form.get("client_id", "").strip(),
            client_secret=Secret(form.get("client_secret", "").strip()),
            redirects=form.get("redirects", "").replace("\n", ",").split(","),
            is_enabled=form.get("enabled") == "on",
        )
    else:
        raise BadParameter("do", do, "one of this page's buttons")
    return redirect(link(PAGE, {"org": org, "timezone": form.get("timezone"), "done": do}))


def _alert_of(form: Mapping[str, str]) -> dict[str, Any]:
    """An alert's fields from the form: what is left empty is not said, and a figure names its report."""
    given: dict[str, Any] = {name: form[name] for name in _ALERT_FIELDS if form.get(name, "").strip()}
    if "." in given.get("figure", ""):
        given["report"], _, given["figure"] = given["figure"].partition(".")
    given["channels"] = [name.partition(":")[2] for name in form if name.startswith("channel:")]
    return given


def form_of(definition: Mapping[str, Any]) -> dict[str, Any]:
    """An alert's fields (`change.fields_of`) as its form holds them: texts, and a figure that names its report."""
    texts = {name: _text(definition[name]) for name in _ALERT_FIELDS}
    if definition["report"]:
        texts["figure"] = f"{definition['report']}.{definition['figure']}"
    return texts | {"channels": tuple(definition["channels"]), "with_pii": definition["with_pii"]}


def _changes_of(form: Mapping[str, str], definition: Mapping[str, Any]) -> dict[str, Any]:
    """The fields of a form that differ from the alert's: what is left as it was is not said, an emptied one is ''."""
    given: dict[str, Any] = {name: form[name].strip() for name in _ALERT_FIELDS if name in form}
    if "figure" in given:
        given["report"], _, given["figure"] = given["figure"].rpartition(".")
    given["with_pii"] = form.get("with_pii") == "on"
    given["channels"] = [name.partition(":")[2] for name in form if name.startswith("channel:")]
    return {name: value for name, value in given.items() if _text(value) != _text(definition[name])}


def _text(value: Any) -> str:
    if value is None:
        return ""
    return f"{value:g}" if isinstance(value, float) else str(value)


def _by(visitor: Visitor) -> By:
    assert visitor.key is not None  # nobody else comes here
    return By(visitor.who, f"key:{visitor.key.key_id}", read_pii=visitor.key.allows(Scope.AUDIT_READ_PII))
