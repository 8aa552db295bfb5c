"""The mapping of columns a command works with: from a saved file, from options, or both; and how it is saved.

An option goes before what the file says.
"""

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

from tocsin_node.cli.errors import UsageError
from tocsin_node.cli.output import read_file, write_file

if TYPE_CHECKING:
    from tocsin_signals.mapping import ColumnMapping

_SEPARATORS: Final = {"tab": "\t", "\\t": "\t", "comma": ",", "semicolon": ";"}


def make_mapping(path: Path | None, pairs: Sequence[str], settings: Mapping[str, str], **texts: str) -> "ColumnMapping":
    """The mapping of a file, if one is named, with what options say in its place. Errors: UsageError.

    `pairs` are `value=Adresse`, several of them joined by commas; `texts` are those of a mapping, empty: not said.
    """
    from tocsin_signals.errors import Rejected
    from tocsin_signals.mapping import MAX_BYTES, ColumnMapping, column_pair, read_mapping

    said = {name: text for name, text in texts.items() if text}
    if "separator" in said:
        said["separator"] = _SEPARATORS.get(said["separator"].lower(), said["separator"])
    try:
        found = read_mapping(read_file(path, limit=MAX_BYTES, what="mapping")) if path else ColumnMapping()
        named = [column_pair(pair) for text in pairs for pair in text.split(",")]
        columns = dict(named)
        if len(columns) != len(named):
            raise UsageError("--map names one column twice")
        return dataclasses.replace(
            found,
            **said,
            columns={**found.columns, **columns},
            settings={**found.settings, **settings},
        )
    except Rejected as error:
        where = f"{path}: " if path else ""
        raise UsageError(f"{where}{error.sentence}") from None


def save_mapping(path: Path, mapping: "ColumnMapping") -> None:
    """Write a mapping to a file, in place of an older one. Errors: UsageError."""
    from tocsin_signals.mapping import write_mapping

    try:
        write_file(path, write_mapping(mapping))
    except OSError as error:
        raise UsageError(f"mapping {path}: {(error.strerror or 'cannot be written').lower()}") from None
