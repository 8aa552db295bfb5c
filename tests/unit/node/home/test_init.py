import os
import socket
import stat
from pathlib import Path

import pytest

from tocsin_crypto.card import open_card
from tocsin_crypto.keyfile import RawKey
from tocsin_node.card import card_endpoints, card_fingerprint
from tocsin_node.config import Address, load_config
from tocsin_node.errors import Invalid, Misconfigured, NodeError, Refused
from tocsin_node.home import Home
from tocsin_node.init import InitReport, init_home
from tocsin_node.keys import Keyring, Unlock, load_root
from tocsin_node.store.sqlite import SqliteStore
from tocsin_node.testing.core import NOW, Clock, Core, open_core
from tocsin_node.tokens import Tokens

LOCK = Unlock(RawKey(b"\x0a" * 32), "the key in TOCSIN_KEY")
PROFILES = {"url/1": b"\x0c" * 32}


def _init(
    root: Path,
    *,
    organisation: str = "hotline.example",
    role: str = "hotline",
    listen: str = "127.0.0.1",
    endpoint: str = "",
    unlock: Unlock | None = LOCK,
) -> InitReport:
    return init_home(
        Home(root),
        organisation=organisation,
        role=role,
        listen=listen,
        endpoint=endpoint,
        unlock=unlock,
        profiles=PROFILES,
        clock=Clock(),
    )


def test_a_new_home_holds_configuration_keys_card_and_operator_token(tmp_path: Path) -> None:
    root = tmp_path / "home"
    report = _init(root)
    home = Home(root)
    config = load_config(home.config)
    assert (config.organisation, config.role) == ("hotline.example", "hotline")
    assert str(config.exchange.listen) == report.listen == report.endpoint
    with_keys = Keyring.load(home, LOCK, "hotline.example")
    store = SqliteStore.open(home.database)
    with store.read() as session:
        record = session.one("SELECT sequence, note FROM own_card")
    store.close()
    assert record is not None
    card = open_card(record[1]).card
    assert (record[0], card.sequence, card.role) == (1, 1, "hotline")
    assert card.profiles == PROFILES
    assert [str(address) for address in card_endpoints(card)] == [report.endpoint]
    assert card_fingerprint(card) == report.fingerprint
    assert card.certificates == (with_keys.tls[0].certificate,)
    card.check_valid(NOW)
    assert load_root(home, LOCK, "hotline.example").key.public == card.keys.root.public


def test_the_operator_token_may_do_everything_and_genesis_is_logged(tmp_path: Path) -> None:
    report = _init(tmp_path / "home")
    text = report.operator_token.read_text().strip()
    with open_core(tmp_path / "home") as core:
        tokens = Tokens(store=core.store, writer=core.writer)
        token = tokens.verify(text)
        assert token is not None
        assert (token.name, token.words) == ("operator", ("match", "publish", "approve", "operate", "audit"))
        assert core.events() == ["log.genesis", *["key.created"] * 7, "card.renewed", "role.granted"]
        assert _origin(core) == "hotline.example/audit/2025"


def _origin(core: Core) -> str:
    return next(iter(core.writer.heads.values())).origin


def test_everything_is_for_its_owner_only(tmp_path: Path) -> None:
    _init(tmp_path / "home", unlock=None)
    for path in (tmp_path / "home", *(tmp_path / "home").rglob("*")):
        assert stat.S_IMODE(path.stat().st_mode) & 0o077 == 0, path
    assert sorted(path.name for path in tmp_path.iterdir()) == ["home"]


def test_without_a_lock_the_home_holds_one_and_the_report_says_so(tmp_path: Path) -> None:
    report = _init(tmp_path / "home", unlock=None)
    home = Home(tmp_path / "home")
    assert report.unlocked_by.startswith(f"the file {home.unlock_key}")
    assert Keyring.load(home, Unlock.find({}, home), "hotline.example").organisation == "hotline.example"


def test_with_a_lock_the_home_alone_opens_nothing(tmp_path: Path) -> None:
    report = _init(tmp_path / "home")
    assert report.unlocked_by == "the key in TOCSIN_KEY"
    with pytest.raises(Misconfigured, match="are locked: set TOCSIN_PASSPHRASE"):
        Unlock.find({}, Home(tmp_path / "home"))


def test_an_empty_folder_becomes_a_home(tmp_path: Path) -> None:
    (tmp_path / "home").mkdir()
    _init(tmp_path / "home")
    assert (tmp_path / "home" / "tocsin.db").exists()


def test_a_port_that_is_given_is_kept_and_an_endpoint_stands_in_the_card(tmp_path: Path) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    report = _init(tmp_path / "home", listen=f"127.0.0.1:{port}", endpoint="node.hotline.example:7443")
    config = load_config(tmp_path / "home" / "tocsin.toml")
    assert config.exchange.listen == Address("127.0.0.1", port)
    assert (report.listen, report.endpoint) == (f"127.0.0.1:{port}", "node.hotline.example:7443")


@pytest.mark.parametrize(
    ("options", "family", "told"),
    [
        ({"organisation": "Hotline"}, Misconfigured, "tocsin init: organisation is not an organisation id"),
        ({"organisation": 'a.example"\nrole = "x'}, Misconfigured, "organisation is not an organisation id"),
        ({"role": "bank"}, Misconfigured, "role is not one of"),
        ({"listen": "nowhere.invalid"}, Misconfigured, "the node cannot listen on 'nowhere.invalid'"),
        ({"listen": "192.0.2.1:7443"}, Misconfigured, "the node cannot listen on '192.0.2.1:7443'"),
        ({"listen": "0.0.0.0"}, Invalid, "say with an endpoint which one peers use"),
        ({"endpoint": "node"}, Misconfigured, "exchange.endpoints.0 is not host:port"),
    ],
)
def test_a_bad_argument_makes_nothing(
    tmp_path: Path, options: dict[str, str], family: type[NodeError], told: str
) -> None:
    with pytest.raises(family) as caught:
        _init(tmp_path / "home", **options)  # pyright: ignore[reportArgumentType]
    assert told in str(caught.value)
    assert list(tmp_path.iterdir()) == []


def test_port_0_means_a_free_one(tmp_path: Path) -> None:
    listen = load_config(_init(tmp_path / "home", listen="127.0.0.1:0").root_key.parents[1] / "tocsin.toml").exchange
    assert listen.listen is not None
    assert (listen.listen.host, listen.listen.port > 0) == ("127.0.0.1", True)


def test_a_port_in_use_is_told(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        with pytest.raises(Misconfigured, match="address already in use"):
            _init(tmp_path / "home", listen=f"127.0.0.1:{taken.getsockname()[1]}")


def test_a_home_is_made_once(tmp_path: Path) -> None:
    _init(tmp_path / "home")
    before = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")}
    with pytest.raises(Refused, match="exists and is not empty"):
        _init(tmp_path / "home")
    assert before == {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")}


def test_a_file_or_a_missing_parent_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("mine")
    with pytest.raises(Refused, match="is not a folder"):
        _init(tmp_path / "file")
    with pytest.raises(Misconfigured, match="make it first"):
        _init(tmp_path / "absent" / "home")


def test_what_breaks_half_way_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> None:
        raise OSError(28, os.strerror(28))

    monkeypatch.setattr("tocsin_node.init.issue", fail)
    with pytest.raises(OSError, match="No space left"):
        _init(tmp_path / "home")
    assert list(tmp_path.iterdir()) == []
