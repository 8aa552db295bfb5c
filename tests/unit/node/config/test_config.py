from pathlib import Path

import pytest

from tocsin_node.config import (
    CHANGES,
    Address,
    Change,
    Config,
    load_config,
    parse_config,
    reload_changes,
)
from tocsin_node.errors import Misconfigured

ROOT = Path(__file__).parents[4]
MINIMAL = b'organisation = "hotline.example"\nrole = "hotline"\n'


def _refusal(data: bytes) -> str:
    with pytest.raises(Misconfigured) as caught:
        parse_config(data, "home/tocsin.toml")
    return str(caught.value)


def test_the_commented_example_loads_and_shows_every_key() -> None:
    path = ROOT / "deploy" / "tocsin.example.toml"
    config = load_config(path)
    assert config.exchange.listen == Address("192.0.2.7", 7443)
    assert config.endpoints == (Address("node.hotline.example", 7443),)
    assert config.audiences == {"partners": ("platform-a.example", "platform-b.example"), "nobody": ()}
    text = path.read_text()
    for key in CHANGES:
        table, _, name = key.rpartition(".")
        assert f"\n{name} = " in text or f"[{key}]" in text, key
        assert not table or f"[{table}]" in text


def test_two_keys_are_enough_and_the_rest_has_defaults() -> None:
    config = parse_config(MINIMAL, "f")
    assert (config.exchange.listen, config.local.tcp, config.endpoints) == (None, None, ())
    assert (config.silence.max_silence_days, config.silence.max_silence_ms) == (7, 604_800_000)
    assert config.log.level == "info"
    assert dict(config.audiences) == {}


def test_the_listening_address_is_the_endpoint_when_none_is_given() -> None:
    config = parse_config(MINIMAL + b'[exchange]\nlisten = "[::1]:7443"\n', "f")
    assert [str(endpoint) for endpoint in config.endpoints] == ["[::1]:7443"]


@pytest.mark.parametrize(
    ("line", "told"),
    [
        (b"colour = 1", "colour is not a known key"),
        (b"[console]\nlisten = 1", "console is not a known key"),
        (b'[web]\nlisten = "192.0.2.1:7480"', "web.listen may only be a loopback address"),
        (b'[web]\nlisten = "localhost:7480"', "web.listen listens on an IP address"),
        (b'[web]\nlisten = "127.0.0.1"', "web.listen is not host:port"),
        (b"[web]\nallow_remote = 1", "web.allow_remote"),
        (b'[exchange]\nlisten = "127.0.0.1:0"', "exchange.listen has no port from 1 to 65535"),
        (b'[exchange]\nlisten = "127.0.0.1"', "exchange.listen is not host:port"),
        (b'[exchange]\nlisten = "::1:7443"', "exchange.listen is not host:port"),
        (b'[exchange]\nlisten = "a.example:7443"', "exchange.listen listens on an IP address"),
        (b"[exchange]\nlisten = 7443", "exchange.listen is of the wrong kind"),
        (b'[exchange]\nendpoints = ["a.example:7443", "b"]', "exchange.endpoints.1 is not host:port"),
        (b'[local]\ntcp = "192.0.2.1:7400"', "local.tcp may only be a loopback address"),
        (b"[audiences]\nPartners = []", "audiences.Partners is not 1 to 63 lower-case letters"),
        (b'[audiences]\npartners = ["Hotline"]', "audiences.partners.0 is not an organisation id"),
        (b'[audiences]\npartners = ["a.example", "a.example"]', "audiences.partners names the same organisation twice"),
        (b"[audiences]\npartners = 3", "audiences.partners is of the wrong kind"),
        (b"[silence]\nmax_silence_days = 0", "silence.max_silence_days: "),
        (b'[silence]\nmax_silence_days = "7"', "silence.max_silence_days is of the wrong kind"),
        (b"[silence]\nmax_silence_days = true", "silence.max_silence_days is of the wrong kind"),
        (b'[log]\nlevel = "loud"', "log.level is not one of 'debug', 'info', 'warning' or 'error'"),
    ],
)
def test_a_bad_key_is_named_by_its_path_and_file(line: bytes, told: str) -> None:
    sentence = _refusal(MINIMAL + line + b"\n")
    assert sentence.startswith("home/tocsin.toml: ")
    assert told in sentence
    assert "\n" not in sentence
    assert "[type=" not in sentence


@pytest.mark.parametrize(
    ("data", "told"),
    [
        (b"", "organisation is missing; role is missing"),
        (b'organisation = "hotline"\nrole = "hotline"', "organisation is not an organisation id"),
        (b'organisation = "Hotline.example"\nrole = "bank"', "; role is not one of 'platform', "),
        (b"organisation = ", "invalid value (at "),
        (b"a = " + b"[" * 5000, "nested too deeply"),
        (b"\xff", "not UTF-8"),
        (b"#" * 300_000, "300000 bytes are more than the 262144"),
    ],
)
def test_a_bad_file_gets_one_sentence(data: bytes, told: str) -> None:
    assert told in _refusal(data)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(Misconfigured, match=r"absent\.toml: no such file"):
        load_config(tmp_path / "absent.toml")


def test_a_configuration_cannot_be_changed_in_place() -> None:
    config = load_config(ROOT / "deploy" / "tocsin.example.toml")
    with pytest.raises(TypeError):
        config.audiences["partners"] = ()  # pyright: ignore[reportIndexIssue]
    with pytest.raises(ValueError, match="frozen"):
        config.role = "police"


def test_the_table_of_changes_names_every_key() -> None:
    keys: set[str] = set()
    for name, field in Config.model_fields.items():
        inner = getattr(field.annotation, "model_fields", None)
        keys |= {f"{name}.{key}" for key in inner} if inner else {name}
    assert set(CHANGES) == keys


def test_a_reload_tells_what_it_changes() -> None:
    old = parse_config(MINIMAL, "f")
    new = parse_config(MINIMAL + b'[audiences]\na = []\n[log]\nlevel = "debug"\n', "f")
    assert reload_changes(old, new, "f") == ("audiences", "log.level")
    assert reload_changes(old, old, "f") == ()


@pytest.mark.parametrize(
    ("data", "told"),
    [
        (b'organisation = "other.example"\nrole = "hotline"\n[log]\nlevel = "debug"', "organisation cannot change"),
        (b'organisation = "hotline.example"\nrole = "ngo"', "role changes only at a restart"),
        (MINIMAL + b'[exchange]\nlisten = "127.0.0.1:7443"', "exchange.listen changes only at a restart"),
    ],
)
def test_a_reload_that_cannot_be_done_names_the_key(data: bytes, told: str) -> None:
    with pytest.raises(Misconfigured, match=f"^f: {told}"):
        reload_changes(parse_config(MINIMAL, "f"), parse_config(data, "f"), "f")
    assert Change.NOW in CHANGES.values()


def test_the_web_listener_leaves_this_machine_only_when_told_to() -> None:
    found = parse_config(MINIMAL + b'[web]\nlisten = "[::]:0"\nallow_remote = true\n', "file")
    assert str(found.web.listen) == "[::]:0"
