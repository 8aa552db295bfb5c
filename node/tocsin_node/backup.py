"""A copy of a home that can be used as one: database, sealed keys, configuration, policies, operator token.

Left out: the high-water marks, because they belong to the one home that signed last, the lock, and what only a running
node needs. A restored copy signs nothing that its followers know to be older than what they hold: see the exchange.

The copy is made beside its place and renamed there as the last step, so half of one is never seen. The database is
copied before the keys: an epoch's key is on disk before the database knows of it.
"""

import secrets
import shutil
from pathlib import Path

from tocsin_node.errors import Misconfigured, Refused
from tocsin_node.home import PRIVATE_DIR, Home
from tocsin_node.log.envelope import Actor
from tocsin_node.log.writer import Writer
from tocsin_node.store.protocol import Store


def backup(home: Home, store: Store, writer: Writer, directory: Path, *, actor: Actor) -> int:
    """Copy into a new or empty folder; returns its bytes. Blocking.

    Errors: Refused when the folder holds something or cannot be written, Misconfigured for a place that will not do.
    """
    _check_place(home, directory)
    building = Home(directory.with_name(f".{directory.name}.backup-{secrets.token_hex(6)}"))
    try:
        building.root.mkdir(PRIVATE_DIR)
        _copy(home, store, building)
        size = sum(path.stat().st_size for path in building.root.rglob("*") if path.is_file())
        writer.call(lambda tx: tx.audit("backup.done", actor=actor, counts={"bytes": size}))
        building.root.rename(directory)
    except BaseException as error:
        shutil.rmtree(building.root, ignore_errors=True)
        if isinstance(error, OSError):
            raise Refused(f"{directory} could not be written: {(error.strerror or 'it failed').lower()}") from error
        raise
    return size


def _check_place(home: Home, directory: Path) -> None:
    if not directory.is_absolute() or not directory.parent.is_dir():
        raise Misconfigured(f"{directory} is not an absolute path in a folder that exists")
    if directory.resolve().is_relative_to(home.root.resolve()):
        raise Misconfigured(f"{directory} is inside the home: a backup there is lost with it")
    if directory.is_symlink() or (directory.exists() and not directory.is_dir()):
        raise Refused(f"{directory} exists and is not a folder")
    if directory.is_dir() and any(directory.iterdir()):
        raise Refused(f"{directory} exists and is not empty: a backup is a new folder")


def _copy(home: Home, store: Store, target: Home) -> None:
    store.backup(target.database)
    shutil.copytree(home.keys, target.keys)
    if home.policies.is_dir():
        shutil.copytree(home.policies, target.policies)
    target.run.mkdir(PRIVATE_DIR)
    shutil.copy2(home.config, target.config)
    if home.operator_token.exists():
        shutil.copy2(home.operator_token, target.operator_token)
