"""What every answer of the dashboard has: its template, headers that forbid everything foreign, and its few files."""

from __future__ import annotations

import gzip
import hashlib
import zlib
from collections.abc import Callable, Iterator, Mapping
from http import HTTPStatus
from importlib.resources import files
from typing import Any, Final

from fastapi import Request, Response
from fastapi.responses import RedirectResponse, StreamingResponse
from jinja2 import Environment, FunctionLoader, StrictUndefined
from markupsafe import Markup

from trailhouse.queries.dashboard import figure
from trailhouse.queries.dashboard.address import ROOT, link
from trailhouse.queries.errors import QueryError

#: No inline script or style, nothing from elsewhere, no frame around it, forms to nobody else.
POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
HEADERS: Final[Mapping[str, str]] = {
    "Content-Security-Policy": POLICY,
    "Cache-Control": "no-store",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
}
_FOLDER: Final = files("trailhouse.queries").joinpath("dashboard")
_MEDIA: Final = {
    "dashboard.css": "text/css; charset=utf-8",
    "dashboard.js": "text/javascript; charset=utf-8",
    "icon.svg": "image/svg+xml",
}
_GZIP_FROM: Final = 1_024
_GZIP_LEVEL: Final = 5
#: Where a template says `{{ so_far }}`, what was written until then is sent: what comes next may take a while. A control
#: character that no text of a page has: HTML forbids it.
SO_FAR: Final = Markup("\x1e")


class Frame:
    """Writes pages and files. For any thread."""

    def __init__(self) -> None:
        self._files = {name: _FOLDER.joinpath("static", name).read_bytes() for name in _MEDIA}
        self._packed = {name: gzip.compress(body, 9, mtime=0) for name, body in self._files.items()}
        # Parts of the address, so that a file may be kept for ever and a new one is seen at once.
        self.versions = {name: hashlib.sha256(body).hexdigest()[:12] for name, body in self._files.items()}
        self._templates = Environment(
            loader=FunctionLoader(lambda name: _FOLDER.joinpath("templates", name).read_text("utf-8")),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self._templates.globals.update(link=link, figure=figure, asset=self.asset, so_far=SO_FAR)

    def asset(self, name: str) -> str:
        """The address of one of the dashboard's files."""
        return f"{ROOT}static/{name}?v={self.versions[name]}"

    def page(
        self, request: Request, template: str, context: Mapping[str, Any], status: int = HTTPStatus.OK
    ) -> Response:
        """A page as HTML."""
        text = self._templates.get_template(template).render(**context).replace(SO_FAR, "")
        return self.text(request, text, "text/html; charset=utf-8", status)

    def stream(
        self,
        request: Request,
        template: str,
        context: Mapping[str, Any],
        failed: Callable[[QueryError], None],
        status: int = HTTPStatus.OK,
    ) -> Response:
        """A page as HTML, sent part by part: the template calls what takes time where it is shown, and says `so_far` before.

        What that raises ends the page, which says so where it happened, and is handed to `failed`. `end` of the context is
        called at the end, also when nobody listens any more.
        """

        def trouble(error: QueryError) -> str:
            failed(error)
            return self._templates.get_template("trouble.html").render(error=error, again=context["next"])

        packer = zlib.compressobj(_GZIP_LEVEL, wbits=31) if takes_gzip(request) else None
        headers = dict(HEADERS) | {"Vary": "Accept-Encoding, Cookie"}
        if packer:
            headers["Content-Encoding"] = "gzip"
        pieces = self._templates.get_template(template).generate(**context)
        return StreamingResponse(
            parts(_whole(pieces, trouble), packer, context.get("end")),
            status,
            headers=headers,
            media_type="text/html; charset=utf-8",
        )

    def text(self, request: Request, text: str, media_type: str, status: int = HTTPStatus.OK) -> Response:
        """Any text, packed where the browser takes it so."""
        body, headers = text.encode(), dict(HEADERS) | {"Vary": "Accept-Encoding, Cookie"}
        if len(body) >= _GZIP_FROM and takes_gzip(request):
            body, headers["Content-Encoding"] = gzip.compress(body, _GZIP_LEVEL), "gzip"
        return Response(body, status, headers, media_type=media_type)

    def file(self, request: Request, name: str) -> Response | None:
        """One of the dashboard's files; None when there is no such file."""
        if name not in self._files:
            return None
        headers = dict(HEADERS) | {
            "Cache-Control": "public, max-age=31536000, immutable",
            "Vary": "Accept-Encoding",
        }
        body = self._files[name]
        if takes_gzip(request):
            body, headers["Content-Encoding"] = self._packed[name], "gzip"
        return Response(body, headers=headers, media_type=_MEDIA[name])


def _whole(pieces: Iterator[str], trouble: Callable[[QueryError], str]) -> Iterator[str]:
    try:
        yield from pieces
    except QueryError as error:
        yield trouble(error)


def parts(pieces: Iterator[str], packer: Any, end: Callable[[], None] | None) -> Iterator[bytes]:
    """What is written until each `SO_FAR`, as it can be read at once, packed or not; `end` is called whatever happens."""
    held: list[str] = []
    try:
        for piece in pieces:
            if piece != SO_FAR:
                held.append(piece)
                continue
            part = "".join(held).encode()
            held.clear()
            yield packer.compress(part) + packer.flush(zlib.Z_SYNC_FLUSH) if packer else part
        part = "".join(held).encode()
        yield packer.compress(part) + packer.flush() if packer else part
    finally:
        if end:
            end()


def redirect(address: str) -> Response:
    """To another page of ours, or to the OpenID provider, by GET."""
    return RedirectResponse(address, HTTPStatus.SEE_OTHER, headers=dict(HEADERS))


def takes_gzip(request: Request) -> bool:
    """Whether the browser says it can unpack."""
    return any(
        part.strip().partition(";")[0] == "gzip" and not part.replace(" ", "").endswith(";q=0")
        for part in request.headers.get("accept-encoding", "").split(",")
    )
