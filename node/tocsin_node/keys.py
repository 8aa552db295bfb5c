"""The node's secrets: what opens them, the ring of keys in memory, epoch keys of communities.

Rules:

1. One thing opens the key files: TOCSIN_PASSPHRASE, TOCSIN_KEY (64 hex digits) or TOCSIN_KEY_FILE (a file that holds
   them, such as a systemd credential); without any of them HOME/keys/unlock, which `init` then made.
2. The root key lies in a file of its own and is read only to sign a card; it may be kept elsewhere until then.
3. An epoch key's file is on disk before the database knows of the epoch; a file without its epoch means nothing.
4. Secrets never show in repr, SQL, logs or errors. Python cannot reliably wipe them from memory.
"""

import hashlib
import hmac
import secrets
import stat
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final, Self

from tocsin_crypto import keyfile, tls
from tocsin_crypto.ed25519 import Random, SigningKey
from tocsin_crypto.errors import CryptoError, Locked
from tocsin_crypto.keyfile import Passphrase, RawKey
from tocsin_crypto.names import node_key_name, root_key_name
from tocsin_crypto.note import NoteSigner
from tocsin_crypto.sealing import SealingKey
from tocsin_crypto.tag import EpochKey
from tocsin_crypto.tls import TlsIdentity
from tocsin_node.errors import Misconfigured, Refused, Unsound
from tocsin_node.home import PRIVATE_DIR, Home

PASSPHRASE: Final = "TOCSIN_PASSPHRASE"  # noqa: S105  a variable's name
KEY: Final = "TOCSIN_KEY"
KEY_FILE: Final = "TOCSIN_KEY_FILE"
SWITCH_MS: Final = 7 * 24 * 3600 * 1000  # before a certificate ends, the next one is shown: peers know it by then

Lock = Passphrase | RawKey


@dataclass(frozen=True, slots=True, eq=False)
class Unlock:
    """What opens the key files, and where it came from, for people to read."""

    lock: Lock
    how: str

    @classmethod
    def find(cls, environment: Mapping[str, str], home: Home) -> Self:
        """From the environment, else from the home; Misconfigured when neither gives one, or when two are given."""
        given = cls.given(environment)
        if given is not None:
            return given
        try:
            return cls(_raw(keyfile.read_private(home.unlock_key), str(home.unlock_key)), f"the file {home.unlock_key}")
        except FileNotFoundError:
            raise Misconfigured(
                f"the keys in {home.keys} are locked: set {PASSPHRASE}, {KEY} or {KEY_FILE}, as when it was made"
            ) from None
        except CryptoError as error:
            raise Misconfigured(str(error)) from error

    @classmethod
    def given(cls, environment: Mapping[str, str]) -> Self | None:
        """From the environment, or None."""
        names = [name for name in (PASSPHRASE, KEY, KEY_FILE) if name in environment]
        if len(names) > 1:
            raise Misconfigured(f"{' and '.join(names)} are both set: which of them opens the keys?")
        match names:
            case ["TOCSIN_PASSPHRASE"]:
                if not environment[PASSPHRASE]:
                    raise Misconfigured(f"{PASSPHRASE} is empty")
                return cls(Passphrase(environment[PASSPHRASE]), f"the passphrase in {PASSPHRASE}")
            case ["TOCSIN_KEY"]:
                return cls(_raw(environment[KEY].encode(), KEY), f"the key in {KEY}")
            case ["TOCSIN_KEY_FILE"]:
                path = Path(environment[KEY_FILE])
                return cls(_raw(_credential(path), str(path)), f"the key in the file of {KEY_FILE}")
            case _:
                return None


@dataclass(frozen=True, slots=True, eq=False)
class Keyring:
    """Every key the running node uses."""

    organisation: str
    signing: SigningKey
    audit: SigningKey
    witness: SigningKey
    sealing: SealingKey
    data: bytes = field(repr=False)
    tls: tuple[TlsIdentity, ...]
    """Oldest first."""

    @classmethod
    def generate(cls, organisation: str, identity: TlsIdentity, *, random: Random = secrets.token_bytes) -> Self:
        """Fresh keys around a first TLS identity."""
        return cls(
            organisation,
            signing=SigningKey.generate(random),
            audit=SigningKey.generate(random),
            witness=SigningKey.generate(random),
            sealing=SealingKey.generate(random),
            data=random(32),
            tls=(identity,),
        )

    @classmethod
    def load(cls, home: Home, unlock: Unlock, organisation: str) -> Self:
        """The keys of a home; Misconfigured when they do not open or belong to another organisation."""
        held = _open(home.node_key, unlock)
        try:
            if held["organisation"] != organisation.encode():
                raise Misconfigured(f"{home.config}: organisation is not the one that the keys in {home.keys} are for")
            return cls(
                organisation,
                signing=SigningKey(held["signing"]),
                audit=SigningKey(held["audit"]),
                witness=SigningKey(held["witness"]),
                sealing=SealingKey(held["sealing"]),
                data=held["data"],
                tls=tuple(_identities(held)),
            )
        except (KeyError, CryptoError) as error:
            raise Unsound(f"{home.node_key} opens but lacks a key of this program") from error

    def save(self, home: Home, unlock: Unlock) -> None:
        """Write the sealed file, whole or not at all."""
        contents = {
            "organisation": self.organisation.encode(),
            "signing": self.signing.seed,
            "audit": self.audit.seed,
            "witness": self.witness.seed,
            "sealing": self.sealing.private,
            "data": self.data,
        }
        for number, identity in enumerate(self.tls):
            contents[f"tls.{number}.certificate"] = identity.certificate.der
            contents[f"tls.{number}.key"] = identity.key_pem
        keyfile.write_private(home.node_key, keyfile.seal(contents, unlock.lock))

    def with_tls(self, identities: Sequence[TlsIdentity]) -> Self:
        """The same keys with other TLS identities."""
        return replace(self, tls=tuple(identities))

    def feed_signer(self) -> NoteSigner:
        """Signs checkpoints of feeds, epoch descriptors and invites."""
        return NoteSigner(node_key_name(self.organisation), self.signing)

    def audit_signer(self, origin: str) -> NoteSigner:
        """Signs checkpoints of the audit log of that origin."""
        return NoteSigner(origin, self.audit)

    def records_key(self) -> bytes:
        """The 32 bytes that seal own records."""
        return self._derived("own-records")

    def epochs_lock(self) -> RawKey:
        """What seals the files of epoch keys."""
        return RawKey(self._derived("epoch-keys"))

    def serving(self, now: int) -> TlsIdentity:
        """What the node shows at `now` (ms UTC): the oldest certificate that does not end soon, else the newest."""
        lasting = (identity for identity in self.tls if identity.certificate.not_after - now > SWITCH_MS)
        return next(lasting, self.tls[-1])

    def _derived(self, purpose: str) -> bytes:
        return hmac.digest(self.data, f"tocsin/1/{purpose}".encode(), hashlib.sha256)


def save_root(home: Home, unlock: Unlock, organisation: str, root: SigningKey) -> None:
    """Write the sealed root key."""
    contents = {"organisation": organisation.encode(), "root": root.seed}
    keyfile.write_private(home.root_key, keyfile.seal(contents, unlock.lock))


def load_root(home: Home, unlock: Unlock, organisation: str) -> NoteSigner:
    """The root key, for one signature; Refused when it is kept elsewhere."""
    if not home.root_key.exists():
        raise Refused(f"the root key is not here: bring {home.root_key} back to sign a card")
    held = _open(home.root_key, unlock)
    if held.get("organisation") != organisation.encode() or "root" not in held:
        raise Misconfigured(f"{home.root_key} is the root key of another organisation")
    return NoteSigner(root_key_name(organisation), SigningKey(held["root"]))


class EpochKeys:
    """The epoch keys this node holds, each in a sealed file."""

    def __init__(self, *, home: Home, lock: RawKey) -> None:
        self._home = home
        self._lock = lock

    def store(self, key: EpochKey) -> None:
        """Put a key on disk, durably; replaces what a broken-off attempt left."""
        self._home.epochs.mkdir(mode=PRIVATE_DIR, exist_ok=True)
        contents = {"community": key.community.encode(), "epoch": str(key.epoch).encode(), "key": key.key}
        keyfile.write_private(self._path(key.community, key.epoch), keyfile.seal(contents, self._lock))

    def load(self, community: str, epoch: int) -> EpochKey:
        """A key that was stored; Unsound when its file is gone or is not what we wrote."""
        path = self._path(community, epoch)
        try:
            held = keyfile.unseal(keyfile.read_private(path), self._lock)
            found = EpochKey(held["community"].decode(), int(held["epoch"]), held["key"])
        except OSError as error:
            raise Unsound(f"{path} cannot be read: the epoch key is missing") from error
        except (CryptoError, KeyError, ValueError) as error:
            raise Unsound(f"{path} is not the epoch key this node wrote") from error
        if (found.community, found.epoch) != (community, epoch):
            raise Unsound(f"{path} holds the key of another epoch")
        return found

    def _path(self, community: str, epoch: int) -> Path:
        return self._home.epochs / f"{community}.{epoch}.key"


def new_unlock_key(random: Random = secrets.token_bytes) -> bytes:
    """What HOME/keys/unlock holds when the environment gives nothing: 64 hex digits and a line feed."""
    return f"{random(32).hex()}\n".encode()


def _raw(text: bytes, where: str) -> RawKey:
    try:
        return RawKey(bytes.fromhex(text.decode("ascii").strip()))
    except (ValueError, CryptoError):
        raise Misconfigured(f"{where} does not hold a key of 64 hex digits") from None


def _credential(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            # The group bits may show an access list's mask, as service managers set it for the one service user.
            if path.stat().st_mode & stat.S_IRWXO:
                raise Misconfigured(f"{path} can be read by anyone: set it to 0600")
            return file.read(256)
    except OSError as error:
        raise Misconfigured(f"{path} of {KEY_FILE} cannot be read: {(error.strerror or '').lower()}") from None


def _open(path: Path, unlock: Unlock) -> dict[str, bytes]:
    try:
        return keyfile.unseal(keyfile.read_private(path), unlock.lock)
    except OSError as error:
        raise Unsound(f"{path} cannot be read: {(error.strerror or '').lower()}") from error
    except Locked as error:
        raise Misconfigured(f"{path}: {unlock.how} does not open it") from error
    except CryptoError as error:
        raise Unsound(f"{path}: {error}") from error


def _identities(held: Mapping[str, bytes]) -> list[TlsIdentity]:
    identities: list[TlsIdentity] = []
    while (name := f"tls.{len(identities)}") + ".key" in held:
        identities.append(TlsIdentity(tls.parse_certificate(held[f"{name}.certificate"]), held[f"{name}.key"]))
    if not identities:
        raise KeyError("tls.0.key")
    return identities
