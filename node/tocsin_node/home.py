"""HOME, the one folder a node lives in: where things lie, who holds it, where its local socket is.

    tocsin.toml   configuration            keys/      sealed keys (0700)
    tocsin.db     everything else          run/       address, node.sock, operator.token (0700)
    highwater     sizes signed so far      policies/  the operator's policy files
    lock          held while in use

Rules: one process per home, by an exclusive lock taken before anything else is opened; what is here is readable by its
owner only. `init` makes a home, `keys` reads what is in keys/.
"""

import fcntl
import hashlib
import os
import stat
import tempfile
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tocsin_node.errors import Misconfigured, Refused, Unsound
from tocsin_node.limits import SOCKET_PATH_BYTES

PRIVATE_DIR: Final = 0o700


@dataclass(frozen=True, slots=True)
class Home:
    """The paths of a home."""

    root: Path

    @property
    def config(self) -> Path:
        """The configuration file."""
        return self.root / "tocsin.toml"

    @property
    def database(self) -> Path:
        """The database."""
        return self.root / "tocsin.db"

    @property
    def highwater(self) -> Path:
        """The sizes signed so far, outside the database."""
        return self.root / "highwater"

    @property
    def lock_file(self) -> Path:
        """What the process that uses this home holds."""
        return self.root / "lock"

    @property
    def keys(self) -> Path:
        """Where the sealed keys lie."""
        return self.root / "keys"

    @property
    def guard(self) -> Path:
        """The operator's files for the never-share guard."""
        return self.root / "guard"

    @property
    def radius(self) -> Path:
        """The counters of look-ups, for the guard; in no backup."""
        return self.root / "radius.db"

    @property
    def node_key(self) -> Path:
        """The node's own keys."""
        return self.keys / "node.key"

    @property
    def root_key(self) -> Path:
        """The organisation's root key; may be kept elsewhere until a card is renewed."""
        return self.keys / "root.key"

    @property
    def unlock_key(self) -> Path:
        """What opens the key files when the environment gives nothing."""
        return self.keys / "unlock"

    @property
    def epochs(self) -> Path:
        """The epoch keys of communities."""
        return self.keys / "epochs"

    @property
    def run(self) -> Path:
        """What belongs to the running node."""
        return self.root / "run"

    @property
    def address(self) -> Path:
        """The file that says where the local socket is."""
        return self.run / "address"

    @property
    def web_address(self) -> Path:
        """The file that says where the web listener is, while it serves."""
        return self.run / "web"

    @property
    def operator_token(self) -> Path:
        """The token that `init` makes."""
        return self.run / "operator.token"

    @property
    def policies(self) -> Path:
        """The operator's policy files."""
        return self.root / "policies"

    def require(self) -> None:
        """Return when this is a home; else Misconfigured says what to do."""
        if (self.root / "backup.json").exists():
            raise Misconfigured(f"{self.root} is a backup: `tocsin restore` makes a home of it")
        if not self.config.is_file():
            raise Misconfigured(f"{self.root} is not a node's home: `tocsin init` makes one")


@contextmanager
def lock(home: Home) -> Generator[None]:
    """Hold the home for this process alone; Refused when another one has it, Misconfigured when it is no home."""
    home.require()
    descriptor = os.open(home.lock_file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise Refused(f"{home.root} is in use by another process: one node per home") from None
        yield
    finally:
        os.close(descriptor)  # and with it the lock


def claim_socket(home: Home, environment: Mapping[str, str]) -> Path:
    """Where to put the local socket, recorded for clients: HOME/run/node.sock, or a private folder if that is too long.

    Call with the lock held: a socket left behind by a killed node is removed. Errors: Unsound for a folder that is not
    ours alone.
    """
    home.run.mkdir(mode=0o700, exist_ok=True)  # a home brought back by other means than `tocsin restore` may lack it
    path = home.run / "node.sock"
    if not _fits(path):
        path = _private_folder(home, environment) / "node.sock"
    path.unlink(missing_ok=True)
    temporary = home.address.with_suffix(".new")
    temporary.write_text(f"unix:{path}\n", encoding="utf-8")
    temporary.chmod(0o600)
    temporary.replace(home.address)
    return path


def read_address(home: Home) -> str:
    """The gRPC address of the node that runs on this home, such as unix:/path; Misconfigured when none ever ran."""
    try:
        return home.address.read_text(encoding="utf-8").strip()
    except FileNotFoundError:
        raise Misconfigured(f"no node has run on {home.root} yet") from None


def _fits(path: Path) -> bool:
    return len(os.fsencode(path)) <= SOCKET_PATH_BYTES


def _private_folder(home: Home, environment: Mapping[str, str]) -> Path:
    name = f"tocsin-{os.geteuid()}-{hashlib.sha256(os.fsencode(home.root.resolve())).hexdigest()[:16]}"
    places = (environment.get("XDG_RUNTIME_DIR"), tempfile.gettempdir(), "/tmp")  # noqa: S108  the folder is checked
    folder = next(
        path
        for place in places
        if place and (path := Path(place) / name) and _fits(path / "node.sock") and path.parent.is_dir()
    )
    try:
        folder.mkdir(PRIVATE_DIR)
    except FileExistsError:
        found = folder.lstat()
        if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.geteuid() or stat.S_IMODE(found.st_mode) & 0o077:
            raise Unsound(f"{folder} exists and is not a folder of ours alone: remove it") from None
    return folder
