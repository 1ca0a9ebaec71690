"""Certificates of real TLS servers: until when they hold, and that one which does not is named."""

from __future__ import annotations

import shutil
import socket
import ssl
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from trailhouse.sinks.certificate import CertificateExpired, expires_at

CONFIG = """
[ca]
default_ca = own
[own]
database = {folder}/index.txt
new_certs_dir = {folder}
serial = {folder}/serial
default_md = sha256
policy = any
x509_extensions = server
[any]
commonName = supplied
[server]
subjectAltName = DNS:localhost
basicConstraints = CA:TRUE
[req]
distinguished_name = any
"""


def certificate(folder: Path, *, days: int) -> Path:
    """A self-signed one for localhost with its key, in one file; `days` may lie in the past."""
    openssl = shutil.which("openssl")
    if openssl is None:
        pytest.skip("no openssl on this machine: apt install openssl")
    config, key, signed = folder / "openssl.cnf", folder / "key.pem", folder / "certificate.pem"
    config.write_text(CONFIG.format(folder=folder))
    (folder / "index.txt").touch()
    (folder / "serial").write_text("01")
    now = datetime.now(UTC)
    since, until = (f"{now + timedelta(days=each):%Y%m%d%H%M%SZ}" for each in (-5, days))
    for words in (
        f"req -new -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -subj /CN=localhost -keyout {key} -out {folder}/request.pem",
        f"ca -batch -selfsign -in {folder}/request.pem -keyfile {key} -startdate {since} -enddate {until} -out {signed}",
    ):
        subprocess.run([openssl, *words.split(), "-config", str(config)], check=True, capture_output=True)
    both = folder / "server.pem"
    both.write_text(key.read_text() + signed.read_text())
    return both


@contextmanager
def serving(file: Path) -> Iterator[int]:
    """A TLS server with that certificate on a free port; it says nothing."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(file)
    with socket.create_server(("localhost", 0)) as listener:
        listener.settimeout(20)

        def serve() -> None:
            try:
                with listener.accept()[0] as plain, context.wrap_socket(plain, server_side=True) as secure:
                    secure.recv(1)
            except OSError:  # a client that does not trust us breaks off
                pass

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield listener.getsockname()[1]
        thread.join(20)


def test_a_certificate_says_until_when_it_holds(tmp_path: Path) -> None:
    """To the second, as the server has it."""
    file = certificate(tmp_path, days=30)
    with serving(file) as port:
        found = expires_at("localhost", port, context=ssl.create_default_context(cafile=str(file)))
    assert found == pytest.approx(time.time() + 30 * 86400, abs=300)


def test_an_expired_certificate_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever renews it must know which server it is."""
    file = certificate(tmp_path, days=-1)
    with serving(file) as port, pytest.raises(CertificateExpired, match=f"localhost:{port} has expired"):
        expires_at("localhost", port, context=ssl.create_default_context(cafile=str(file)))


def test_a_certificate_nobody_vouches_for_is_an_error(tmp_path: Path) -> None:
    """It is checked as a client would check it."""
    with serving(certificate(tmp_path, days=30)) as port, pytest.raises(ssl.SSLCertVerificationError):
        expires_at("localhost", port)
