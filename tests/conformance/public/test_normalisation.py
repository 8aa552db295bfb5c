"""Unicode's NormalizationTest, over the code points Unicode 13.0 knows: what names are folded with must not move.

Folding (`nfkc_cf`) is NFKC with case folding and without invisible code points: every column of a row must fold alike
and folding twice must change nothing. Rows with later code points are skipped; the profiles refuse them.
"""

import lzma
import unicodedata
from pathlib import Path
from typing import Final

from tocsin_signals.canon.text import nfkc_cf
from tocsin_signals.canon.unicode13 import all_assigned

PACKED: Final = Path(__file__).parent / "NormalizationTest.txt.xz"


def rows() -> list[tuple[str, str, str, str, str]]:
    """(source, NFC, NFD, NFKC, NFKD) of every row with code points of Unicode 13.0 only."""
    found: list[tuple[str, str, str, str, str]] = []
    for line in lzma.decompress(PACKED.read_bytes()).decode().splitlines():
        if line.startswith(("#", "@")):
            continue
        source, nfc, nfd, nfkc, nfkd = (
            "".join(chr(int(code, 16)) for code in field.split()) for field in line.split(";")[:5]
        )
        if all_assigned(source):
            found.append((source, nfc, nfd, nfkc, nfkd))
    return found


def test_this_pythons_tables_agree_on_the_frozen_range() -> None:
    found = rows()
    assert len(found) > 18_000
    for source, nfc, nfd, nfkc, nfkd in found:
        assert unicodedata.normalize("NFC", source) == nfc
        assert unicodedata.normalize("NFD", source) == nfd
        assert unicodedata.normalize("NFKC", source) == nfkc
        assert unicodedata.normalize("NFKD", source) == nfkd


def test_all_forms_of_a_text_fold_alike_and_once() -> None:
    for source, *forms in rows():
        folded = nfkc_cf(source)
        assert {nfkc_cf(form) for form in forms} == {folded}
        assert nfkc_cf(folded) == folded
