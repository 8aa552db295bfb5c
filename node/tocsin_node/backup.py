"""A copy of a home that can be used as one: database, sealed keys, configuration, policies, operator token.

Left out: the high-water marks, because they belong to the one home that signed last, the lock, and what only a running
node needs. A restored copy signs nothing that its followers know to be older than what they hold: see the exchange.
"""

import shutil
from pathlib import Path

from tocsin_node.errors import Misconfigured, Refused
from tocsin_node.home import PRIVATE_DIR, Home
from tocsin_node.log.envelope import Actor
from tocsin_node.log.writer import Writer
from tocsin_node.store.protocol import Store


def backup(home: Home, store: Store, writer: Writer, directory: Path, *, actor: Actor) -> int:
    """Copy into a new folder; returns its bytes. Blocking. Errors: Refused when it exists, Misconfigured."""
    if not directory.is_absolute() or not directory.parent.is_dir():
        raise Misconfigured(f"{directory} is not an absolute path in a folder that exists")
    target = Home(directory)
    try:
        directory.mkdir(PRIVATE_DIR)
    except FileExistsError:
        raise Refused(f"{directory} exists: a backup is a new folder") from None
    try:
        writer.call(lambda tx: tx.audit("backup.done", actor=actor))
        store.backup(target.database)
        shutil.copytree(home.keys, target.keys)
        if home.policies.is_dir():
            shutil.copytree(home.policies, target.policies)
        target.run.mkdir(PRIVATE_DIR)
        shutil.copy2(home.config, target.config)
        if home.operator_token.exists():
            shutil.copy2(home.operator_token, target.operator_token)
    except BaseException:
        shutil.rmtree(directory, ignore_errors=True)
        raise
    return sum(path.stat().st_size for path in directory.rglob("*") if path.is_file())
