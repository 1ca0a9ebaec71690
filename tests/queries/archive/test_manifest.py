"""Plans and manifests: names that follow from numbers, and that fit everywhere."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from trailhouse.queries.archive.errors import ArchiveBroken
from trailhouse.queries.archive.manifest import (
    FORMAT,
    File,
    Manifest,
    Name,
    Plan,
    Range,
    decode_manifest,
    decode_plan,
    encode,
    entries_path,
    lost_within,
    manifest_path,
    org_folder,
    parse_name,
    plan_path,
    records_path,
    state_path,
)

PLAN = Plan(
    FORMAT, 1234, "2026-11-22T01:02:03Z", "ab", (Range("e", 3, 5, 9, lost=((6, 7),)),), (("e", 3, 4),)
)


def test_paths_follow_from_the_plan() -> None:
    """By number for rounds, by organisation and day for entries."""
    assert plan_path(1234) == "trailhouse-archive/rounds/000000001/000000001234.plan.json"
    assert manifest_path(7) == "trailhouse-archive/rounds/000000000/000000000007.done.json"
    assert entries_path(PLAN, "acme") == "wandb-audit-logs/acme/2026/11/22/000000001234.ndjson.gz"


def test_names_are_read_back() -> None:
    assert parse_name("000000001234.plan.json") == Name(1234, is_done=False)
    assert parse_name("000000001234.done.json") == Name(1234, is_done=True)
    assert parse_name("000000001234.done.json.swp") is None


@pytest.mark.parametrize("org", ["acme", "..", "a/../b", "ü" * 128, "x" * 500, "*", "", "a\nb"])
def test_organisations_have_folders_of_their_own(org: str) -> None:
    """No id leads out of its folder, is too long, or shares one with another."""
    folder = org_folder(org)
    assert "/" not in folder
    assert folder not in {".", ".."}
    assert len(folder) < 255
    assert folder.isascii()
    assert folder != org_folder(org + "x")


def test_a_plan_comes_back() -> None:
    """And says where the round leaves off; another format is refused, whatever else it says."""
    assert decode_plan(encode(PLAN), "p") == PLAN
    assert PLAN.marks_after == {("e", 3): 9}
    with pytest.raises(ArchiveBroken, match="format 2"):
        decode_plan(encode(PLAN).replace(b'"format": 1', b'"format": 2'), "p")
    with pytest.raises(ArchiveBroken, match="p cannot be read"):
        decode_plan(b"{}", "p")


def test_lost_ranges_are_cut_to_the_range() -> None:
    assert lost_within([(8, 20), (0, 3), (30, 31)], 2, 10) == ((2, 3), (8, 10))


def test_a_manifest_leads_nowhere_else() -> None:
    """Whoever restores somebody's archive reads nothing of their own machine: no device, no file, no way up."""
    digest = "0" * 64
    whole = Manifest(
        PLAN,
        File(records_path(PLAN), 1, 1, digest),
        (File(entries_path(PLAN, "acme"), 1, 1, digest, "acme"),),
        (),
        File(state_path(digest), 1, 1, digest),
        1,
        0,
        0,
        0,
        (),
        "1",
        PLAN.made_at,
    )
    assert decode_manifest(encode(whole), "m") == whole
    up = replace(PLAN, made_at="../../../../x")
    for forged in (
        replace(whole, records=File("/dev/zero", 1, 1, digest)),
        replace(whole, state=File("../" + state_path(digest), 1, 1, digest)),
        replace(whole, state=File(state_path("../x"), 1, 1, "../x")),
        replace(whole, entries=(File(entries_path(PLAN, "acme"), 1, 1, digest, "globex"),)),
        replace(whole, plan=up, records=File(records_path(up), 1, 1, digest), entries=()),
    ):
        with pytest.raises(ArchiveBroken, match="not its round's"):
            decode_manifest(encode(forged), "m")
