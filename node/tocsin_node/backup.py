"""A copy of a home from which `restore` makes one again: database, sealed keys, configuration and its files, token.

Left out: what opens the keys, because a copy that opens itself gives every key to whoever finds it; the high-water
marks, because they belong to the one home that signed last; the lock, and what only a running node needs (ADR 11).

The copy is one moment of the database, however much is written meanwhile. It is made beside its place, synced, listed
with its digests in `backup.json`, and renamed as the last step: half of one is never seen. The database is copied
before the keys, as an epoch's key is on disk before the database knows of it. `progress` may raise to break it off.
"""

import json
import os
import secrets
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from hashlib import file_digest
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final, cast

from tocsin_node.errors import Misconfigured, Refused
from tocsin_node.home import PRIVATE_DIR, Home
from tocsin_node.limits import MANIFEST_BYTES
from tocsin_node.log.envelope import Actor
from tocsin_node.log.writer import Writer
from tocsin_node.store.protocol import Store

MANIFEST: Final = "backup.json"
_FORMAT: Final = 1

Progress = Callable[[int, int], None]
"""Called with bytes done and bytes in all, as far as known."""


@dataclass(frozen=True, slots=True)
class Manifest:
    """What `backup.json` says. `made_at` is ms UTC; `files` is relative path -> SHA-256 in hex."""

    organisation: str
    software: str
    made_at: int
    files: Mapping[str, str]

    def encode(self) -> bytes:
        """As written."""
        said = {
            "format": _FORMAT,
            "organisation": self.organisation,
            "software": self.software,
            "made_at": self.made_at,
            "files": dict(self.files),
        }
        return json.dumps(said, indent=1, sort_keys=True).encode() + b"\n"


def read_manifest(directory: Path) -> Manifest:
    """What a backup says it is. Errors: Misconfigured."""
    path = directory / MANIFEST
    try:
        with path.open("rb") as stream:
            found: Any = json.loads(stream.read(MANIFEST_BYTES))
        if found["format"] != _FORMAT:
            raise Misconfigured(f"{path} is of format {found['format']!r}; this program reads {_FORMAT}")
        files = cast("dict[object, object]", found["files"])
        return Manifest(
            str(found["organisation"]),
            str(found["software"]),
            int(found["made_at"]),
            {str(name): str(digest) for name, digest in files.items()},
        )
    except FileNotFoundError:
        raise Misconfigured(f"{directory} is not a backup: it holds no {MANIFEST}") from None
    except OSError as error:
        raise Misconfigured(f"{path}: {(error.strerror or 'cannot be read').lower()}") from None
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        raise Misconfigured(f"{path} does not say what is in the backup") from None


def backup(
    home: Home,
    store: Store,
    writer: Writer,
    directory: Path,
    *,
    organisation: str,
    clock: Callable[[], int],
    actor: Actor,
    progress: Progress,
) -> int:
    """Copy into a new or empty folder; returns its bytes. Blocking.

    Errors: Refused when the folder holds something or cannot be written, Misconfigured for a place that will not do.
    """
    _check_place(home, directory)
    building = Home(directory.with_name(f".{directory.name}.backup-{secrets.token_hex(6)}"))
    try:
        building.root.mkdir(PRIVATE_DIR)
        made_at = clock()
        _copy(home, store, building, progress)
        size = _seal(building.root, organisation, made_at)
        writer.call(lambda tx: tx.audit("backup.done", actor=actor, counts={"bytes": size}))
        building.root.rename(directory)
        sync(directory.parent)
    except BaseException as error:
        shutil.rmtree(building.root, ignore_errors=True)
        if isinstance(error, OSError):
            raise Refused(f"{directory} could not be written: {(error.strerror or 'it failed').lower()}") from error
        raise
    return size


def digest_of(path: Path) -> str:
    """SHA-256 of a file in hex."""
    with path.open("rb") as stream:
        return file_digest(stream, "sha256").hexdigest()


def sync(path: Path) -> None:
    """Let a file or folder reach the disk."""
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _check_place(home: Home, directory: Path) -> None:
    if not directory.is_absolute() or not directory.parent.is_dir():
        raise Misconfigured(f"{directory} is not an absolute path in a folder that exists")
    if directory.resolve().is_relative_to(home.root.resolve()):
        raise Misconfigured(f"{directory} is inside the home: a backup there is lost with it")
    if directory.is_symlink() or (directory.exists() and not directory.is_dir()):
        raise Refused(f"{directory} exists and is not a folder")
    if directory.is_dir() and any(directory.iterdir()):
        raise Refused(f"{directory} exists and is not empty: a backup is a new folder")


def _copy(home: Home, store: Store, target: Home, progress: Progress) -> None:
    store.backup(target.database, progress)
    shutil.copytree(home.keys, target.keys, ignore=shutil.ignore_patterns(home.unlock_key.name))
    for folder, copy in ((home.policies, target.policies), (home.guard, target.guard)):
        if folder.is_dir():
            shutil.copytree(folder, copy)
    target.run.mkdir(PRIVATE_DIR)
    shutil.copy2(home.config, target.config)
    if home.operator_token.exists():
        shutil.copy2(home.operator_token, target.operator_token)


def _seal(root: Path, organisation: str, made_at: int) -> int:
    """Write the manifest and let everything reach the disk; returns the bytes in all."""
    files = sorted(path for path in root.rglob("*") if path.is_file())
    digests = {str(path.relative_to(root)): digest_of(path) for path in files}
    manifest = root / MANIFEST
    manifest.write_bytes(Manifest(organisation, f"tocsin {version('tocsin')}", made_at, digests).encode())
    manifest.chmod(0o600)
    for path in (*files, manifest, *(path for path in root.rglob("*") if path.is_dir()), root):
        sync(path)
    return sum(path.stat().st_size for path in (*files, manifest))
