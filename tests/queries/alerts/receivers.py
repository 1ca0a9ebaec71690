"""Receivers of notifications on this machine: a web server that answers as it is told, a mail server, a Slack."""

from __future__ import annotations

import base64
import json
import socket
import socketserver
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import ip_address
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

PATIENCE_S = 60.0


def wait_for(what: Callable[[], Any]) -> Any:
    """The first true value of `what`."""
    deadline = time.monotonic() + PATIENCE_S
    while not (found := what()):
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.02)
    return found


@dataclass
class Request:
    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass
class Receiver:
    """What came, and how each is answered: a status, or `hang`, `drip`, `redirect`."""

    url: str = ""
    requests: list[Request] = field(default_factory=list)
    answer: Callable[[Request], Any] = lambda _: 200
    ended: threading.Event = field(default_factory=threading.Event)

    def ids(self) -> list[str]:
        return [each.headers["webhook-id"] for each in list(self.requests)]


@contextmanager
def receiving(answer: Any = 200) -> Iterator[Receiver]:
    """A web server on loopback; `answer` is a status, a word, (status, body), or a function of the request."""
    receiver = Receiver(answer=answer if callable(answer) else lambda _: answer)

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            request = Request(self.path, {k.lower(): v for k, v in self.headers.items()}, body)
            receiver.requests.append(request)
            said = receiver.answer(request)
            if said == "hang":
                receiver.ended.wait(PATIENCE_S)
                return
            if said == "drip":
                self.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 9000\r\n\r\n")
                while not receiver.ended.wait(0.02):
                    try:
                        self.wfile.write(b"x")
                        self.wfile.flush()
                    except OSError:
                        return
                return
            status, text = said if isinstance(said, tuple) else (said, b"ok")
            if said == "redirect":
                status, text = 302, b""
            self.send_response(status)
            if said == "redirect":
                self.send_header("Location", "http://169.254.169.254/latest/meta-data/")
            if status == 429:
                self.send_header("Retry-After", "120")
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the name is the base class's
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    receiver.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield receiver
    finally:
        receiver.ended.set()
        server.shutdown()
        server.server_close()
        thread.join(10)


@contextmanager
def slack() -> Iterator[Receiver]:
    """Slack's endpoints: `oauth.v2.access` for the code `good` and the secret `s3cretsecret`, and the hook it grants."""

    def answer(request: Request) -> Any:
        if request.path != "/api/oauth.v2.access":
            return 200
        asked = {name: each[0] for name, each in parse_qs(request.body.decode()).items()}
        basic = request.headers.get("authorization", "").partition(" ")[2]
        given = (
            base64.b64decode(basic).decode()
            if basic
            else f"{asked.get('client_id')}:{asked.get('client_secret')}"
        )
        if given != "12.34:s3cretsecret" or asked.get("code") not in {"good", "narrow"}:
            return 200, json.dumps({"ok": False, "error": "invalid_code"}).encode()
        found: dict[str, Any] = {"ok": True, "access_token": "xoxb-token", "team": {"name": "Acme"}}
        if asked["code"] == "good":
            found["incoming_webhook"] = {"channel": "#audit", "url": f"{receiver.url}/services/T0/B0/hook"}
        return 200, json.dumps(found).encode()

    with receiving(answer) as receiver:
        yield receiver


@dataclass
class MailServer:
    port: int = 0
    mails: list[tuple[list[str], str]] = field(default_factory=list)
    users: list[str] = field(default_factory=list)
    refuses: str = ""
    secured: list[bool] = field(default_factory=list)


@contextmanager
def mailing(certificate: Path | None = None, key: Path | None = None) -> Iterator[MailServer]:
    """A mail server on loopback; with a certificate it offers STARTTLS."""
    mail = MailServer()

    class Handler(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            to: list[str] = []
            is_secure = False
            self._say("220 here")
            while line := self.rfile.readline().decode().strip():
                word = line[:4].upper()
                if word == "EHLO":
                    offered = ["250-here", "250-AUTH PLAIN"]
                    if certificate and not is_secure:
                        offered.append("250-STARTTLS")
                    self._say("\r\n".join([*offered, "250 SIZE 10000000"]))
                elif line.upper() == "STARTTLS":
                    self._say("220 go")
                    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
                    context.load_cert_chain(str(certificate), str(key))
                    try:
                        self.request = context.wrap_socket(self.request, server_side=True)
                    except OSError:
                        return
                    self.setup()
                    is_secure = True
                elif word == "AUTH":
                    mail.users.append(base64.b64decode(line.split()[2]).decode())
                    self._say("235 ok")
                elif word == "RCPT":
                    address = line.partition("<")[2].partition(">")[0]
                    if mail.refuses and mail.refuses in address:
                        self._say(f"550 no {address} here")
                        continue
                    to.append(address)
                    self._say("250 ok")
                elif word == "DATA":
                    self._say("354 go")
                    text = []
                    while (part := self.rfile.readline().decode()) != ".\r\n":
                        text.append(part)
                    mail.secured.append(is_secure)
                    mail.mails.append((to, "".join(text)))
                    to = []
                    self._say("250 ok")
                elif word == "QUIT":
                    self._say("221 bye")
                    return
                else:
                    self._say("250 ok")

        def _say(self, text: str) -> None:
            self.wfile.write(f"{text}\r\n".encode())

    class Server(socketserver.ThreadingTCPServer):
        daemon_threads = True
        allow_reuse_address = True

        def handle_error(self, request: Any, client_address: Any) -> None:
            pass

    with Server(("127.0.0.1", 0), Handler) as server:
        mail.port = server.server_address[1]
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        thread.start()
        try:
            yield mail
        finally:
            server.shutdown()
            thread.join(10)


def certificate_for(folder: Path, name: str = "127.0.0.1") -> tuple[Path, Path]:
    """A certificate for this machine, and its key."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.x509.oid import NameOID

    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address(name))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    certificate, secret = folder / "mail.pem", folder / "mail.key"
    certificate.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    secret.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )
    return certificate, secret


def free_port() -> int:
    """A port nothing listens on."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])


def port_of(url: str) -> int:
    return urlsplit(url).port or 80
