"""Kafka with TLS and SASL, ClickHouse with TLS: one event through every client of ours, and what each mistake says."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
from kafka.admin import KafkaAdminClient, ScramMechanism, UserScramCredentialUpsertion
from tests.certificates import Certificates
from tests.queries.alerts.receivers import receiving
from tests.roles import SINK, STREAM, Role, running, wait_for

from trailhouse.deploy.clickhouse import LocalClickHouse
from trailhouse.deploy.doctor import cluster, store
from trailhouse.deploy.kafka import LocalKafka
from trailhouse.deploy.kafka.secure import SecureListeners
from trailhouse.deploy.ports import LOOPBACK, free_ports
from trailhouse.producers import AuditProducer
from trailhouse.producers.errors import SettingsError
from trailhouse.producers.kafka_socket import CONNECTING
from trailhouse.producers.settings import KafkaSettings, Secret
from trailhouse.sinks.clickhouse import ClickHouseUntrusted, connect
from trailhouse.sinks.settings import ClickHouseSettings
from trailhouse.stream.topics import TopicError, admin

SCRAM_WORD, PLAIN_WORD, WRONG_WORD = "scram-opens-it", "plain-opens-it", "wrong-opens-nothing"
PEPPER = "a pepper for tests only"


@dataclass(frozen=True)
class Secured:
    """A broker and a ClickHouse that nobody reaches without knowing whom to trust and who to be."""

    kafka: LocalKafka
    listeners: SecureListeners
    clickhouse: LocalClickHouse
    certificates: Certificates
    folder: Path

    def environ(self, **changed: str) -> dict[str, str]:
        """The settings of every role, the password of Kafka in a file."""
        word = self.folder / "kafka-password"
        word.write_text(f"{SCRAM_WORD}\n")
        return {
            "TRAILHOUSE_KAFKA_BOOTSTRAP": f"{LOOPBACK}:{self.listeners.sasl_port}",
            "TRAILHOUSE_KAFKA_SECURITY": "SASL_SSL",
            "TRAILHOUSE_KAFKA_SASL_USERNAME": "scram-user",
            "TRAILHOUSE_KAFKA_SASL_PASSWORD_FILE": str(word),
            "TRAILHOUSE_KAFKA_SSL_CA": str(self.certificates.authority),
            "TRAILHOUSE_CLICKHOUSE_DSN": self.clickhouse.dsn("admin", "default").reveal(),
            "TRAILHOUSE_CLICKHOUSE_SSL_CA": str(self.certificates.authority),
            "TRAILHOUSE_PEPPER": PEPPER,
            "TRAILHOUSE_STREAM_DATADIR": str(self.folder / "stream"),
            "TRAILHOUSE_SINK_BATCH_AGE_MS": "100",
        } | changed

    def settings(self, **changed: str) -> KafkaSettings:
        return KafkaSettings.from_env(self.environ(**changed))


@pytest.fixture(scope="module")
def secured(tmp_path_factory: pytest.TempPathFactory, is_containers: bool) -> Iterator[Secured]:
    if is_containers:
        pytest.skip("the listeners are set up in the embedded broker")
    folder = tmp_path_factory.mktemp("secured")
    made = Certificates(folder / "pem")
    sasl_port, tls_port = free_ports(2)
    listeners = SecureListeners(
        sasl_port, tls_port, made.server, made.authority, {"plain-user": Secret(PLAIN_WORD)}
    )
    with (
        LocalKafka(folder / "kafka", secure=listeners).running() as kafka,
        LocalClickHouse(folder / "clickhouse", tls=made.server).running() as clickhouse,
    ):
        operator = KafkaAdminClient(bootstrap_servers=kafka.bootstrap, **CONNECTING)
        operator.alter_user_scram_credentials(
            [UserScramCredentialUpsertion("scram-user", ScramMechanism.SCRAM_SHA_512, password=SCRAM_WORD)]
        )
        operator.close()
        yield Secured(kafka, listeners, clickhouse, made, folder)


def trailhouse(environ: Mapping[str, str], *words: str) -> subprocess.CompletedProcess[str]:
    path = {"PATH": "/usr/bin:/bin", "TRAILHOUSE_SPOOL_DIR": "off", "HOME": "/nonexistent"}
    return subprocess.run(
        [sys.executable, "-m", "trailhouse.deploy", *words],
        env=path | dict(environ),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


@pytest.fixture(scope="module")
def prepared(secured: Secured) -> Secured:
    """With topics and tables, made by the commands."""
    environ = secured.environ()
    assert (made := trailhouse(environ, "topics", "--partitions", "1")).returncode == 0, made.stderr
    assert (made := trailhouse(environ, "migrate")).returncode == 0, made.stderr
    return secured


def test_an_event_reaches_a_report(prepared: Secured) -> None:
    """emit, stream, sink, report: all encrypted, all as somebody, and no log says a password."""
    secured, environ = prepared, prepared.environ()
    stream = Role(STREAM, environ, secured.folder / "stream.log")
    sink = Role(SINK, environ, secured.folder / "sink.log")
    with running(stream, sink):
        with AuditProducer(secured.settings()) as producer:
            producer.emit("user:login", org_id="acme", actor_user_id="ada")
        wait_for(lambda: bool(sink.metric("trailhouse_sink_rows_total")), 30, "stored", stream, sink)
        answer = trailhouse(environ, "report", "active_users", "--org", "acme", "--format", "json")
        assert answer.returncode == 0, answer.stderr
        assert [each["active_users"] for each in json.loads(answer.stdout)["rows"]] == [1]
    said = stream.log.read_text() + sink.log.read_text() + answer.stderr
    assert SCRAM_WORD not in said
    assert PEPPER not in said


class Command(Role):
    """A role as the command that runs it."""

    def __init__(self, words: tuple[str, ...], environ: Mapping[str, str], log: Path) -> None:
        super().__init__(STREAM, environ, log)
        self.argv = [sys.executable, "-m", "trailhouse.deploy", *words]


def test_an_event_of_the_collector_is_told_and_archived(prepared: Secured) -> None:
    """The other roles: api, alerts and archive beside worker and sink, each by TLS, and until when certificates hold."""
    secured, (port,) = prepared, free_ports(1)
    archive = secured.folder / "archive"
    environ = secured.environ() | {
        "TRAILHOUSE_API_PORT": str(port),
        "TRAILHOUSE_ALERTS_KEY": "k" * 40,
        "TRAILHOUSE_ALERTS_ALLOW": "127.0.0.0/8",
        "TRAILHOUSE_ALERTS_EVERY_S": "0.1",
        "TRAILHOUSE_ARCHIVE_TARGET": str(archive),
        "TRAILHOUSE_ARCHIVE_EVERY_S": "0.5",
        "TRAILHOUSE_SPOOL_DIR": str(secured.folder / "spool"),
    }
    scopes = ("--scope", "events:write", "--scope", "admin")
    made = trailhouse(
        environ, "keys", "create", "--org", "acme", "--username", "me", *scopes, "--format", "json"
    )
    assert made.returncode == 0, made.stderr
    headers = {"Authorization": f"Bearer {json.loads(made.stdout)['key']}"}
    words = {"api": ("api",), "alerts": ("alerts", "run"), "archive": ("archive", "run")}
    others = {name: Command(each, environ, secured.folder / f"{name}.log") for name, each in words.items()}
    stream = Role(STREAM, environ, secured.folder / "stream-2.log")
    sink = Role(SINK, environ, secured.folder / "sink-2.log")
    with receiving() as hook, running(stream, sink, *others.values()):
        url = f"http://{LOOPBACK}:{port}"
        wait_for(lambda: answers(f"{url}/readyz"), 60, "ready", others["api"])
        channel = {"name": "hook", "url": hook.url}
        for path, body in (
            ("alert_channels", channel),
            ("alerts", {"name": "Sign-ins", "channels": ["hook"], "action": "user:login"}),
            ("events", {"action": "user:login", "org_id": "acme", "actor_user_id": "grace"}),
        ):
            answer = httpx.post(f"{url}/api/v1/{path}", json=body, headers=headers, timeout=60)
            assert answer.is_success, answer.text
        wait_for(lambda: bool(hook.requests), 60, "told", stream, sink, others["alerts"])
        wait_for(
            lambda: any(archive.glob("wandb-audit-logs/acme/**/*.gz")), 60, "archived", others["archive"]
        )
        for peer in ("clickhouse", "kafka"):
            wait_for(lambda peer=peer: shows(url, peer), 60, f"seen until when {peer}'s holds", others["api"])  # type: ignore[misc]
    said = "".join(each.log.read_text() for each in (stream, sink, *others.values()))
    assert SCRAM_WORD not in said
    assert PEPPER not in said


def shows(url: str, peer: str) -> bool:
    """Whether the api says until when a peer's certificate holds."""
    name = f'trailhouse_certificate_expiry_timestamp_seconds{{peer="{peer}"}} '
    return name in httpx.get(f"{url}/metrics", timeout=30).text


def answers(url: str) -> bool:
    try:
        return httpx.get(url, timeout=5).status_code == 200
    except httpx.HTTPError:
        return False


def test_the_doctor_sees_both_certificates(secured: Secured) -> None:
    """By the authority of the settings, before anybody signs in."""
    dsn = secured.clickhouse.dsn("admin", "default")
    settings = ClickHouseSettings(dsn=dsn, ca=str(secured.certificates.authority))
    found = [next(cluster.look(secured.settings())), next(store.look(settings))]
    assert [(each.area, each.name, each.level) for each in found] == [
        ("certificates", "Kafka", "ok"),
        ("certificates", "ClickHouse", "ok"),
    ]


@pytest.mark.parametrize(
    ("changed", "named"),
    [
        ({"TRAILHOUSE_KAFKA_SASL_PASSWORD": WRONG_WORD}, "TRAILHOUSE_KAFKA_SASL_USERNAME, _PASSWORD"),
        ({"ca": "stranger"}, "TRAILHOUSE_KAFKA_SSL_CA"),
        ({"port": "plain"}, "TRAILHOUSE_KAFKA_SECURITY"),
        ({"port": "tls"}, "TRAILHOUSE_KAFKA_SSL_CERT"),
    ],
    ids=["password", "authority", "protocol", "certificate"],
)
def test_a_mistake_names_its_setting(secured: Secured, changed: dict[str, str], named: str) -> None:
    """Wrong password, wrong authority, wrong protocol, no certificate: each says where to look, and shows no secret."""
    environ = secured.environ() | {key: word for key, word in changed.items() if key.isupper()}
    if "TRAILHOUSE_KAFKA_SASL_PASSWORD" in changed:
        del environ["TRAILHOUSE_KAFKA_SASL_PASSWORD_FILE"]
    if "ca" in changed:
        environ["TRAILHOUSE_KAFKA_SSL_CA"] = str(secured.certificates.stranger)
    if changed.get("port") == "plain":
        environ["TRAILHOUSE_KAFKA_BOOTSTRAP"] = secured.kafka.bootstrap
    if changed.get("port") == "tls":
        environ["TRAILHOUSE_KAFKA_BOOTSTRAP"] = f"{LOOPBACK}:{secured.listeners.tls_port}"
        environ["TRAILHOUSE_KAFKA_SECURITY"] = "SSL"
        del environ["TRAILHOUSE_KAFKA_SASL_USERNAME"], environ["TRAILHOUSE_KAFKA_SASL_PASSWORD_FILE"]
    with (
        pytest.raises(TopicError) as refused,
        admin(KafkaSettings.from_env(environ), timeout_ms=2_500),
    ):
        pass
    said = f"{refused.value} {refused.value.hint}"
    assert named in said
    assert SCRAM_WORD not in said
    assert WRONG_WORD not in said


@pytest.mark.parametrize("who", ["plain-user", "certificate"])
def test_the_other_ways_in(secured: Secured, who: str) -> None:
    """Mechanism PLAIN, and a certificate instead of a password."""
    environ = secured.environ()
    if who == "plain-user":
        del environ["TRAILHOUSE_KAFKA_SASL_PASSWORD_FILE"]
        environ |= {
            "TRAILHOUSE_KAFKA_SASL_MECHANISM": "PLAIN",
            "TRAILHOUSE_KAFKA_SASL_USERNAME": "plain-user",
            "TRAILHOUSE_KAFKA_SASL_PASSWORD": PLAIN_WORD,
        }
    else:
        environ = {
            "TRAILHOUSE_KAFKA_BOOTSTRAP": f"{LOOPBACK}:{secured.listeners.tls_port}",
            "TRAILHOUSE_KAFKA_SECURITY": "SSL",
            "TRAILHOUSE_KAFKA_SSL_CA": str(secured.certificates.authority),
            "TRAILHOUSE_KAFKA_SSL_CERT": str(secured.certificates.client),
            "TRAILHOUSE_KAFKA_SSL_KEY": str(secured.certificates.client_key),
        }
    with admin(KafkaSettings.from_env(environ)) as client:
        assert client.list_topics() is not None


def test_clickhouse_is_trusted_by_its_authority_alone(secured: Secured) -> None:
    """A stranger's certificate ends the connection before a password is sent, and the error names the setting."""
    dsn = secured.clickhouse.dsn("admin", "default")
    trusting = ClickHouseSettings(dsn=dsn, ca=str(secured.certificates.authority))
    client = connect(trusting)
    assert client.query("SELECT 1").result_rows == [(1,)]
    client.close()
    with pytest.raises(ClickHouseUntrusted, match="TRAILHOUSE_CLICKHOUSE_SSL_CA") as refused:
        connect(ClickHouseSettings(dsn=dsn, ca=str(secured.certificates.stranger)))
    assert (trusting.password.reveal() in str(refused.value)) is False
    with pytest.raises(SettingsError, match="TRAILHOUSE_CLICKHOUSE_SSL_CA"):
        connect(ClickHouseSettings(dsn=dsn, ca="/nonexistent/ca.pem"))
