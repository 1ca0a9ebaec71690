"""Settings: read from the environment, checked, secrets masked."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from trailhouse.producers.errors import SettingsError
from trailhouse.producers.settings import BufferSettings, KafkaSettings, Secret, Settings, setting


@dataclass(frozen=True, slots=True)
class Everything(Settings):
    """One field of each kind."""

    text: str = setting("T_TEXT", "x", "text")
    number: int = setting("T_NUMBER", 7, "number", check=lambda number: number > 0, wanted="1 or more")
    ratio: float = setting("T_RATIO", 0.5, "ratio")
    flag: bool = setting("T_FLAG", False, "flag")
    secret: Secret = setting("T_SECRET", Secret("dull"), "secret")
    kafka: KafkaSettings = dataclasses.field(default_factory=KafkaSettings)


def test_an_empty_environment_gives_the_defaults() -> None:
    """Nothing set, nothing changed."""
    assert Everything.from_env({}) == Everything()


def test_every_kind_is_read() -> None:
    """Text, numbers, flags, secrets and nested settings."""
    environ = {
        "T_TEXT": "é",
        "T_NUMBER": "12",
        "T_RATIO": "1e-3",
        "T_FLAG": "yes",
        "T_SECRET": "hush",
        "TRAILHOUSE_TOPIC_RAW": "raw",
    }
    read = Everything.from_env(environ)
    assert read == Everything("é", 12, 0.001, True, Secret("hush"), KafkaSettings(raw_topic="raw"))


@pytest.mark.parametrize(
    ("text", "value"),
    [("1", True), ("TRUE", True), ("yes", True), ("0", False), ("false", False), ("No", False)],
)
def test_flags(text: str, value: bool) -> None:
    """Six ways to say it."""
    assert Everything.from_env({"T_FLAG": text}).flag is value


@pytest.mark.parametrize(
    ("key", "text", "wanted"),
    [
        ("T_FLAG", "maybe", "true or false"),
        ("T_NUMBER", "7.5", "a whole number"),
        ("T_NUMBER", "0", "1 or more"),
        ("T_RATIO", "half", "a number"),
        ("TRAILHOUSE_KAFKA_BOOTSTRAP", "localhost", "host:port"),
    ],
)
def test_a_bad_value_is_named_with_its_key_and_what_was_wanted(key: str, text: str, wanted: str) -> None:
    """The error says where, what and what instead."""
    with pytest.raises(SettingsError) as raised:
        Everything.from_env({key: text})
    assert raised.value.key == key
    assert wanted in str(raised.value)
    assert text in str(raised.value)


def test_settings_made_in_code_are_checked_too() -> None:
    """The check is the object's own, not the environment's."""
    with pytest.raises(SettingsError, match=r"T_NUMBER is -1; wanted 1 or more"):
        Everything(number=-1)


def test_a_secret_does_not_show_itself() -> None:
    """Not in repr, str, format or the settings that hold it."""
    secret = Secret("hush")
    assert (
        "hush"
        not in f"{secret!r} {secret!s} {secret} {Everything(secret=secret)!r} {Everything(secret=secret)}"
    )
    assert secret.reveal() == "hush"


def test_secrets_compare_by_what_they_hold() -> None:
    """Equal text, equal secret, equal hash; an empty one is false."""
    assert Secret("a") == Secret("a")
    assert hash(Secret("a")) == hash(Secret("a"))
    assert Secret("é") != Secret("a")
    assert Secret("a") != "a"
    assert Secret("a")
    assert not Secret("")
    assert repr(Secret("")) == "Secret('')"
    assert str(Secret("")) == ""


@pytest.mark.parametrize("bootstrap", ["h:1", "h:1,i:2", "[::1]:9092"])
def test_bootstrap_addresses(bootstrap: str) -> None:
    """One or more of host:port."""
    assert KafkaSettings(bootstrap=bootstrap).bootstrap == bootstrap


@pytest.mark.parametrize("bootstrap", ["", "h", "h:", "h:x", "h:1,", "h:1,i"])
def test_bootstrap_addresses_that_are_none(bootstrap: str) -> None:
    """A missing port is found at the start, not at the first event."""
    with pytest.raises(SettingsError, match="TRAILHOUSE_KAFKA_BOOTSTRAP"):
        KafkaSettings(bootstrap=bootstrap)


@pytest.mark.parametrize("name", ["raw_topic", "enriched_topic", "rejected_topic"])
def test_topics_must_have_names(name: str) -> None:
    """An empty topic name is refused."""
    values: dict[str, Any] = {name: ""}
    with pytest.raises(SettingsError, match="a topic name"):
        KafkaSettings(**values)


@pytest.mark.parametrize(
    ("name", "bad"),
    [
        ("events", 0),
        ("events", 10_000_001),
        ("bytes", 262_143),
        ("max_block_ms", -1),
        ("close_timeout_ms", -1),
        ("max_block_ms", 86_400_001),
    ],
)
def test_buffer_limits(name: str, bad: int) -> None:
    """A buffer holds one event at least, also one of the largest size."""
    values: dict[str, Any] = {name: bad}
    with pytest.raises(SettingsError, match="TRAILHOUSE_BUFFER"):
        BufferSettings(**values)


def test_buffer_settings_come_from_the_environment() -> None:
    """Each has its variable."""
    environ = {
        "TRAILHOUSE_BUFFER_EVENTS": "10",
        "TRAILHOUSE_BUFFER_BYTES": "300000",
        "TRAILHOUSE_BUFFER_MAX_BLOCK_MS": "0",
        "TRAILHOUSE_BUFFER_CLOSE_TIMEOUT_MS": "1",
    }
    assert BufferSettings.from_env(environ) == BufferSettings(
        events=10, bytes=300_000, max_block_ms=0, close_timeout_ms=1
    )


def test_a_secret_may_stand_in_a_file(tmp_path: Path) -> None:
    """As orchestrators mount it, with the newline an editor left; other settings have no such way."""
    path = tmp_path / "secret"
    path.write_text(" hush \n")
    assert Everything.from_env({"T_SECRET_FILE": str(path)}).secret == Secret(" hush ")
    assert Everything.from_env({"T_TEXT_FILE": str(path)}).text == "x"


def test_a_secret_file_that_cannot_be_read_is_an_error(tmp_path: Path) -> None:
    """Never an empty secret; and of two places it may stand in, only one may be named."""
    with pytest.raises(SettingsError, match="T_SECRET_FILE is '/nonexistent'"):
        Everything.from_env({"T_SECRET_FILE": "/nonexistent"})
    with pytest.raises(SettingsError, match="not both") as both:
        Everything.from_env({"T_SECRET_FILE": str(tmp_path), "T_SECRET": "hush"})
    assert "hush" not in str(both.value)


@pytest.mark.parametrize(
    ("environ", "named"),
    [
        ({"SECURITY": "TLS"}, "TRAILHOUSE_KAFKA_SECURITY is 'TLS'"),
        ({"SASL_MECHANISM": "GSSAPI"}, "TRAILHOUSE_KAFKA_SASL_MECHANISM"),
        ({"SECURITY": "SASL_SSL"}, "TRAILHOUSE_KAFKA_SASL_USERNAME"),
        ({"SECURITY": "SASL_SSL", "SASL_USERNAME": "ada"}, "TRAILHOUSE_KAFKA_SASL_PASSWORD is not set"),
        ({"SASL_USERNAME": "ada"}, "TRAILHOUSE_KAFKA_SECURITY is 'PLAINTEXT'"),
        ({"SECURITY": "SSL", "SASL_PASSWORD": "opens"}, "TRAILHOUSE_KAFKA_SECURITY is 'SSL'"),
        ({"SSL_CA": "/pem/ca.pem"}, "TRAILHOUSE_KAFKA_SECURITY is 'PLAINTEXT'"),
        ({"SECURITY": "SSL", "SSL_KEY": "/pem/key.pem"}, "TRAILHOUSE_KAFKA_SSL_CERT"),
    ],
    ids=[
        "protocol",
        "mechanism",
        "no user",
        "no password",
        "user",
        "password",
        "authority",
        "no certificate",
    ],
)
def test_security_that_does_not_fit_together(environ: dict[str, str], named: str) -> None:
    """Who sets a password believes that the connection asks for it: it never silently does not."""
    with pytest.raises(SettingsError, match=named) as wrong:
        KafkaSettings.from_env({f"TRAILHOUSE_KAFKA_{key}": text for key, text in environ.items()})
    assert "opens" not in str(wrong.value)
