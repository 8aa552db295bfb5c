"""The canonicalisation examples of Google's Safe Browsing text, and where url/1 differs on purpose.

The expected texts stand in the file without their scheme, as url/1 has none. `www.` and a last slash are dropped by
url/1 too and ignored here. What is left differs for the reasons below; each row that differs is named once.
"""

import json
from pathlib import Path
from typing import Final

import pytest

from tocsin_signals.canon import canonicalise
from tocsin_signals.errors import Rejected

ROWS: Final[list[tuple[str, str]]] = [
    tuple(row) for row in json.loads((Path(__file__).parent / "safe-browsing.json").read_text())
]

ONE_PASS: Final = {
    # Repeated unescaping would merge %252F with /, two different pages: url/1 decodes once.
    "http://host/%25%32%35": "host/%2525",
    "http://host/%25%32%35%25%32%35": "host/%2525%2525",
    "http://host/%2525252525252525": "host/%2525252525252525",
    "http://host/asdf%25%32%35asd": "host/asdf%2525asd",
    "http://host/%%%25%32%35asd%%": "host/%25%25%2525asd%25%25",
}
NO_HOST_NAME: Final = {
    # No resolver knows such a name; guessing one would publish another site.
    "http://host%23.com/%257Ea%2521b%2540c%2523d%2524e%25f%255E00%252611%252A22%252833%252944_55%252B",
    "http://\x01\x80.com/",
    "http:// leadingspace.com/",
    "http://%20leadingspace.com/",
    "%20leadingspace.com/",
    "http://www.google.com.../",  # dots in a row cannot resolve: merging them would guess
}
OTHER: Final = {
    "http://www.google.com/q?": "google.com/q",  # an empty query asks for nothing
    "http://www.gotaport.com:1234/": "gotaport.com:1234/",  # another port is another service; `domain` ignores it
}


def test_the_list_is_whole_and_every_deviation_is_in_it() -> None:
    assert len(ROWS) == 33
    assert {*ONE_PASS, *NO_HOST_NAME, *OTHER} <= {given for given, _ in ROWS}


@pytest.mark.parametrize(("given", "expected"), ROWS)
def test_an_example_has_the_documented_form_or_a_named_reason_to_differ(given: str, expected: str) -> None:
    if given in NO_HOST_NAME:
        with pytest.raises(Rejected):
            canonicalise("url", given)
        return
    found = canonicalise("url", given)
    deviation = ONE_PASS.get(given) or OTHER.get(given)
    if deviation:
        assert found == deviation
        assert _loose(found) != _loose(expected)
    else:
        assert _loose(found) == _loose(expected)


def _loose(form: str) -> str:
    return form.removeprefix("www.").removesuffix("/")
