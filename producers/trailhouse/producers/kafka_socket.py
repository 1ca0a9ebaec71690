"""How our Kafka clients open connections: encrypted and as whom, what fails is closed, and the next try is soon.

The driver (kafka-python 3.0.12) forgets a socket whose connection fails, open, at each try; and where no broker answers
while a client is made, it leaves the client's thread behind, which tries for ever. A service that asks again and again
while a broker is away would collect open files and threads. It also keeps to itself why no connection came about, and
says "unable to bootstrap" of a wrong password; `KafkaRefused` says what to look at.
"""

from __future__ import annotations

from typing import Any, Final

from kafka.errors import (
    KafkaConnectionError,
    KafkaError,
    SaslAuthenticationFailedError,
    UnsupportedSaslMechanismError,
)
from kafka.net.compat import KafkaNetClient
from kafka.net.inet import KafkaNetSocket
from kafka.net.manager import KafkaConnectionManager
from kafka.net.selector import NetworkSelector

from trailhouse.producers.settings import KafkaSecurity, KafkaSettings
from trailhouse.producers.tls import Trust, meaning

_TLS: Final = "TRAILHOUSE_KAFKA_SSL"
_SIGN_IN: Final = "check TRAILHOUSE_KAFKA_SASL_USERNAME, _PASSWORD and _MECHANISM"


class KafkaRefused(KafkaConnectionError):  # type: ignore[misc] # untyped upstream
    """A broker is there and no connection came about; `hint` names the setting to look at."""

    def __init__(self, message: str, hint: str, *, is_guess: bool = False) -> None:
        super().__init__(message)
        self.hint, self.is_guess = hint, is_guess

    def __str__(self) -> str:
        return f"{self.args[0]}; {self.hint}"


def refusal(error: BaseException, configs: Any) -> KafkaRefused | None:
    """Why a connection failed, in words of settings; None when it says nothing about how we connect.

    `configs` are the driver's options. Secrets are in no driver's message, and none of these shows a password.
    """
    where, user = _addresses(configs), configs.get("sasl_plain_username")
    if isinstance(error, UnsupportedSaslMechanismError):
        message = f"Kafka at {where} does not offer {configs.get('sasl_mechanism')}"
        return KafkaRefused(message, "check TRAILHOUSE_KAFKA_SASL_MECHANISM")
    if isinstance(error, SaslAuthenticationFailedError):
        message = f"Kafka at {where} refuses user {user!r} with {configs.get('sasl_mechanism')}"
        return KafkaRefused(
            message,
            f"{_SIGN_IN} (is the user made for it?)",
        )
    text = str(error)
    if said := meaning(text, _TLS):
        return KafkaRefused(f"no TLS with Kafka at {where}", said)
    protocol = configs.get("security_protocol", "PLAINTEXT")
    if "Handshake failed" in text:
        return KafkaRefused(
            f"Kafka at {where} does not speak TLS", f"check TRAILHOUSE_KAFKA_SECURITY, which is {protocol}"
        )
    if "socket disconnected" in text:
        # Also how a broker parts from whom it does not know, when its answer comes too late.
        sign_in = f"{_SIGN_IN}; and " if protocol.startswith("SASL_") else "check "
        hint = f"{sign_in}TRAILHOUSE_KAFKA_SECURITY, which is {protocol}: is that what its listener wants?"
        return KafkaRefused(f"Kafka at {where} ends every connection at once", hint, is_guess=True)
    return None


def _addresses(configs: Any) -> str:
    found = configs.get("bootstrap_servers", "")
    return found if isinstance(found, str) else ",".join(map(str, found))


class ClosingSocket(KafkaNetSocket):  # type: ignore[misc] # untyped upstream
    """Connects as the driver does without a proxy."""

    SCHEMES = ("trailhouse",)

    async def sock_connect(self, net: Any, sock: Any, sockaddr: Any, timeout_at: float | None = None) -> Any:
        try:
            return await super().sock_connect(net, sock, sockaddr, timeout_at=timeout_at)
        except BaseException:  # cancelled tries too
            sock.close()
            raise


class ClosingManager(KafkaConnectionManager):  # type: ignore[misc] # untyped upstream
    """Ends its thread when the first broker cannot be reached: nobody gets a client that could close it."""

    _has_connected = False
    _refused: KafkaRefused | None = None

    async def _connect(self, node: Any, conn: Any, *options: Any, **named: Any) -> None:
        conn.close_future.add_errback(self._note)
        await super()._connect(node, conn, *options, **named)
        self._has_connected = self._has_connected or conn.connected

    def _note(self, error: BaseException) -> None:
        # Once a connection came about the settings are right: what fails later is the broker's or the network's.
        if self._has_connected:
            return
        found = refusal(error, self.config)
        if found is not None and not (found.is_guess and self._refused):
            self._refused = found

    def bootstrap(self, timeout_ms: float | None = None, refresh: bool = True) -> None:  # noqa: FBT001, FBT002 - the driver's own
        try:
            super().bootstrap(timeout_ms, refresh)
        except BaseException as error:
            if self._has_connected:
                raise
            self.close()
            self._net.close()
            if self._refused is not None and isinstance(error, KafkaError):
                raise self._refused from None
            raise


def _client(**configs: Any) -> KafkaNetClient:
    net = NetworkSelector(**configs)
    return KafkaNetClient(net=net, manager=ClosingManager(net, **configs))


# What every client is made with, unless it goes through a proxy: the driver chooses how to connect by this scheme. Its
# own pause between tries grows to 30 seconds, for which a broker that is back would wait.
CONNECTING: Final[dict[str, Any]] = {
    "proxy_url": "trailhouse://direct",
    "reconnect_backoff_max_ms": 1_000,
    "kafka_client": _client,
}


def trust_of(security: KafkaSecurity) -> Trust:
    """The PEM files of the settings."""
    return Trust(_TLS, security.ca, security.cert, security.key, security.key_password)


def security_options(security: KafkaSecurity) -> dict[str, Any]:
    """What kafka-python and aiokafka call it; raises `SettingsError` when a PEM file cannot be used."""
    options: dict[str, Any] = {"security_protocol": security.protocol}
    if security.is_encrypted:
        options["ssl_context"] = trust_of(security).context()
    if security.is_sasl:
        options |= {
            "sasl_mechanism": security.mechanism,
            "sasl_plain_username": security.username,
            "sasl_plain_password": security.password.reveal(),
        }
    return options


def connecting(settings: KafkaSettings) -> dict[str, Any]:
    """What each of our kafka-python clients is made with: where to, how, and as whom."""
    return {
        "bootstrap_servers": settings.bootstrap.split(","),
        **CONNECTING,
        **security_options(settings.security),
    }
