"""URLs on one core: canonical form, the expressions a look-up tries, their tags; beside other libraries.

The corpus is made up: 20,000 addresses of some 50 characters on 10,000 hosts, half with a query, some with tracking
parameters. What the others do is less: one URL written anew without matching equivalent spellings (`yarl`, `w3lib`), or
lower-cased and hashed (`threatexchange`); only `gglsbl` makes and hashes expressions, by the rules of Safe Browsing.
The limit is bare: the parser's one call, and four SHA-256 calls a tag.
"""

import json
import random
import sys
import tempfile
import time
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import Final

from bench.environment import NotRun, run_guest
from bench.limits import machine
from bench.options import parser
from tocsin_crypto.tag import EpochKey, TagRequest, tag_batch
from tocsin_signals import types
from tocsin_signals.canon import canonicalise, expand
from tocsin_signals.canon.engine import parse_and_serialise

BATCH: Final = 1_000  # look-ups in one call
LIMIT_S: Final = 300.0  # for one library
KEY: Final = EpochKey("demo.hotline.example", 1, bytes(32))
WORDS: Final = [
    "news",
    "media",
    "video",
    "watch",
    "item",
    "gallery",
    "index",
    "post",
    "thread",
    "user",
    "profile",
    "forum",
    "topic",
    "files",
]
NAMES: Final = ("id", "v", "utm_source", "b", "page", "fbclid")
LIBRARIES: Final = {
    "yarl": ("yarl==1.25.1",),
    "w3lib": ("w3lib==2.5.0",),
    "threatexchange": ("threatexchange==1.2.17",),
    "gglsbl": ("gglsbl==1.4.15",),
}


def main() -> int:
    """Measure and print."""
    options = parser(__doc__)
    options.add_argument("--urls", type=int, default=20_000)
    args = options.parse_args()
    urls = corpus(10 * args.urls if args.large else args.urls)
    print(f"machine: {machine()}")
    batches = [urls[first : first + BATCH] for first in range(0, len(urls), BATCH)]
    asked = [_requests(batch) for batch in batches]
    tags = sum(map(len, asked))
    print(f"{len(urls):,} URLs of {sum(map(len, urls)) / len(urls):.0f} characters, {tags / len(urls):.1f} tags each:")
    one = _show("canonical form", len(urls), lambda: [canonicalise("url", text) for text in urls])
    _show("expressions", len(urls), lambda: [expand("url", text) for batch in batches for text in batch])
    _show("their tags", len(urls), lambda: [tag_batch(KEY, requests) for requests in asked])
    whole = _show("all three", len(urls), lambda: [tag_batch(KEY, _requests(batch)) for batch in batches])
    limit = _show("limit", len(urls), lambda: _limit(urls, tags))
    print(f"  ratio of all three to the limit {limit / whole:.2f}; the aim is 40,000 URLs/s on one core")
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "urls.json"
        file.write_text(json.dumps(urls))
        for library, packages in LIBRARIES.items():
            _library(library, packages, file, whole if library == "gglsbl" else one, len(urls))
    return 0


def corpus(count: int) -> list[str]:
    """Addresses as they stand in logs, the same in every run."""
    chance = random.Random(1)
    return [_address(chance) for _ in range(count)]


def _address(chance: random.Random) -> str:
    host = chance.choice(["", "www.", "m.", "img."]) + f"site{chance.randrange(10_000)}"
    host += chance.choice([".com", ".org", ".net", ".co.uk", ".example"])
    folders = (chance.choice(WORDS) + str(chance.randrange(20_000))[: chance.randrange(5)] for _ in range(4))
    path = "/".join(list(folders)[: chance.randrange(4)])
    pieces = (f"{chance.choice(NAMES)}={chance.randrange(1_000_000)}" for _ in range(3))
    query = "&".join(list(pieces)[: chance.randrange(1, 4)])
    return f"https://{host}/{path}" + (f"?{query}" if chance.random() < 0.5 else "")


def _requests(urls: list[str]) -> list[TagRequest]:
    return [TagRequest(PROFILES[name], name, canonical) for text in urls for name, canonical in expand("url", text)]


PROFILES: Final = {one.name: one.profile for one in types.REGISTRY}


def _limit(urls: list[str], tags: int) -> None:
    for text in urls:
        parse_and_serialise(text)
    block = bytes(96)
    for _ in range(4 * tags):
        sha256(block).digest()


def _show(words: str, count: int, work: Callable[[], object]) -> float:
    """Print and return the CPU seconds of the best of five rounds."""
    best = float("inf")
    for _ in range(5):
        started = time.process_time()
        work()
        best = min(best, time.process_time() - started)
    print(f"  {words}: {count / best:,.0f} URLs/s, {best / count * 1e6:.1f} us each", flush=True)
    return best


def _library(library: str, packages: tuple[str, ...], file: Path, own_s: float, count: int) -> None:
    try:
        seconds = float(run_guest(library, packages, library, str(file), limit_s=LIMIT_S, script="urls"))
    except NotRun as why:
        print(f"{library}: not run: {why}")
        return
    print(f"{library}: {count / seconds:,.0f} URLs/s; tocsin {seconds / own_s:.2f} times as fast", flush=True)


if __name__ == "__main__":
    sys.exit(main())
