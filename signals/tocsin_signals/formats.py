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

    @property
    def rejects(self) -> "Format":
        """The format its refused rows are written in: its own, but nobody writes a workbook line by line."""
        return Format.CSV if self is Format.XLSX else self


_SUFFIXES: Final = MappingProxyType(
    {
        ".tsv": Format.TSV,
        ".tab": Format.TSV,
        ".xlsx": Format.XLSX,
        ".xlsm": Format.XLSX,
        ".jsonl": Format.JSONL,
        ".ndjson": Format.JSONL,
        ".json": Format.JSONL,
    }
)


def format_of(path: PurePath) -> Format:
    """By the suffix: .tsv, .xlsx, JSON Lines for .jsonl, .ndjson and .json, else CSV."""
    return _SUFFIXES.get(path.suffix.lower(), Format.CSV)
