"""The names of the formats a file of identifiers may have. Loads nothing, so that a command line can offer them."""

from enum import StrEnum
from pathlib import PurePath


class Format(StrEnum):
    """How a file is written; the word is also the suffix of its name."""

    CSV = "csv"
    JSONL = "jsonl"


def format_of(path: PurePath) -> Format:
    """By the suffix: JSON Lines for .jsonl, .ndjson and .json, else CSV."""
    return Format.JSONL if path.suffix.lower() in {".jsonl", ".ndjson", ".json"} else Format.CSV
