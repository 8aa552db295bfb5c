"""Make the vector files and the manifest anew: `make canon`, or `--check` to ask whether they are current.

Rows written by hand (ids TYPE-0001 ...) stay as they are, and come first. Rows of families (see `families`) follow,
then every written row once more between spaces and control characters. A value that stands in an earlier row is not
repeated. A new type needs only its file with written rows in `signals/tocsin_signals/vectors`.
"""

import argparse
import base64
import json
import re
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, Final, cast

from tests.conformance.canon import released
from tests.conformance.canon.families import CLASSES, DISTINCT, FAMILIES, padded
from tests.conformance.canon.families.row import Row
from tocsin_signals import manifest, vectorfile
from tocsin_signals.canon import frozen

PACKAGE: Final = Path(__file__).resolve().parents[3] / "signals" / "tocsin_signals"
LICENSE: Final = "CC0-1.0"


def main(arguments: list[str]) -> int:
    """Write what is not current, or say so; the exit status is 1 if anything was not and may not be written."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--check", action="store_true", help="write nothing; status 1 if anything would change")
    parser.add_argument("--release", metavar="VERSION", help="freeze the written rows and tables as those of a release")
    asked = parser.parse_args(arguments)
    check: bool = asked.check
    if asked.release:
        try:
            released.add(asked.release)
        except ValueError as error:
            parser.error(str(error))
        return 0
    stale = [path for path in sorted((PACKAGE / "vectors").glob("*.json")) if _renew(path, vectors(path), check=check)]
    if _renew(PACKAGE / manifest.NAME, manifest.render(), check=check):
        stale.append(PACKAGE / manifest.NAME)
    for path in stale:
        sys.stdout.write(f"{path.name} {'is not current: run `make canon`' if check else 'written'}\n")
    return int(bool(stale) and check)


def vectors(path: Path) -> bytes:
    """The vector file at `path` as it should be."""
    found: dict[str, Any] = json.loads(path.read_text(encoding="ascii"))
    name, profile = found["type"], found["profile"]
    written = [row for row in found["cases"] if re.fullmatch(rf"{name}-[0-9]{{4}}", row["id"])]
    content = found | {
        "cases": list(_cases(name, written)),
        "classes": _more_classes(name, found.get("classes", [])),
        "distinct": _more_pairs(name, found.get("distinct", [])),
        "expand": found.get("expand", []),
        "format": vectorfile.FORMAT,
        "license": LICENSE,
        "profile": profile,
        "tables": {table: frozen.table_digest(table) for table in sorted(frozen.of(profile).tables)},
        "type": name,
    }
    return _text(content)


def _cases(name: str, written: list[dict[str, Any]]) -> Iterable[dict[str, Any]]:
    seen = {_key(row) for row in written}
    yield from written
    families: dict[str, Callable[[], Iterable[Row]]] = {**FAMILIES.get(name, {}), "padded": lambda: padded(written)}
    for family, make in families.items():
        number = 0
        for made in make():
            row = _row(made)
            if _key(row) not in seen:
                seen.add(_key(row))
                number += 1
                yield {"id": f"{name}-{family}-{number:04}", **row}


def _row(made: Row) -> dict[str, Any]:
    row: dict[str, Any] = {}
    if isinstance(made.data, bytes):
        row["in_b64"] = base64.b64encode(made.data).decode("ascii")
    else:
        row["in"] = made.data
    if made.region is not None:
        row["hint"] = {"region": made.region}
    return row | ({"reject": made.reject} if made.out is None else {"out": made.out})


def _key(row: dict[str, Any]) -> tuple[str, str, str]:
    return row.get("in", ""), row.get("in_b64", ""), str(row.get("hint", ""))


def _more_classes(name: str, found: list[dict[str, Any]]) -> list[dict[str, Any]]:
    made = CLASSES[name]() if name in CLASSES else ()
    new = {f"{name}-class-made-{number:04}": texts for number, texts in enumerate(made, 1)}
    kept = [row for row in found if row["id"] not in new]
    return kept + [{"id": row, "in": list(dict.fromkeys(texts))} for row, texts in new.items()]


def _more_pairs(name: str, found: list[list[str]]) -> list[list[str]]:
    made = list(DISTINCT[name]()) if name in DISTINCT else []
    return found + [pair for pair in made if pair not in found]


def _text(content: dict[str, Any]) -> bytes:
    """Sorted ASCII JSON with one row a line, so that a change shows as the rows it is about."""
    parts = [f" {json.dumps(key)}: {_value(value)}" for key, value in sorted(content.items())]
    return ("{\n" + ",\n".join(parts) + "\n}\n").encode("ascii")


def _value(value: Any) -> str:
    if not isinstance(value, list) or not value:
        return json.dumps(value, sort_keys=True)
    rows = [f"  {json.dumps(row, sort_keys=True)}" for row in cast("list[Any]", value)]
    return "[\n" + ",\n".join(rows) + "\n ]"


def _renew(path: Path, data: bytes, *, check: bool) -> bool:
    """Whether the file is not current; it is written unless only checked."""
    if path.exists() and path.read_bytes() == data:
        return False
    if not check:
        path.write_bytes(data)
    return True


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
