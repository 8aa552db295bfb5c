"""The documents say what is there: links, commands, the unit file, and no registry but the public index."""

import configparser
import re
import subprocess
from pathlib import Path

import pytest
from typer.main import get_command
from typer.testing import CliRunner

from tocsin_node.cli.main import app

ROOT = Path(__file__).resolve().parents[3]
DOCUMENTS = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("deploy/*.md")])


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_relative_link_leads_somewhere(document: Path) -> None:
    for target in re.findall(r"\]\(([^)#]+)\)", document.read_text(encoding="utf-8")):
        if "://" not in target:
            assert (document.parent / target).exists(), target


def test_the_lock_file_names_only_the_public_index() -> None:
    text = (ROOT / "uv.lock").read_text(encoding="utf-8")
    assert set(re.findall(r"https?://([^/\"]+)", text)) == {"pypi.org", "files.pythonhosted.org"}
    assert set(re.findall(r"https?://pypi\.org[^\"]*", text)) == {"https://pypi.org/simple"}


def test_no_file_but_the_lock_names_a_registry() -> None:
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout.split()
    for name in listed:
        if name in {"uv.lock", "tests/unit/docs/test_documents.py"}:
            continue
        text = (ROOT / name).read_bytes()
        assert b"pypi.org" not in text, name
        assert b"index-url" not in text, name


def test_every_command_the_readme_uses_exists() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    root = get_command(app)
    used = set(re.findall(r"tocsin (?:--home \S+ |--json )*([a-z]+)(?: ([a-z]+))?", _block(text)))
    assert used
    for first, second in used:
        found = getattr(root, "commands", {}).get(first)
        assert found is not None, first
        commands = getattr(found, "commands", None)
        assert commands is None or second in commands, (first, second)


def test_help_tells_the_exit_codes() -> None:
    shown = CliRunner().invoke(app, ["--help"]).output
    assert "guard" in shown


def test_the_unit_file_starts_a_command_that_exists() -> None:
    unit = configparser.RawConfigParser(strict=False)
    unit.optionxform = str  # type: ignore[assignment,method-assign]  # pyright: ignore[reportAttributeAccessIssue]
    unit.read(ROOT / "deploy" / "tocsin.service")
    assert unit["Service"]["ExecStart"].split()[-1] in getattr(get_command(app), "commands", {})
    assert unit["Service"]["KillSignal"] == "SIGTERM"


def _block(text: str) -> str:
    found = re.search(r"```sh\n(.*?)```", text, re.DOTALL)
    assert found is not None
    return found[1]
