"""What we export as STIX, read as MISP reads it, is a PyMISP event that our importer reads to the same identifiers."""

import importlib.util
import io
import subprocess
import sys
from typing import Final

import pytest

from tocsin_signals.canon import canonicalise
from tocsin_signals.exportfile import open_export
from tocsin_signals.exports.signal import Signal
from tocsin_signals.formats import Format
from tocsin_signals.rowfile import open_rows
from tocsin_signals.rows import Row

NOW: Final = 1_800_000_000_000
CONVERT: Final = """
import sys
from misp_stix_converter import ExternalSTIX2toMISPParser
from stix2 import parse

parser = ExternalSTIX2toMISPParser()
parser.load_stix_bundle(parse(sys.stdin.read(), allow_custom=True))
parser.parse_stix_bundle(single_event=True)
event = parser.misp_event
event.distribution = 3  # whoever reads a bundle into MISP chooses; at first it is the own organisation's only
print(event.to_json())
"""
VALUES: Final = (
    ("url", "a.example/x?q=1"),
    ("domain", "b.example"),
    ("email", "c@d.example"),
    ("ip", "45.33.32.9"),
    ("filehash", f"sha256:{'ab' * 32}"),
)


@pytest.mark.skipif(
    importlib.util.find_spec("misp_stix_converter") is None,
    reason="misp-stix is not installed: `make test` installs it where it can (dependency group interop)",
)
def test_an_exported_bundle_is_an_event_to_pymisp_with_the_same_identifiers_and_limits() -> None:
    out = io.StringIO()
    export = open_export(out, Format.STIX, feed="hotline.example/feed/urls", publisher="hotline.example", as_of=NOW)
    for number, (type_, value) in enumerate(VALUES, 1):
        details = {"stance": "harmful", "tlp": "amber"}
        end = NOW + 90 * 86_400_000
        export.write(Signal("hotline.example/feed/urls", number, type_, value, "live", NOW - 1, end, details))
    export.close()
    # In a process of its own: its libraries warn, and warnings are errors here.
    done = subprocess.run(
        [sys.executable, "-c", CONVERT], input=out.getvalue(), capture_output=True, text=True, check=True
    )
    rows = list(open_rows(io.BytesIO(done.stdout.encode()), Format.MISP))
    assert {(row.type, canonicalise(row.type, row.value)) for row in rows if isinstance(row, Row)} == set(VALUES)
    assert all(isinstance(row, Row) for row in rows)
    assert [row.fields["tlp"] for row in rows if isinstance(row, Row) and row.type == "url"] == ["amber"]
