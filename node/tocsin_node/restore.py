"""Making a home again from a backup: all of it or nothing, and no feed grows before its followers were asked.

In order: every file is what the backup's list says; the database is sound; every log leads to every checkpoint signed
for it; the keys open. Then each own feed is frozen, because what was published after the backup is signed, may be with
followers, and must not be signed a second time with other content: `tocsin feed recover` fetches it back and lets the
feed grow again. The restore is an entry of the audit log.

Everything happens in a folder beside the home, renamed into place as the last step. It does not judge who could write
to the place where the backup lay: the list protects from damage, not from forgers.
"""

import secrets
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Final

from tocsin_crypto import keyfile
from tocsin_node.audit.checks import Progress as LogProgress, Report, check_store
from tocsin_node.backup import MANIFEST, Manifest, digest_of, read_manifest, sync
from tocsin_node.config import load_config
from tocsin_node.errors import Misconfigured, Refused, Unsound
from tocsin_node.home import PRIVATE_DIR, Home
from tocsin_node.init import check_place
from tocsin_node.keys import Keyring, Unlock
from tocsin_node.log.envelope import SYSTEM
from tocsin_node.log.highwater import HighWater
from tocsin_node.log.tx import Tx
from tocsin_node.log.writer import Writer
from tocsin_node.store.protocol import Session
from tocsin_node.store.sqlite import SqliteStore

Progress = Callable[[str, int, int], None]
"""Called with what is being done, how much of it is done, and how much there is."""

FILES: Final = ("tocsin.db", "tocsin.toml", "run/operator.token")
FOLDERS: Final = ("keys", "policies", "guard")


@dataclass(frozen=True, slots=True)
class Restored:
    """What was made. `made_at` is when the backup was (ms UTC); `feeds` are the own feeds, all frozen."""

    organisation: str
    made_at: int
    feeds: tuple[str, ...]


def restore(
    directory: Path,
    home: Home,
    *,
    environment: Mapping[str, str],
    unlock_key: bytes | None,
    clock: Callable[[], int],
    progress: Progress,
) -> Restored:
    """Make `home`, which must be new or empty, from a backup; blocking, and `progress` may raise to break it off.

    `unlock_key` is the content of the lost home's keys/unlock; without it the environment opens the keys.
    Errors: Misconfigured, Refused, Unsound.
    """
    check_place(home.root)
    manifest = read_manifest(directory)
    building = Home(home.root.with_name(f".{home.root.name}.restore-{secrets.token_hex(6)}"))
    try:
        _copy(directory, manifest, building, progress)
        if unlock_key is not None:
            keyfile.write_private(building.unlock_key, unlock_key)
        keyring = _keys(building, manifest, environment)
        _check(building, progress)
        feeds = _freeze(building, keyring, manifest, clock)
        try:
            building.root.rename(home.root)
        except OSError:
            raise Refused(f"{home.root} appeared while it was being made: nothing was changed") from None
        sync(home.root.parent)
    except BaseException as error:
        shutil.rmtree(building.root, ignore_errors=True)
        if isinstance(error, OSError):
            raise Refused(f"{home.root} could not be made: {(error.strerror or 'it failed').lower()}") from error
        raise
    return Restored(manifest.organisation, manifest.made_at, feeds)


def _copy(source: Path, manifest: Manifest, target: Home, progress: Progress) -> None:
    """Every listed file, checked after it was copied."""
    for folder in (target.root, target.keys, target.run, target.policies):
        folder.mkdir(mode=PRIVATE_DIR)
    missing = set(FILES[:2]) - manifest.files.keys()
    if missing:
        raise Misconfigured(f"{source / MANIFEST} lists no {', '.join(sorted(missing))}")
    for number, (name, digest) in enumerate(sorted(manifest.files.items())):
        progress("copying", number, len(manifest.files))
        _belongs(name, source)
        path, copy = source / name, target.root / name
        if path.is_symlink() or not path.is_file():
            raise Unsound(f"{path} is listed in the backup and is not there")
        copy.parent.mkdir(mode=PRIVATE_DIR, exist_ok=True)
        shutil.copyfile(path, copy)
        copy.chmod(0o600)
        if digest_of(copy) != digest:
            raise Unsound(f"{path} is not what was backed up: its digest differs")
        sync(copy)


def _belongs(name: str, source: Path) -> None:
    """Return when a listed path is one of a home's own. Errors: Misconfigured."""
    path = PurePosixPath(name)
    inside = ".." not in path.parts and len(path.parts) in (2, 3) and path.parts[0] in FOLDERS
    if not (name in FILES or inside) or "\0" in name:
        raise Misconfigured(f"{source / MANIFEST} lists {name[:80]!r}, which is no file of a home")


def _keys(home: Home, manifest: Manifest, environment: Mapping[str, str]) -> Keyring:
    organisation = load_config(home.config).organisation
    if organisation != manifest.organisation:
        raise Unsound(f"the backup is of {manifest.organisation}, its configuration of {organisation}")
    try:
        return Keyring.load(home, Unlock.find(environment, home), organisation)
    except Misconfigured as error:
        told = str(error).replace(str(home.root), "the backup")
        raise Misconfigured(f"{told}; --unlock names a copy of the lost home's keys/unlock") from None


def _check(home: Home, progress: Progress) -> None:
    """The database is sound and every log leads to its checkpoints. Errors: Unsound names the first finding."""
    store = SqliteStore.open_read_only(home.database)
    try:
        progress("checking the database", 0, 1)
        damage = store.damage()
        if damage:
            raise Unsound(f"the database of the backup is damaged: {damage}")
        for item in check_store(store, {}):
            match item:
                case LogProgress():
                    progress(f"checking {item.origin}", item.done, item.total)
                case Report():
                    if item.findings:
                        raise Unsound(f"{item.origin} does not check: {item.findings[0]}")
    finally:
        store.close()


def _freeze(home: Home, keyring: Keyring, manifest: Manifest, clock: Callable[[], int]) -> tuple[str, ...]:
    """Freeze every own feed, say so in the audit log, and mark where every own log ends now."""
    store = SqliteStore.open(home.database)
    marks = HighWater(home.highwater)
    try:
        writer = Writer(
            store=store,
            clock=clock,
            feed_signer=keyring.feed_signer(),
            audit_signer=keyring.audit_signer(_audit_origin(store)),
            highwater=marks,
            directory=home.root,
        )
        writer.start()
        try:
            feeds = writer.call(lambda tx: _operation(tx, manifest))
            for head in writer.heads.values():
                if head.kind != "followed":
                    marks.write(head.origin, head.size, head.tree.root())
        finally:
            writer.stop()
    finally:
        store.close()
    return feeds


def _operation(tx: Tx, manifest: Manifest) -> tuple[str, ...]:
    feeds = _own_feeds(tx.sql)
    for log, origin in feeds:
        name = origin.rpartition("/")[2]
        why = (
            f"{origin} was restored from a backup: entries published since then may be missing. "
            f"Ask its followers for the rest: tocsin feed recover {name}"
        )
        tx.sql.execute("UPDATE log SET state = 'frozen', why = ? WHERE id = ?", (why, log))
        tx.audit("feed.frozen", result="failed", why="restored", about={"origin": origin})
    about = {"backup": str(manifest.made_at), "software": manifest.software[:64]}
    tx.audit("restore.done", actor=SYSTEM, counts={"feeds": len(feeds)}, about=about)
    return tuple(origin for _, origin in feeds)


def _own_feeds(session: Session) -> list[tuple[int, str]]:
    records = session.all("SELECT id, origin FROM log WHERE kind = 'own' ORDER BY origin")
    return [(int(log), str(origin)) for log, origin in records]


def _audit_origin(store: SqliteStore) -> str:
    with store.read() as session:
        record = session.one("SELECT origin FROM log WHERE kind = 'audit'")
    if record is None:
        raise Unsound("the database of the backup holds no audit log")
    return str(record[0])
