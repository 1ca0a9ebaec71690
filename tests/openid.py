"""An OpenID provider for tests: discovery, keys, authorization with a page to agree on, tokens; on a port of its own.

Its keys, its codes and its checks are real: a code is good once, for its client, its address and its PKCE verifier.
What a test wants wrong it sets in `wrong`.
"""

from __future__ import annotations

import base64
import hashlib
import secrets
import socket
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from html import escape
from typing import Any
from urllib.parse import parse_qs, unquote, urlencode

import orjson
import uvicorn
from joserfc import jwt
from joserfc.jwk import RSAKey
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response
from starlette.routing import Route

CLIENT, SECRET = "trailhouse", "s3cret/with:odd+signs"


@dataclass
class OpenId:
    """The provider at `url`; `person` is who signs in next. `wrong` holds claims that are not as they should be."""

    url: str = ""
    key: RSAKey = field(default_factory=lambda: RSAKey.generate_key(2048, {"kid": "one", "use": "sig"}))
    person: dict[str, Any] = field(default_factory=dict)
    wrong: dict[str, Any] = field(default_factory=dict)
    #: Signs in place of `key`, which stays the published one.
    signer: RSAKey | None = None
    is_unsigned: bool = False
    #: What is told over userinfo alone.
    more: dict[str, Any] = field(default_factory=dict)
    codes: dict[str, Mapping[str, str]] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)

    def token(self, own: str, /, **changed: Any) -> str:
        """An ID token as this provider writes it."""
        now = int(time.time())
        claims = {"iss": self.url, "aud": CLIENT, "sub": "ann", "iat": now, "exp": now + 300, "nonce": own}
        told = {
            name: value
            for name, value in {**claims, **self.person, **self.wrong, **changed}.items()
            if value is not None
        }
        if self.is_unsigned:
            parts = (base64.urlsafe_b64encode(orjson.dumps(each)) for each in ({"alg": "none"}, told))
            return ".".join(part.rstrip(b"=").decode() for part in parts) + "."
        return jwt.encode({"alg": "RS256", "kid": "one"}, told, self.signer or self.key, algorithms=["RS256"])

    def reset(self) -> None:
        """As at first, with Ann in no group."""
        self.person = {"sub": "ann", "email": "ann@example.org", "groups": []}
        self.wrong, self.more, self.signer, self.is_unsigned = {}, {}, None, False

    def app(self) -> Starlette:
        routes = [
            Route("/.well-known/openid-configuration", self._describe),
            Route("/jwks", self._jwks),
            Route("/authorize", self._authorize),
            Route("/agree", self._agree, methods=["POST"]),
            Route("/token", self._token, methods=["POST"]),
            Route("/userinfo", self._userinfo),
        ]
        return Starlette(routes=routes)

    def _describe(self, request: Request) -> Response:
        self.asked.append("discovery")
        return JSONResponse(
            {
                "issuer": self.url,
                "authorization_endpoint": f"{self.url}/authorize",
                "token_endpoint": f"{self.url}/token",
                "userinfo_endpoint": f"{self.url}/userinfo",
                "jwks_uri": f"{self.url}/jwks",
                "response_types_supported": ["code"],
                "subject_types_supported": ["public"],
                "id_token_signing_alg_values_supported": ["RS256"],
            }
        )

    def _jwks(self, request: Request) -> Response:
        self.asked.append("jwks")
        return JSONResponse({"keys": [self.key.as_dict(private=False)]})

    def _authorize(self, request: Request) -> Response:
        asked = dict(request.query_params)
        if (
            asked.get("client_id") != CLIENT
            or asked.get("response_type") != "code"
            or asked.get("code_challenge_method") != "S256"
        ):
            return HTMLResponse("bad request", 400)
        fields = "".join(
            f'<input type="hidden" name="{escape(k)}" value="{escape(v)}">' for k, v in asked.items()
        )
        return HTMLResponse(
            f'<h1>Provider</h1><form method="post" action="/agree">{fields}<button>Agree</button></form>'
        )

    async def _agree(self, request: Request) -> Response:
        return RedirectResponse(self.agree(parse((await request.body()).decode())), 303)

    def agree(self, asked: Mapping[str, str]) -> str:
        """Where the browser is sent with a code."""
        code = secrets.token_urlsafe(16)
        self.codes[code] = asked
        return (
            f"{asked['redirect_uri']}?{urlencode({'code': code, 'state': asked['state'], 'iss': self.url})}"
        )

    async def _token(self, request: Request) -> Response:
        form = parse((await request.body()).decode())
        kind, _, given = request.headers.get("authorization", "").partition(" ")
        name, _, secret = base64.b64decode(given).decode().partition(":") if kind == "Basic" else ("", "", "")
        asked = self.codes.pop(form.get("code", ""), None)
        challenge = base64.urlsafe_b64encode(hashlib.sha256(form.get("code_verifier", "").encode()).digest())
        if (
            (unquote(name), unquote(secret)) != (CLIENT, SECRET)
            or asked is None
            or form.get("redirect_uri") != asked["redirect_uri"]
            or challenge.rstrip(b"=").decode() != asked["code_challenge"]
        ):
            return JSONResponse({"error": "invalid_grant"}, 400)
        token = self.token(asked["nonce"])
        return JSONResponse({"access_token": "opaque", "token_type": "Bearer", "id_token": token})

    def _userinfo(self, request: Request) -> Response:
        self.asked.append("userinfo")
        return JSONResponse({"sub": self.person.get("sub", "ann"), **self.more})


def parse(text: str) -> dict[str, str]:
    """A form or a query."""
    return {name: values[0] for name, values in parse_qs(text).items()}


@contextmanager
def openid() -> Iterator[OpenId]:
    """The provider, until the block ends."""
    provider = OpenId()
    provider.reset()
    with socket.create_server(("127.0.0.1", 0)) as listener:
        provider.url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        server = uvicorn.Server(uvicorn.Config(provider.app(), log_level="error"))
        main = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
        main.start()
        try:
            yield provider
        finally:
            server.should_exit = True
            main.join(20)
            assert not main.is_alive()
