"""E-mail addresses and mailboxes."""

from collections.abc import Callable, Iterable, Iterator
from types import MappingProxyType
from typing import Final

from tests.conformance.canon.families.hosts import a_label, plain_words
from tests.conformance.canon.families.row import Row

LOCALS: Final = (
    "bob",
    "bob.smith",
    "b",
    "bob+news",
    "first.last+tag",
    "o'neil",
    "x-y_z",
    "1234",
    "a!#$%&'*/=?^_`{|}~-b",
    "jos\u00e9",
)
SERVERS: Final = ("example.com", "mail.example.org", "xn--bcher-kva.example", "gmail.com", "proton.me")
_ALIASES: Final = (
    ("googlemail.com", "gmail.com"),
    ("me.com", "icloud.com"),
    ("mac.com", "icloud.com"),
    ("protonmail.com", "proton.me"),
    ("protonmail.ch", "proton.me"),
    ("pm.me", "proton.me"),
)


def _spellings(local: str, server: str) -> Iterator[str]:
    yield f"{local.upper() if local.isascii() else local}@{server.upper()}"
    yield f"  {local}@{server}\n"
    yield f'"{local}"@{server}'
    yield f"{local}[at]{server.replace('.', '[.]')}"
    yield f"{local}(AT){server.replace('.', '(dot)')}"
    if "?" not in local:
        yield f"mailto:{local}@{server}?subject=x"


def _spelled() -> Iterator[Row]:
    for local in LOCALS:
        for server in SERVERS:
            for text in _spellings(local, server):
                yield Row(text, f"{local}@{server}")


def _scripts() -> Iterator[Row]:
    for word in plain_words():
        yield Row(f"Info@{word}.Example", f"info@{a_label(word)}.example")


def _refused() -> Iterator[Row]:
    for local in (".a", "a.", "a..b", "", "a b", "a\tb", "a(b", "a;b", "a:b", "a\\b", "a[b"):
        yield Row(f"{local}@example.com", None, "local")
    for sign in ("\u00ad", "\u200b", "\u200e", "\u202e", "\u00a0", "\u2003", "\ufeff", "\u0085"):
        yield Row(f"a{sign}b@example.com", None, "local-chars")
    for server, why in (
        ("[192.0.2.1]", "domain-literal"),
        ("example.com.", "trailing-dot"),
        ("localhost", "single-label"),
        ("-", "single-label"),
        ("192.0.2.1", "is-ip"),
        ("a..example", "empty-label"),
        ("", "empty"),
        ("a b.example", "syntax"),
        ("*.example.com", "charset"),
    ):
        yield Row(f"bob@{server}", None, why)
    yield from (Row(text, None, "no-at") for text in ("bob", "bob.example.com"))
    for text in ("Bob <bob@example.com>", "a@example.com, b@example.com", "<bob@example.com>"):
        yield Row(text, None, "display-name")
    for size in range(62, 67):
        yield Row(
            f"{'l' * size}@example.com",
            f"{'l' * size}@example.com" if size <= 64 else None,
            "" if size <= 64 else "too-long",
        )


def _mailboxes() -> Iterator[Row]:
    for local, kept in (("bob", "bob"), ("Bob+x", "bob"), ("b.o.b", "b.o.b"), ("bob+a+b", "bob"), ("b-o_b+1", "b-o_b")):
        for server in ("example.com", "outlook.com", "yahoo.com", "fastmail.com", "corp.example"):
            yield Row(f"{local}@{server}", f"{kept}@{server}")
        for alias, server in _ALIASES:
            box = kept.replace(".", "") if server == "gmail.com" else kept
            yield Row(f"{local}@{alias.upper()}", f"{box}@{server}")
            yield Row(f"mailto:{local}@{alias}?x", f"{box}@{server}")
        for server in ("gmail.com", "GMail[.]com"):
            yield Row(f"{local}@{server}", f"{kept.replace('.', '')}@gmail.com")
        yield Row(f"{local}@sub.gmail.com", f"{kept}@sub.gmail.com")
    for text in ("+x@example.com", "+@gmail.com", "a.+b@example.com"):
        yield Row(text, None, "local")


EMAIL: Final = MappingProxyType[str, Callable[[], Iterable[Row]]](
    {"spelled": _spelled, "script": _scripts, "refused": _refused}
)
MAILBOX: Final = MappingProxyType[str, Callable[[], Iterable[Row]]]({"provider": _mailboxes})
