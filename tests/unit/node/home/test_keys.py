from pathlib import Path

import pytest

from tocsin_crypto import tls
from tocsin_crypto.ed25519 import SigningKey
from tocsin_crypto.keyfile import Cost, Passphrase, RawKey
from tocsin_crypto.tag import EpochKey
from tocsin_node.errors import Misconfigured, NodeError, Refused, Unsound
from tocsin_node.home import Home
from tocsin_node.keys import EpochKeys, Keyring, Unlock, load_root, new_unlock_key, save_root
from tocsin_node.testing.core import NOW

ORGANISATION = "hotline.example"
LOCK = Unlock(RawKey(b"\x0a" * 32), "the key in TOCSIN_KEY")
DAY = 24 * 3600 * 1000
IDENTITY = tls.make_identity(ORGANISATION, now=NOW, days=90)


@pytest.fixture
def home(tmp_path: Path) -> Home:
    found = Home(tmp_path)
    found.keys.mkdir(mode=0o700)
    return found


@pytest.fixture
def keyring(home: Home) -> Keyring:
    made = Keyring.generate(ORGANISATION, IDENTITY)
    made.save(home, LOCK)
    return made


def test_keys_come_back_as_they_were(home: Home, keyring: Keyring) -> None:
    found = Keyring.load(home, LOCK, ORGANISATION)
    assert found.signing.seed == keyring.signing.seed
    assert found.audit.seed == keyring.audit.seed
    assert found.witness.seed == keyring.witness.seed
    assert found.sealing.private == keyring.sealing.private
    assert found.data == keyring.data
    assert found.tls == keyring.tls
    assert len({found.data, found.records_key(), found.epochs_lock().key}) == 3


def test_no_secret_shows_in_repr(keyring: Keyring) -> None:
    shown = repr(keyring) + repr(LOCK) + repr(Unlock(Passphrase("correct horse"), "x"))
    for secret in (keyring.data, keyring.signing.seed, keyring.sealing.private, b"\x0a" * 32):
        assert repr(secret)[2:-1] not in shown
        assert secret.hex() not in shown
    assert "PRIVATE" not in shown
    assert "horse" not in shown


def test_another_lock_is_told_by_where_it_came_from(home: Home, keyring: Keyring) -> None:
    with pytest.raises(Misconfigured, match=r"node\.key: the key in TOCSIN_KEY does not open it"):
        Keyring.load(home, Unlock(RawKey(b"\x0b" * 32), "the key in TOCSIN_KEY"), ORGANISATION)
    with pytest.raises(Misconfigured, match="the passphrase does not open it"):
        Keyring.load(home, Unlock(Passphrase("x", Cost(1, 8)), "the passphrase"), ORGANISATION)


def test_a_passphrase_opens_what_it_sealed(home: Home) -> None:
    unlock = Unlock(Passphrase("correct horse", Cost(1, 8)), "the passphrase in TOCSIN_PASSPHRASE")
    made = Keyring.generate(ORGANISATION, IDENTITY)
    made.save(home, unlock)
    assert Keyring.load(home, unlock, ORGANISATION).data == made.data


def test_keys_of_another_organisation_are_refused(home: Home, keyring: Keyring) -> None:
    with pytest.raises(Misconfigured, match="organisation is not the one that the keys"):
        Keyring.load(home, LOCK, "other.example")


@pytest.mark.parametrize("damage", ["altered", "absent", "open to others", "empty"])
def test_a_damaged_key_file_gets_one_sentence(home: Home, keyring: Keyring, damage: str) -> None:
    path = home.node_key
    match damage:
        case "altered":
            data = path.read_bytes()
            path.write_bytes(data[:-1] + bytes([data[-1] ^ 1]))
        case "absent":
            path.unlink()
        case "open to others":
            path.chmod(0o640)
        case _:
            path.write_bytes(b"")
    with pytest.raises(NodeError, match=str(path)):
        Keyring.load(home, LOCK, ORGANISATION)


def test_the_next_certificate_is_shown_a_week_before_the_first_ends(keyring: Keyring) -> None:
    later = tls.make_identity(ORGANISATION, now=NOW + 60 * DAY, days=90)
    both = keyring.with_tls([IDENTITY, later])
    assert both.serving(NOW) is IDENTITY
    assert both.serving(NOW + 82 * DAY) is IDENTITY
    assert both.serving(NOW + 84 * DAY) is later
    assert both.serving(NOW + 500 * DAY) is later


def test_the_root_key_may_be_kept_elsewhere(home: Home) -> None:
    root = SigningKey(b"\x01" * 32)
    with pytest.raises(Refused, match=r"the root key is not here: bring .*root\.key back"):
        load_root(home, LOCK, ORGANISATION)
    save_root(home, LOCK, ORGANISATION, root)
    signer = load_root(home, LOCK, ORGANISATION)
    assert (signer.name, signer.key.public) == ("hotline.example/root", root.public)
    with pytest.raises(Misconfigured, match="of another organisation"):
        load_root(home, LOCK, "other.example")


def test_the_environment_comes_before_the_file(home: Home) -> None:
    home.unlock_key.write_bytes(new_unlock_key())
    home.unlock_key.chmod(0o600)
    found = Unlock.find({"TOCSIN_KEY": "0a" * 32}, home)
    assert (found.how, isinstance(found.lock, RawKey)) == ("the key in TOCSIN_KEY", True)
    assert Unlock.find({}, home).how == f"the file {home.unlock_key}"
    assert Unlock.find({"TOCSIN_PASSPHRASE": "x"}, home).how == "the passphrase in TOCSIN_PASSPHRASE"


def test_a_credential_file_opens_the_keys(home: Home, tmp_path: Path, keyring: Keyring) -> None:
    path = tmp_path / "credential"
    path.write_text("0a" * 32 + "\n")
    path.chmod(0o440)
    unlock = Unlock.find({"TOCSIN_KEY_FILE": str(path)}, home)
    assert Keyring.load(home, unlock, ORGANISATION).data == keyring.data
    path.chmod(0o444)
    with pytest.raises(Misconfigured, match="can be read by anyone"):
        Unlock.find({"TOCSIN_KEY_FILE": str(path)}, home)


@pytest.mark.parametrize(
    ("environment", "told"),
    [
        ({}, "are locked: set TOCSIN_PASSPHRASE, TOCSIN_KEY or TOCSIN_KEY_FILE"),
        ({"TOCSIN_KEY": "00"}, "TOCSIN_KEY does not hold a key of 64 hex digits"),
        ({"TOCSIN_KEY": "é" * 64}, "TOCSIN_KEY does not hold a key of 64 hex digits"),
        ({"TOCSIN_PASSPHRASE": ""}, "TOCSIN_PASSPHRASE is empty"),
        ({"TOCSIN_PASSPHRASE": "x", "TOCSIN_KEY": "0a" * 32}, "TOCSIN_PASSPHRASE and TOCSIN_KEY are both set"),
        ({"TOCSIN_KEY_FILE": "/nonexistent/key"}, "/nonexistent/key of TOCSIN_KEY_FILE cannot be read: no such file"),
    ],
)
def test_a_bad_lock_gets_one_sentence(home: Home, environment: dict[str, str], told: str) -> None:
    with pytest.raises(Misconfigured) as caught:
        Unlock.find(environment, home)
    assert told in str(caught.value)


def test_epoch_keys_lie_sealed_under_the_data_key(home: Home, keyring: Keyring) -> None:
    keys = EpochKeys(home=home, lock=keyring.epochs_lock())
    key = EpochKey("demo.hotline.example", 1, b"\x07" * 32)
    keys.store(key)
    keys.store(key)
    assert keys.load("demo.hotline.example", 1) == key
    (path,) = home.epochs.iterdir()
    assert b"\x07" * 32 not in path.read_bytes()
    assert path.stat().st_mode & 0o777 == 0o600
    with pytest.raises(Unsound, match="the epoch key is missing"):
        keys.load("demo.hotline.example", 2)
    path.rename(path.with_name("demo.hotline.example.2.key"))
    with pytest.raises(Unsound, match="holds the key of another epoch"):
        keys.load("demo.hotline.example", 2)
    with pytest.raises(Unsound, match="is not the epoch key this node wrote"):
        EpochKeys(home=home, lock=RawKey(b"\x01" * 32)).load("demo.hotline.example", 2)
