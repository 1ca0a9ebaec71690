"""Who we are to the brokers, in Faust's words."""

from __future__ import annotations

from faust.auth import Credentials, SASLCredentials, SSLCredentials

from trailhouse.producers.kafka_socket import trust_of
from trailhouse.producers.settings import KafkaSecurity


def credentials(security: KafkaSecurity) -> Credentials | None:
    """Faust's credentials for these settings, None for a plain connection.

    Raises `SettingsError` when a PEM file cannot be used. Faust does not print them, and its repr shows the user alone.
    """
    context = trust_of(security).context() if security.is_encrypted else None
    if security.is_sasl:
        return SASLCredentials(
            username=security.username,
            password=security.password.reveal(),
            mechanism=security.mechanism,
            ssl_context=context,
        )
    return None if context is None else SSLCredentials(context)
