"""The names of the formats a file of identifiers may have. Loads nothing, so that a command line can offer them."""

from enum import StrEnum
from pathlib import PurePath
from types import MappingProxyType
from typing import Final


class Format(StrEnum):
    """How a file is written; the word is also the suffix of its name."""

    CSV = "csv"
    TSV = "tsv"
    XLSX = "xlsx"
    JSONL = "jsonl"
    STIX = "stix"
    MISP = "misp"
    THREATEXCHANGE = "threatexchange"

    @property
    def rejects(self) -> "Format":
        """The format its refused rows are written in: its own, where that is written line by line."""
        if self in {Format.STIX, Format.MISP, Format.THREATEXCHANGE}:
            return Format.JSONL
        return Format.CSV if self is Format.XLSX else self


class Written(StrEnum):
    """The formats that own signals are exported in; all of them are read too."""

    CSV = Format.CSV.value
    JSONL = Format.JSONL.value
    STIX = Format.STIX.value


_SUFFIXES: Final = MappingProxyType(
    {
        ".tsv": Format.TSV,
        ".tab": Format.TSV,
        ".xlsx": Format.XLSX,
        ".xlsm": Format.XLSX,
        ".jsonl": Format.JSONL,
        ".ndjson": Format.JSONL,
        ".json": Format.JSONL,
        ".stix": Format.STIX,
        ".stix.json": Format.STIX,
        ".misp.json": Format.MISP,
        ".threatexchange.json": Format.THREATEXCHANGE,
    }
)


def format_of(path: PurePath) -> Format:
    """By the last two suffixes or the last: bundle.stix.json is STIX, a bare .json JSON Lines, anything else CSV."""
    suffixes = [suffix.lower() for suffix in path.suffixes[-2:]]
    found = [_SUFFIXES[one] for one in ("".join(suffixes), *suffixes[-1:]) if one in _SUFFIXES]
    return found[0] if found else Format.CSV
