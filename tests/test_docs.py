"""The docs are tested: generated blocks equal the code, links lead somewhere, commands and examples exist and run."""

from __future__ import annotations

import json
import re
import shlex
import subprocess
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import typer

import trailhouse.producers
from trailhouse.deploy.cli import COMMANDS, build
from trailhouse.deploy.reference.page import BLOCKS, fill
from trailhouse.producers import AuditEvent, AuditProducer, MemoryTransport
from trailhouse.queries.report import load

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "CHANGELOG.md", *sorted(DOCS.rglob("*.md"))]
AREAS = {"people and access", "reports", "dashboard", "operations"}
REQUIREMENTS = {
    "WD": 14,
    "WS": 9,
    "WA": 18,
    "WP": 1,
    "WL": 6,
    "P": 27,
    "K": 9,
    "A": 9,
    "S": 7,
    "DA": 3,
    "PE": 4,
    "SP": 8,
    "FG": 4,
    "FS": 6,
}

FENCE = re.compile(r"^```(\w*)\n(.*?)^```", re.MULTILINE | re.DOTALL)
PICTURE = re.compile(r"(?:!\[[^\]]*\]\(|<img[^>]* src=\"|srcset=\")([^)\s\"]+)")
LINK = re.compile(r"(?<!!)\[[^\]]*\]\(([^)\s]+)\)")


def name_of(page: Path) -> str:
    return page.relative_to(ROOT).as_posix()


def fences(language: str) -> Iterator[tuple[Path, str]]:
    for page in PAGES:
        for kind, text in FENCE.findall(page.read_text()):
            if kind == language:
                yield page, text


def shell_lines() -> Iterator[tuple[str, str]]:
    """Every command line with the page it stands on: in ```bash blocks, after `$` in ```console blocks, in the text."""
    for language, prompt in (("bash", ""), ("console", "$ ")):
        for page, text in fences(language):
            for line in text.replace("\\\n", " ").splitlines():
                if line.strip() and line.startswith(prompt) and not line.lstrip().startswith("#"):
                    yield name_of(page), line.removeprefix(prompt).strip()
    for page in PAGES:
        for line in re.findall(r"`((?:make|trailhouse) [^`\n]+)`", FENCE.sub("", page.read_text())):
            yield name_of(page), line


def tracked() -> list[Path]:
    """The files of the repository, or of the unpacked archive where there is no git."""
    listed = subprocess.run(
        ["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=False
    ).stdout.split("\0")
    files = [ROOT / name for name in listed if name]
    return [file for file in files if file.is_file()] or [
        file
        for file in ROOT.rglob("*")
        if file.is_file() and not any(part.startswith(".") for part in file.relative_to(ROOT).parts)
    ]


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_generated_blocks_are_current(page: Path) -> None:
    """A block between marks says what the code says now; `make docs` writes it."""
    assert fill(page.read_text()) == page.read_text()


def test_every_block_stands_on_a_page() -> None:
    """Nothing is generated for nobody: settings, metrics, actions, reasons, fields, tables, commands, reports."""
    text = "".join(page.read_text() for page in PAGES)
    assert [name for name in BLOCKS if f"<!-- {name}: begin -->" not in text] == []


def test_every_report_has_a_page() -> None:
    """With its question, its definition, an example that has rows, and its SQL; a page of no report is none of ours."""
    reports = load()
    assert {page.stem for page in (DOCS / "reports").iterdir()} == set(reports)
    for name, report in reports.items():
        page = (DOCS / f"reports/{name}.md").read_text()
        parts = re.split(r"^## ", page, flags=re.MULTILINE)
        assert [part.partition("\n")[0] for part in parts[1:]] == ["Definition", "Example", "SQL"], name
        assert report.question in parts[0]
        assert report.counts in parts[1]
        (example,) = (text for kind, text in FENCE.findall(page) if kind == "console")
        assert example.startswith(f"$ trailhouse report {name} --org ")
        assert re.search(r"^[1-9][\d,]* rows? · ", example, re.MULTILINE), f"{name}: the example has no rows"
        assert report.sql in parts[3]


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_links_lead_somewhere(page: Path) -> None:
    """Every relative link names a file of the repository, and a heading of it where it has an anchor."""
    broken = []
    for target in LINK.findall(page.read_text()):
        path, _, anchor = target.partition("#")
        if "://" in target or target.startswith("mailto:"):
            continue
        file = (page.parent / path).resolve() if path else page
        if not file.exists() or (anchor and anchor not in anchors(file)):
            broken.append(target)
    assert broken == []


def anchors(page: Path) -> set[str]:
    """The anchors of a page's headings, as GitHub makes them, and those set by hand."""
    text = re.sub(FENCE, "", page.read_text())
    headings = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    made = {re.sub(r"[^\w\- ]", "", heading.lower()).strip().replace(" ", "-") for heading in headings}
    return made | set(re.findall(r"<a (?:id|name)=\"([^\"]+)\"", text))


def test_every_page_is_in_the_index() -> None:
    """`docs/README.md` leads to every page, itself, by the `README.md` of its folder, or by the page of the reports."""
    indexes = (*DOCS.rglob("README.md"), DOCS / "reports.md")
    linked = {
        (index.parent / target.partition("#")[0]).resolve()
        for index in indexes
        for target in LINK.findall(index.read_text())
    }
    assert {name_of(page) for page in DOCS.rglob("*.md") if page not in linked} <= {"docs/README.md"}


def test_operations_are_in_their_index() -> None:
    """Who runs it finds each page about running it on one page."""
    folder = DOCS / "operations"
    linked = {target.partition("#")[0] for target in LINK.findall((folder / "README.md").read_text())}
    assert {page.name for page in folder.glob("*.md")} - linked == {"README.md"}


def test_every_variable_of_the_code_is_documented() -> None:
    """`docs/configuration.md` has each TRAILHOUSE_ variable that the code reads, and none that it does not."""
    found: set[str] = set()
    for stage in ("producers", "stream", "sinks", "queries", "deploy"):
        for file in (ROOT / stage).rglob("*.py"):
            found |= set(re.findall(r"TRAILHOUSE_[A-Z_]*[A-Z]", file.read_text()))
    documented = set(re.findall(r"TRAILHOUSE_[A-Z_]*[A-Z]", (DOCS / "configuration.md").read_text()))
    assert documented == found


def test_metrics_named_in_prose_exist() -> None:
    """A metric in any page is one of `docs/metrics.md`."""
    known = set(re.findall(r"^\| `(trailhouse_\w+)`", (DOCS / "metrics.md").read_text(), re.MULTILINE))
    assert known
    named = {
        name for page in PAGES for name in re.findall(r"`[^`\n]*?\b(trailhouse_[a-z_]+)", page.read_text())
    }
    assert named - known == set()


def test_every_dependency_has_its_reason() -> None:
    """Each package that pyproject.toml asks for stands in docs/dependencies.md, and no other does."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    wanted = project["project"]["dependencies"] + project["dependency-groups"]["dev"]
    for extra in project["project"]["optional-dependencies"].values():
        wanted += [each for each in extra if not each.startswith("trailhouse[")]
    names = {re.split(r"[\[<>=]", each)[0] for each in wanted}
    cells = re.findall(r"^\| ([a-z0-9, -]+) \| ", (DOCS / "dependencies.md").read_text(), re.MULTILINE)
    documented = {name.strip() for cell in cells for name in cell.split(",")} - {"package", "---"}
    assert documented == names


def test_the_changelog_knows_this_version() -> None:
    """The version of pyproject.toml has its section."""
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    assert f"## [{version}]" in (ROOT / "CHANGELOG.md").read_text()


def requirement_rows() -> Mapping[str, tuple[str, str]]:
    """(where, shown by) of each requirement."""
    rows = re.findall(
        r"^\| ([A-Z]+\d+) \| [^|]+ \| ([^|]*) \| ([^|]*) ?\|$",
        (DOCS / "requirements.md").read_text(),
        re.MULTILINE,
    )
    return {name: (where.strip(), shown.strip()) for name, where, shown in rows}


def test_no_requirement_is_missing() -> None:
    """Every id of the list has its row."""
    assert set(requirement_rows()) == {
        f"{prefix}{number}" for prefix, count in REQUIREMENTS.items() for number in range(1, count + 1)
    }


def test_pictures_exist_and_are_small() -> None:
    """Each that a page shows is in the repository, and none is there that no page shows; `make screenshots` makes them."""
    shown = {
        (page.parent / target).resolve()
        for page in PAGES
        for target in PICTURE.findall(page.read_text())
        if "://" not in target
    }
    assert shown == {file.resolve() for file in (DOCS / "pictures").iterdir()}
    assert [file for file in shown if not 0 < file.stat().st_size < 120_000] == []


@pytest.mark.parametrize("name", requirement_rows())
def test_a_requirement_is_built_or_planned(name: str) -> None:
    """What is built names files that exist and what shows it; what is not says in which part it comes."""
    where, shown = requirement_rows()[name]
    paths = re.findall(r"`((?:producers|stream|sinks|queries|deploy|tests)/[^`]*)`", where + shown)
    assert [path for path in paths if not (ROOT / path).exists()] == []
    planned = re.findall(r"planned: ([a-z ]+)", where)
    assert all(area.strip() in AREAS for area in planned)
    assert planned or shown


def test_files_named_in_the_text_exist() -> None:
    """A path of ours between backticks is there."""
    named = {
        (name_of(page), path)
        for page in PAGES
        for path in re.findall(
            r"`((?:producers|stream|sinks|queries|deploy|tests|bench|docs)/[\w./-]+)`", page.read_text()
        )
    }
    assert named
    assert {each for each in named if not (ROOT / each[1]).exists()} == set()


@pytest.fixture(scope="module")
def command() -> Any:
    return typer.main.get_command(build([each.name for each in COMMANDS]))


@pytest.mark.parametrize(("page", "line"), list(shell_lines()))
def test_commands_of_the_docs_exist(page: str, line: str, command: Any) -> None:
    """Every `make` target, `trailhouse` command and option that a page shows is there."""
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    line = re.sub(r"^[A-Z]+=\$\((.*)\)$", r"\1", line)  # what a command prints, kept in a variable
    for words in simple_commands(line):
        if words[0] == "make":
            assert {word for word in words[1:] if "=" not in word} <= targets
            paths = [word.removeprefix("ARGS=") for word in words if word.startswith("ARGS=tests/")]
            assert all((ROOT / path).is_file() or any((ROOT / path).rglob("*.py")) for path in paths)
        elif words[0].rpartition("/")[2] == "trailhouse":
            check_usage(command, words[1:])
        else:
            assert words[0] in KNOWN_COMMANDS, f"{page} shows a command this test does not know"


# What a page may show besides make and trailhouse; nothing checks their options.
KNOWN_COMMANDS = {
    ".ci/run",
    "aws",
    "cd",
    "clickhouse-client",
    "cp",
    "curl",
    "docker",
    "export",
    "find",
    "git",
    "grep",
    "gzip",
    "head",
    "kubectl",
    "mkdir",
    "openssl",
    "pip",
    "printf",
    "prometheus",
    "promtool",
    "sh",
    "wc",
    "zcat",
}


def simple_commands(line: str) -> Iterator[list[str]]:
    """The commands of a line, cut at `|`, `&&` and `;` outside quotes."""
    lexer = shlex.shlex(line, posix=True, punctuation_chars=True)
    lexer.whitespace_split = True
    words: list[str] = []
    for token in lexer:
        if set(token) <= set("|&;"):
            yield words
            words = []
        else:
            words.append(token)
    if words:
        yield words


def check_usage(command: Any, words: list[str]) -> None:
    """The subcommand exists and knows the options."""
    context = command.make_context("trailhouse", [], resilient_parsing=True)
    while words and hasattr(command, "get_command"):
        if words[0] in {"--help", "--version"}:
            return
        command = command.get_command(context, words.pop(0))
        assert command is not None
        context = command.make_context(command.name, [], parent=context, resilient_parsing=True)
    known = {name for each in command.params for name in (*each.opts, *each.secondary_opts)} | {"--help"}
    options = {word.partition("=")[0] for word in words if re.match(r"--?[a-z]", word)}
    if command.name == "report":
        options -= OPTIONS_OF_REPORTS
    assert options - known == set()


# A report takes its own parameters as options; they stand in its header.
OPTIONS_OF_REPORTS = {"--actors", "--limit"}


@pytest.mark.parametrize(("page", "text"), [(name_of(page), text) for page, text in fences("python")])
def test_python_of_the_docs_runs(page: str, text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every Python example runs, on a transport that keeps what was sent in memory."""

    def produce(*args: Any, **settings: Any) -> AuditProducer:
        return AuditProducer(
            transport=settings.get("transport") or MemoryTransport(),
            on_delivery=settings.get("on_delivery"),
            buffer=settings.get("buffer"),
        )

    monkeypatch.setattr(trailhouse.producers, "AuditProducer", produce)
    exec(compile(text, page, "exec"), {"__name__": "example"})


@pytest.mark.parametrize(("page", "text"), [(name_of(page), text) for page, text in fences("json")])
def test_json_of_the_docs_is_json(page: str, text: str) -> None:
    """Every JSON example parses; the one of docs/events.md is a valid event."""
    value = json.loads(text)
    if page == "docs/events.md":
        assert AuditEvent.from_bytes(text.encode()).org_id == value["org_id"]


def test_no_tracked_file_names_a_registry_or_a_machine() -> None:
    """The repository can be cloned anywhere and fetch its packages from wherever the machine is told to."""
    forbidden = re.compile(
        r"pypi\.(?:org|python)|pythonhosted\.org|registry\.npmjs|repo1?\.maven|conda\.anaconda"
        r"|(?<![\w.])/(?:root/[a-z.]|work/(?:main|shared)\b|opt/wheels\b)"
    )
    found = [
        f"{file.relative_to(ROOT)}: {match[0]}"
        for file in tracked()
        if file != Path(__file__).resolve()
        for match in forbidden.finditer(file.read_text(errors="replace"))
    ]
    assert found == []
