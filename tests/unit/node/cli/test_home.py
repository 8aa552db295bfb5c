import json
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import Result

Tocsin = Callable[..., Result]

INIT = ("init", "--organisation", "hotline.example", "--role", "hotline")


@pytest.fixture(autouse=True)
def no_keys_from_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("TOCSIN_PASSPHRASE", "TOCSIN_KEY", "TOCSIN_KEY_FILE"):
        monkeypatch.delenv(name, raising=False)


def test_a_home_is_made_once_and_says_what_to_do_next(tocsin: Tocsin, tmp_path: Path) -> None:
    home = tmp_path / "hotline"
    made = tocsin(*INIT, "--home", str(home))
    assert made.exit_code == 0
    words = " ".join(made.stdout.split())
    for word in ("keys opened by the file", "by another channel than the card", f"tocsin --home {home} serve"):
        assert word in words
    again = tocsin(*INIT, "--home", str(home))
    assert again.exit_code == 4
    assert "a home is made once" in again.stderr


def test_a_home_is_described_as_one_object(tocsin: Tocsin, tmp_path: Path) -> None:
    options = ("--endpoint", "node.hotline.example:7443", "--json")
    found = json.loads(tocsin(*INIT, "--home", str(tmp_path / "h"), *options).stdout)
    assert found["endpoint"] == "node.hotline.example:7443"
    assert len(found["fingerprint"]) == 79
    assert Path(found["operator_token"]).stat().st_mode & 0o777 == 0o600


def test_a_passphrase_is_asked_twice_and_shown_nowhere(tocsin: Tocsin, tmp_path: Path) -> None:
    home = ("--home", str(tmp_path / "h"), "--passphrase-prompt")
    result = tocsin(*INIT, *home, stdin=b"open sesame\nopen sesame\n")
    assert result.exit_code == 0
    assert "TOCSIN_PASSPHRASE" in result.stdout
    assert "sesame" not in result.output
    assert not (tmp_path / "h" / "keys" / "unlock").exists()
    ended = tocsin(*INIT, "--home", str(tmp_path / "i"), "--passphrase-prompt", stdin=b"a\n")
    assert ended.exit_code == 4
    assert not (tmp_path / "i").exists()


def test_two_ways_to_protect_the_keys_are_refused(
    tocsin: Tocsin, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TOCSIN_PASSPHRASE", "x")
    result = tocsin(*INIT, "--home", str(tmp_path / "h"), "--passphrase-prompt")
    assert result.exit_code == 2
    assert "which of them" in result.stderr


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--organisation", "Hotline"), "organisation id"),
        (("--role", "nobody"), "role is not one of"),
        (("--listen", "nonsense:99999"), "cannot listen"),
        (("--endpoint", "nonsense"), "endpoint"),
        (("--home", "/no/such/place/home"), "make it first"),
    ],
)
def test_a_wrong_argument_is_one_sentence_and_makes_nothing(
    tocsin: Tocsin, tmp_path: Path, options: tuple[str, str], said: str
) -> None:
    result = tocsin(*INIT, "--home", str(tmp_path / "h"), *options)
    assert result.exit_code == 2
    assert said in result.stderr
    assert result.stderr.count("\n") == 1
    assert list(tmp_path.iterdir()) == []
