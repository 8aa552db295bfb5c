"""URLs: rewrites that keep a page the page it is, every character and escape, tracking names, ports and addresses."""

from collections.abc import Callable, Iterable, Iterator
from ipaddress import IPv4Address, IPv6Address
from types import MappingProxyType
from typing import Final, NamedTuple

from tests.conformance.canon.families.hosts import a_label, onion, plain_words, wide
from tests.conformance.canon.families.row import Row
from tests.conformance.canon.oracle.url import OTHER_SCHEMES, TRACKING, TRACKING_PREFIXES


class Page(NamedTuple):
    """A page in parts that are canonical already; `query` has no tracking parameter and is sorted."""

    host: str
    path: str = "/"
    query: tuple[str, ...] = ()
    fragment: str = ""
    port: str = ""

    @property
    def canonical(self) -> str:
        """The url/1 text."""
        query = "?" + "&".join(self.query) if self.query else ""
        fragment = "#" + self.fragment if self.fragment else ""
        return self.host + self.port + self.path + query + fragment

    def write(self, *, scheme: str = "https://", user: str = "", tail: str = "") -> str:
        """The page as people write it."""
        return f"{scheme}{user}{self.canonical}{tail}"


PAGES: Final = (
    Page("example.com"),
    Page("example.com", "/a"),
    Page("example.com", "/a/b/c.html"),
    Page("mail.example.org", "/Inbox", ("id=42",)),
    Page("shop.example.co.uk", "/item", ("colour=red", "size=XL")),
    Page("example.net", "/", ("a=1", "b=2", "c=3")),
    Page("example.net", "/~user/A%2FB"),
    Page("forum.example", "/t/123", ("page=2",), "/post/7"),
    Page("app.example", "/", (), "!/room/9"),
    Page("files.example", "/", (), "F!AbCdEfGh!key"),
    Page("xn--bcher-kva.example", "/%C3%BC", ("q=%C3%A9",)),
    Page("a.b.c.d.e.example", "/x/y/z/1/2/3"),
    Page("example.com", "/search", ("q=a%20b",), "", ":8080"),
    Page("192.0.2.7", "/admin"),
    Page("[2001:db8::7]", "/x", ("k=v",), "", ":8443"),
    Page("example.org", "/p;v=1/q,r", ("x=(1)", "y=*")),
    Page("example.org", "/a=b&c", ("t=%26", "u=%3D")),
    Page("img.example", "/2026/11/24/photo-1_2.JPG"),
    Page("go.example", "/", ("u=http://other.example/p/?z",)),
    Page("under_score.example", "/%25"),
    Page("example.com", "/%2525"),
    Page("example.com", "/a@b:c", ("=empty-name", "flag", "k=")),
    Page("video.example", "/watch", ("t=10", "v=dQw4w9WgXcQ")),
    Page("host-name.example", "/A/a/A"),
)


def _escaped(text: str) -> str:
    """Letters that stand outside of an escape, escaped."""
    return "".join(
        f"%{ord(sign):02x}" if sign in "abcxyz" and text[max(0, at - 2) : at].find("%") < 0 else sign
        for at, sign in enumerate(text)
    )


def _with_host(page: Page, host: str) -> str:
    return page._replace(host=host).write()


def _again(page: Page, *, path: str | None = None, query: Iterable[str] | None = None) -> str:
    return page._replace(
        path=page.path if path is None else path, query=tuple(page.query if query is None else query)
    ).write()


def rewrites(page: Page) -> Iterator[str]:
    """Ways to write the page that are the same page: the rewrites of the reference, and some stacked."""
    host, plain = page.host, page.write()
    first_slash = page.path
    yield from (
        page.write(scheme=scheme) for scheme in ("http://", "https://", "ws://", "wss://", "HTTPS://", "//", "hxxp://")
    )
    yield from (
        page.write(scheme=scheme)
        for scheme in ("hxxps[:]//", "h**p://", "https:/", "https:", "https:\\\\", "https:////")
    )
    yield from (page.write(user=user) for user in ("user@", "user:pw@", ":@", "a%40b:c@"))
    yield from (f" {plain}\n", f"\t{plain}\0", plain.replace("https://", "https://\t"), plain.replace("://", ":\n//"))
    if not page.port:
        yield from (_with_host(page, host + port) for port in (":80", ":443", ":0443", ":"))
    if page.port:
        yield from (page._replace(port=page.port.replace(":", ":00")).write(),)
    if not host.startswith("[") and not host[0].isdigit():
        yield from (_with_host(page, "www." + host), _with_host(page, "WWW.www." + host), _with_host(page, host + "."))
        yield from (_with_host(page, host.upper()), _with_host(page, host.title()), _with_host(page, wide(host)))
        yield from (
            _with_host(page, host.replace(".", dot)) for dot in ("[.]", "(.)", "{.}", "[dot]", "(dot)", "\u3002")
        )
        yield page._replace(host="www." + host.upper() + ".").write(scheme="hxxp[:]//", user="u@")
    if first_slash != "/":
        yield from (_again(page, path=page.path + "/"), _again(page, path=page.path.replace("/", "//")))
        yield _again(page, path="/." + page.path)
        yield _again(page, path="/x/.." + page.path)
        yield _again(page, path="/x/%2e%2E" + page.path)
        yield _again(page, path=page.path.replace("/", "\\"))
        yield _again(page, path=_escaped(page.path))
        yield _again(page, path=page.path.replace("%2F", "%2f").replace("%C3%BC", "\u00fc"))
    yield _again(page, query=(*page.query, "utm_source=mail", "fbclid=Q"))
    yield _again(page, query=("UTM_Campaign=x", *page.query, "", "", "gclid"))
    if page.query:
        yield _again(page, query=page.query[::-1])
        yield _again(page, query=map(_escaped, page.query))
        yield _again(page, query=(piece.replace("%20", "+").replace("%C3%A9", "\u00e9") for piece in page.query))
        yield _again(page, query=(*page.query[1:], "", page.query[0], "_ga=1"))
    if not page.fragment:
        yield from (plain + tail for tail in ("#top", "#", "#:~:text=x", "#!", "#/"))
    if not (page.query or page.fragment):
        yield from (plain + tail for tail in ("?", "?&", "?#"))


def _rewritten() -> Iterator[Row]:
    for page in PAGES:
        for text in rewrites(page):
            yield Row(text, page.canonical)


def _others(page: Page) -> Iterator[Page]:
    """Pages close to this one that are other pages."""
    yield page._replace(path=page.path + ("x" if page.path.endswith("/") else "/x"))
    yield page._replace(query=(*page.query, "zz=1"))
    yield page._replace(port=":8081")
    yield page._replace(fragment="/other")
    if page.path.swapcase() != page.path and "%" not in page.path:
        yield page._replace(path=page.path.swapcase())
    if page.query:
        yield page._replace(query=(*page.query[:-1], page.query[-1] + "0"))
        yield page._replace(query=page.query[:-1])
    if not page.host.startswith("[") and not page.host[0].isdigit():
        yield page._replace(host="other." + page.host)


def _changed() -> Iterator[Row]:
    for page in PAGES:
        for other in _others(page):
            yield Row(other.write(scheme="http://"), other.canonical)


_UNRESERVED: Final = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~"


def _path_characters() -> Iterator[Row]:
    for point in range(0x21, 0x7F):
        sign, escape = chr(point), f"%{point:02X}"
        kept = sign in _UNRESERVED + "!$&'()*+,;=:@"
        if sign not in "/\\?#%":
            yield Row(f"https://example.com/p{sign}q", f"example.com/p{sign if kept else escape}q")
        yield Row(f"https://example.com/p{escape.lower()}q", f"example.com/p{sign if kept else escape}q")
    for point in (*range(0x21), 0x7F, 0x80, 0xA0, 0xFF):
        yield Row(f"https://example.com/p%{point:02x}q", f"example.com/p%{point:02X}q")


def _query_characters() -> Iterator[Row]:
    for point in range(0x21, 0x7F):
        sign, escape = chr(point), f"%{point:02X}"
        decoded = sign in _UNRESERVED + "!$'()*,:@/?"
        raw = "%20" if sign == "+" else sign if decoded or sign in ";=&" else escape
        if sign not in "#%&":
            yield Row(f"https://example.com/?k=p{sign}q", f"example.com/?k=p{raw}q")
        yield Row(f"https://example.com/?k=p{escape.lower()}q", f"example.com/?k=p{sign if decoded else escape}q")


def _tracking() -> Iterator[Row]:
    for name in (*TRACKING, *(prefix + "x" for prefix in TRACKING_PREFIXES), *TRACKING_PREFIXES):
        yield Row(f"https://example.com/p?{name}=1&id=7", "example.com/p?id=7")
        yield Row(f"https://example.com/p?id=7&{name.upper()}=", "example.com/p?id=7")
        yield Row(f"https://example.com/p?a{name}=1", f"example.com/p?a{name}=1")
    for name in TRACKING:
        yield Row(f"https://example.com/p?{name}x=1", f"example.com/p?{name}x=1")
    for name in ("ref", "si", "s", "id", "spm", "tag", "q", "page", "utm", "session"):
        yield Row(f"https://example.com/p?{name}=1", f"example.com/p?{name}=1")


def _ports() -> Iterator[Row]:
    for port in (1, 21, 22, 25, 81, 442, 444, 591, 3000, 5000, 8000, 8008, 8080, 8443, 8888, 9000, 31337, 65535):
        yield Row(f"http://example.com:{port}/x", f"example.com:{port}/x")
        yield Row(f"example.com:{port}", f"example.com:{port}/")
        yield Row(f"https://example.com:000{port}/x", f"example.com:{port}/x")
        kept = "" if port == 21 else f":{port}"
        yield Row(f"ftp://example.com:{port}/x", f"ftp://example.com{kept}/x")
    for port in ("65536", "99999", "-1", "a", "8o", "1 ", "0x50", "80:80"):
        yield Row(f"http://example.com:{port}/x", None, "whatwg")


def _addresses() -> Iterator[Row]:
    for number in (0xC0000201, 0xC63364FE, 0xCB007107, 0x7F000001, 0x01020304, 0xFFFFFFFF, 0):
        address = IPv4Address(number)
        octets = [number >> shift & 255 for shift in (24, 16, 8, 0)]
        for text in (
            str(address),
            f"{number}",
            f"{number:#x}",
            f"0{number:o}",
            ".".join(f"{octet:#x}" for octet in octets),
            ".".join(f"0{octet:o}" for octet in octets),
            f"{octets[0]}.{number & 0xFFFFFF}",
            f"{octets[0]}.{octets[1]}.{number & 0xFFFF}",
            f"{address}.",
            f"[::ffff:{address}]",
            f"[64:ff9b::{address}]",
            f"[::FFFF:{number >> 16:x}:{number & 0xFFFF:x}]",
            wide(str(address)),
        ):
            yield Row(f"http://{text}:81/p", f"{address}:81/p")
    for text in (
        "256.1.1.1",
        "1.2.3.4.5",
        "1.2.3.256",
        "4294967296",
        "0x100000000",
        "1.2.3.08",
        "a.1",
        "[::1",
        "[::g]",
        "[1::2::3]",
        "[1:2:3:4:5:6:7:8:9]",
        "[::1%25eth0]",
        "[::256.0.0.1]",
        "::1",
    ):
        yield Row(f"http://{text}/p", None, "whatwg")
    for words in (
        (0x2001, 0xDB8, 0, 0, 1, 0, 0, 1),
        (0x2001, 0xDB8, 1, 2, 3, 4, 5, 6),
        (0xFE80, 0, 0, 0, 0, 0, 0, 1),
        (0,) * 8,
    ):
        address6 = IPv6Address(b"".join(word.to_bytes(2, "big") for word in words))
        for text in (
            str(address6),
            address6.exploded,
            address6.exploded.upper(),
            ":".join(f"{word:x}" for word in words),
        ):
            yield Row(f"https://[{text}]/p", f"[{address6}]/p")


def _hosts() -> Iterator[Row]:
    for word in plain_words():
        host = f"{a_label(word)}.example"
        yield Row(f"https://{word}.example/", f"{host}/")
        yield Row(f"http://www.{a_label(word).upper()}.example:443/?", f"{host}/")
        escaped = "".join(f"%{byte:02x}" for byte in word.encode())
        yield Row(f"https://{escaped}.example/p", f"{host}/p")
    for seed in range(6):
        yield Row(f"http://www.{onion(seed).upper()}.onion/x/", f"{onion(seed)}.onion/x")
        yield Row(f"http://{onion(seed)[:-1]}a.onion/x/", None, "onion")


def _schemes() -> Iterator[Row]:
    for scheme in OTHER_SCHEMES:
        yield Row(f"{scheme}:x", None, "scheme")
        yield Row(f"{scheme.upper()}:x", None, "scheme")
        yield Row(f"https://{scheme}/x", f"{scheme}/x")
        yield Row(f"https://{scheme}:8080/x", None, "scheme")
    for scheme in ("gopher", "ssh", "git", "ldap", "chrome", "app+x", "a.b-c"):
        yield Row(f"{scheme}://example.com/", None, "scheme")
    for text in ("", " ", "/", "/a/b", "?a", "#a", "\n"):
        yield Row(text, None, "no-host")
    for text in (
        "https://",
        "http:///",
        "https://:80/",
        "https://user@/",
        "https://?a",
        "https://#a",
        "https://\u00ad/",
    ):
        yield Row(text, None, "whatwg")


def _bytes() -> Iterator[Row]:
    for data in (
        b"\xff\xfe",
        b"https://example.com/\xe9",
        b"https://example.com/\xc3",
        b"\xed\xa0\x80",
        b"https://\xc0\xaf/",
    ):
        yield Row(data, None, "not-utf8")


def _scope(cut: Callable[[Page], str]) -> Iterator[Row]:
    for page in PAGES:
        for number, text in enumerate(rewrites(page)):
            if number % 7 == 0:
                yield Row(text, cut(page))


def _path_scope() -> Iterator[Row]:
    yield from _scope(lambda page: page.host + page.port + page.path)


def _prefix_scope() -> Iterator[Row]:
    for page in PAGES:
        directory = Page(page.host, page.path, port=page.port)
        depth = len([one for one in page.path.split("/") if one])
        good = f"{page.host}{page.port}{page.path.removesuffix('/')}/"
        for scheme, tail in (("https://", ""), ("http://", "/"), ("//", "//"), ("hxxp://", "/.")):
            text = directory.write(scheme=scheme, tail=tail)
            yield Row(text, good if depth <= 3 else None, "" if depth <= 3 else "depth")
        yield Row(directory.write(tail="?a=1"), None, "query")
        yield Row(directory.write(tail="#a"), None, "fragment")


def classes() -> Iterator[list[str]]:
    """All rewrites of one page."""
    for page in PAGES[::2]:
        yield list(rewrites(page))


def distinct() -> Iterator[list[str]]:
    """A page and one close to it."""
    for page in PAGES:
        yield from ([page.canonical, other.canonical] for other in _others(page))


URL: Final = MappingProxyType[str, Callable[[], Iterable[Row]]](
    {
        "rewrite": _rewritten,
        "changed": _changed,
        "path-character": _path_characters,
        "query-character": _query_characters,
        "tracking": _tracking,
        "port": _ports,
        "address": _addresses,
        "host": _hosts,
        "scheme": _schemes,
        "bytes": _bytes,
    }
)
PATH: Final = MappingProxyType[str, Callable[[], Iterable[Row]]]({"rewrite": _path_scope})
PREFIX: Final = MappingProxyType[str, Callable[[], Iterable[Row]]]({"rewrite": _prefix_scope})
