"""Signatures: what was written without the key, or changed since, is told from what the archive wrote."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat
from msgspec.structs import replace
from tests.queries.archive.test_restore import rows_of
from tests.queries.archive.world import events, land

from trailhouse.producers.settings import Secret
from trailhouse.queries.archive.errors import ArchiveBroken, TargetRefused
from trailhouse.queries.archive.journal import mark_as_ours, read_manifest, read_plan
from trailhouse.queries.archive.manifest import encode, manifest_path, plan_path, sha256
from trailhouse.queries.archive.proof import prove
from trailhouse.queries.archive.restore import restore
from trailhouse.queries.archive.round import Archiver
from trailhouse.queries.archive.settings import TargetSettings
from trailhouse.queries.archive.signature import NO_SIGNATURES, Signatures, signatures_of
from trailhouse.queries.archive.target import FolderTarget
from trailhouse.sinks.clickhouse import Client

DOCUMENT = b'{\n "a": 1\n}\n'


def private_pem(key: Ed25519PrivateKey | X25519PrivateKey) -> Secret:
    return Secret(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode())


def pair(folder: Path) -> tuple[Signatures, Signatures]:
    """What the archive has, and what an auditor has: each made of settings."""
    key = Ed25519PrivateKey.generate()
    (folder / "archive.pub").write_bytes(
        key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    )
    ours = signatures_of(TargetSettings(signing_key=private_pem(key)))
    theirs = signatures_of(TargetSettings(public_key=str(folder / "archive.pub")))
    assert theirs.private is None
    assert theirs.is_asked
    return ours, theirs


def test_a_document_is_signed_as_it_stands(tmp_path: Path) -> None:
    """It stays JSON, the same each time; a byte changed, another path, another key or no signature is told."""
    ours, theirs = pair(tmp_path)
    signed = ours.sign(DOCUMENT, "p")
    assert signed == ours.sign(DOCUMENT, "p")
    assert set(msgspec.json.decode(signed)) == {"a", "signature"}
    ours.check(signed, "p", 1)
    theirs.check(signed, "p", 1)
    for content, path, wanted in (
        (signed.replace(b'"a": 1', b'"a": 2'), "p", "p is not signed by this key"),
        (signed, "q", "q is not signed by this key"),
        (Signatures(Ed25519PrivateKey.generate()).sign(DOCUMENT, "p"), "p", "p is not signed by this key"),
        (DOCUMENT, "p", "p is not signed$"),
        (signed + b" ", "p", "p is not signed$"),
    ):
        with pytest.raises(ArchiveBroken, match=wanted):
            theirs.check(content, path, 1)
    later_on = Signatures(None, theirs.public, 5)
    later_on.check(DOCUMENT, "p", 4)
    with pytest.raises(ArchiveBroken):
        later_on.check(DOCUMENT, "p", 5)
    assert NO_SIGNATURES.sign(DOCUMENT, "p") == DOCUMENT
    NO_SIGNATURES.check(DOCUMENT, "p", 1)


def test_keys_that_cannot_be_used_are_named(tmp_path: Path) -> None:
    """Without quoting one."""
    pair(tmp_path)
    public = str(tmp_path / "archive.pub")
    (tmp_path / "other").write_text("-----BEGIN PUBLIC KEY-----\nswordfish\n-----END PUBLIC KEY-----\n")
    for settings, wanted in (
        (TargetSettings(signing_key=Secret("swordfish")), "SIGNING_KEY is no Ed25519 key"),
        (TargetSettings(signing_key=private_pem(X25519PrivateKey.generate())), "is no Ed25519 key"),
        (TargetSettings(public_key=str(tmp_path / "none")), "FileNotFoundError"),
        (TargetSettings(public_key=str(tmp_path / "other")), "cannot be read as a PEM file"),
        (
            TargetSettings(signing_key=private_pem(Ed25519PrivateKey.generate()), public_key=public),
            "is not that of",
        ),
    ):
        with pytest.raises(TargetRefused, match=wanted) as told:
            signatures_of(settings)
        assert "swordfish" not in str(told.value)


def test_a_forged_archive_is_told(database: Client, other_database: Client, tmp_path: Path) -> None:
    """Whoever may write to the bucket and knows how hashes are made, but has no key: verifying names the round, restoring
    stores nothing, and the archive does not go on from what it did not write.
    """
    ours, theirs = pair(tmp_path)
    target = FolderTarget(tmp_path / "archive")
    mark_as_ours(target)
    land(database, events(3))
    assert Archiver(target, database).step()
    land(database, events(3, start=10), start=3)
    later = Signatures(ours.private, ours.public, 2)
    with pytest.raises(ArchiveBroken, match=r"1\.done\.json is not signed") as told:
        Archiver(target, database, signatures=ours).step()
    assert "TRAILHOUSE_ARCHIVE_SIGNED_FROM" in told.value.hint
    assert Archiver(target, database, signatures=later).step()
    auditor = Signatures(None, theirs.public, 2)
    proof = prove(target, auditor)
    assert (proof.problems, proof.rounds, proof.signed) == ([], 2, 1)
    assert prove(target).problems == []  # who has no key reads it as ever

    # The last manifest says something else; no hash contradicts it.
    path = tmp_path / "archive" / manifest_path(2)
    whole = path.read_bytes()
    manifest, _ = read_manifest(target, 2)
    forged = encode(replace(manifest, version="forged"))
    path.write_bytes(forged)
    assert prove(target).problems == []
    problem = prove(target, auditor).problems[0]
    assert problem == f"round 2: {manifest_path(2)} is not signed"
    with pytest.raises(ArchiveBroken, match="is not signed"):
        restore(target, other_database, auditor)
    assert rows_of(other_database)["events"] == 0
    with pytest.raises(ArchiveBroken, match="is not signed"):
        Archiver(target, database, signatures=later).step()
    path.write_bytes(whole)

    # The next round is begun by somebody else's plan, which would leave records out.
    land(database, events(3, start=20), start=6)
    plan = read_plan(target, 2)
    skipping = replace(
        plan, number=3, previous=sha256(whole), ranges=(replace(plan.ranges[0], first=8, last=8),)
    )
    begun = tmp_path / "archive" / plan_path(3)
    begun.write_bytes(encode(skipping))
    with pytest.raises(ArchiveBroken, match=r"3\.plan\.json is not signed"):
        Archiver(target, database, signatures=later).step()
    begun.unlink()
    assert Archiver(target, database, signatures=later).step()
    assert restore(target, other_database, auditor).stored == 9
