"""What other libraries make of the same URLs: the CPU seconds of the best of five rounds, as JSON.

`yarl` and `w3lib` write one URL anew; `threatexchange` lower-cases it; `gglsbl` makes every expression of Safe Browsing
and hashes each.
"""

import json
import sys
import time
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any


def main() -> None:
    """Measure and print."""
    library, file = sys.argv[1:]
    urls: list[str] = json.loads(Path(file).read_text())
    work = WORK[library]()
    failed = sum(not _works(work, url) for url in urls)
    if failed:
        sys.exit(f"{failed} of {len(urls)} URLs are refused")
    print(json.dumps(min(_round(work, urls) for _ in range(5))))


def _works(work: Callable[[str], Any], url: str) -> bool:
    try:
        work(url)
    except Exception:  # noqa: BLE001
        return False
    return True


def _round(work: Callable[[str], Any], urls: list[str]) -> float:
    started = time.process_time()
    for url in urls:
        work(url)
    return time.process_time() - started


def _yarl() -> Callable[[str], Any]:
    url: Any = import_module("yarl").URL
    return lambda text: str(url(text))


def _w3lib() -> Callable[[str], Any]:
    return import_module("w3lib.url").canonicalize_url


def _threatexchange() -> Callable[[str], Any]:
    return import_module("threatexchange.signal_type.url_md5").UrlMD5Signal.hash_from_str


def _gglsbl() -> Callable[[str], Any]:
    url: Any = import_module("gglsbl.protocol").URL
    return lambda text: list(url(text).hashes)


WORK = {"yarl": _yarl, "w3lib": _w3lib, "threatexchange": _threatexchange, "gglsbl": _gglsbl}


if __name__ == "__main__":
    main()
