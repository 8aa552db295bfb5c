"""Making a home: all of it or nothing.

Everything is built in a folder beside the home and renamed into place as the last step, so a half-made home is never
seen. The exchange port is chosen once, here, and stands in the configuration and in the card.
"""

import contextlib
import secrets
import shutil
import socket
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from tocsin_crypto import keyfile, tls
from tocsin_crypto.card import SignedCard
from tocsin_crypto.ed25519 import Random, SigningKey
from tocsin_crypto.names import root_key_name
from tocsin_crypto.note import NoteSigner
from tocsin_node.card import CERTIFICATE_DAYS, CardContent, card_fingerprint, first_card, insert_card
from tocsin_node.config import Address, Config, parse_config
from tocsin_node.errors import Invalid, Misconfigured, Refused
from tocsin_node.home import PRIVATE_DIR, Home
from tocsin_node.keys import Keyring, Unlock, new_unlock_key, save_root
from tocsin_node.log.envelope import SYSTEM
from tocsin_node.log.highwater import HighWater
from tocsin_node.log.tx import Tx
from tocsin_node.log.writer import Writer
from tocsin_node.store.sqlite import SqliteStore
from tocsin_node.tokens import OPERATOR, Role, issue

LISTEN: Final = "127.0.0.1"  # unless told otherwise: nobody but this machine
_UNSPECIFIED: Final = ("0.0.0.0", "::")  # noqa: S104  recognised in order to refuse it in a card


@dataclass(frozen=True, slots=True)
class InitReport:
    """What a new home is, for the person who made it."""

    organisation: str
    fingerprint: str
    listen: str
    endpoint: str
    unlocked_by: str
    operator_token: Path
    root_key: Path


def init_home(
    home: Home,
    *,
    organisation: str,
    role: str,
    listen: str = LISTEN,
    endpoint: str = "",
    unlock: Unlock | None = None,
    profiles: Mapping[str, bytes],
    manifest: bytes = b"",
    clock: Callable[[], int],
    random: Random = secrets.token_bytes,
) -> InitReport:
    """Make a home; blocking.

    `listen` is an address or address:port, a free port is chosen when none or 0 is given; `endpoint` is what the card
    tells peers, by default the same; `unlock` seals the keys, and None makes the file HOME/keys/unlock. `profiles` and
    `manifest` are the digests that the card names (`rules`).
    Errors: Refused when the home exists and is not empty, Misconfigured or Invalid for a bad argument.
    """
    check_place(home.root)
    address = _listening(listen)
    text = _configuration(organisation, role, address, endpoint)
    config = parse_config(text, "tocsin init")
    if not endpoint and address.host in _UNSPECIFIED:
        raise Invalid(f"{address.host} means every address of this machine: say with an endpoint which one peers use")
    building = Home(home.root.with_name(f".{home.root.name}.init-{secrets.token_hex(6)}"))
    try:
        for folder in (building.root, building.keys, building.run, building.policies):
            folder.mkdir(mode=PRIVATE_DIR)
        how = f"the file {home.unlock_key}, which anyone who reads the home can read too"
        if unlock is None:
            keyfile.write_private(building.unlock_key, new_unlock_key())
            unlock = Unlock.find({}, building)
        else:
            how = unlock.how
        content = CardContent(config.role, config.endpoints, profiles, manifest)
        signed = _fill(building, config, unlock, content, clock, random)
        keyfile.write_private(building.config, text)
        try:
            building.root.rename(home.root)
        except OSError:
            raise Refused(f"{home.root} appeared while it was being made: nothing was changed") from None
    except BaseException:
        shutil.rmtree(building.root, ignore_errors=True)
        raise
    return InitReport(
        organisation=organisation,
        fingerprint=card_fingerprint(signed.card),
        listen=str(address),
        endpoint=str(config.endpoints[0]),
        unlocked_by=how,
        operator_token=home.operator_token,
        root_key=home.root_key,
    )


def check_place(root: Path) -> None:
    """Return when a home can be made there. Errors: Misconfigured, Refused."""
    if not root.parent.is_dir():
        raise Misconfigured(f"{root.parent} is not a folder: make it first")
    if root.is_symlink() or (root.exists() and not root.is_dir()):
        raise Refused(f"{root} exists and is not a folder")
    with contextlib.suppress(FileNotFoundError):
        if any(root.iterdir()):
            raise Refused(f"{root} exists and is not empty: a home is made once")


def _listening(listen: str) -> Address:
    """The address to listen on; its port is free now."""
    try:
        given = Address.parse(listen)
    except ValueError:
        given = None
    host = given.host if given else listen.removesuffix(":0").removeprefix("[").removesuffix("]")
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        with socket.socket(family, socket.SOCK_STREAM) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind((host, given.port if given else 0))
            return Address(host, probe.getsockname()[1])
    except (OSError, UnicodeError) as error:
        reason = getattr(error, "strerror", None) or "not an address of this machine"
        raise Misconfigured(f"the node cannot listen on {listen[:64]!r}: {reason.lower()}") from None


def _configuration(organisation: str, role: str, listen: Address, endpoint: str) -> bytes:
    def quoted(text: str) -> str:
        escaped = "".join(
            c if c.isprintable() and c not in '"\\' else f"\\u{ord(c):04x}" for c in text if ord(c) < 0xD800
        )
        return f'"{escaped}"'

    lines = [
        "# Written by `tocsin init`. deploy/tocsin.example.toml shows every key.",
        f"organisation = {quoted(organisation)}",
        f"role = {quoted(role)}",
        "",
        "[exchange]",
        f"listen = {quoted(str(listen))}",
        *([f"endpoints = [{quoted(endpoint)}]"] if endpoint else []),
        "",
        "[audiences]",
        '# partners = ["platform.example"]',
        "",
    ]
    return "\n".join(lines).encode()


def _fill(
    home: Home,
    config: Config,
    unlock: Unlock,
    content: CardContent,
    clock: Callable[[], int],
    random: Random,
) -> SignedCard:
    """Keys, database, first card and operator token."""
    now = clock()
    root = SigningKey.generate(random)
    identity = tls.make_identity(config.organisation, now=now, days=CERTIFICATE_DAYS, random=random)
    keyring = Keyring.generate(config.organisation, identity, random=random)
    keyring.save(home, unlock)
    save_root(home, unlock, config.organisation, root)
    signer = NoteSigner(root_key_name(config.organisation), root)
    signed = first_card(keyring, signer, content, now=now)
    origin = f"{config.organisation}/audit/{datetime.fromtimestamp(now / 1000, UTC).year}"

    def genesis(tx: Tx) -> str:
        tx.new_log(origin, "audit", config.organisation)
        tx.audit("log.genesis", about={"origin": origin})
        for name in ("root", "signing", "audit", "witness", "sealing", "data", "tls"):
            tx.audit("key.created", about={"key": name})
        insert_card(tx, signed, SYSTEM)
        text, _, _ = issue(tx, name=OPERATOR, roles=[role.value for role in Role], actor=SYSTEM, random=random)
        return text

    store = SqliteStore.open(home.database)
    try:
        writer = Writer(
            store=store,
            clock=clock,
            feed_signer=keyring.feed_signer(),
            audit_signer=keyring.audit_signer(origin),
            highwater=HighWater(home.highwater),
            directory=home.root,
        )
        writer.start()
        try:
            token = writer.call(genesis)
        finally:
            writer.stop()
    finally:
        store.close()
    keyfile.write_private(home.operator_token, f"{token}\n".encode())
    return signed
