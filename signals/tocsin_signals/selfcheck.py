"""Does this installation make the canonical forms the profiles promise? Reference signals 4.

For one profile, in this order: the libraries are new enough, every row of the vectors comes out as written, the data
tables and vector files are those the manifest names. The first thing that does not is the profile's `problem`; a
profile with one must neither publish nor look up, for its tags would meet nobody's. Pure but for reading the package:
the caller decides when, and what follows. All profiles together take 0.2 s on one core.

The *behaviour digest* is SHA-256 over lp(canonical form) of every case, or lp(NUL "REJECT") where there is none, types
in the order of their names; lp = two bytes of length, big-endian, and the bytes. Equal digests over equal vectors mean
equal behaviour on the vectors, and nothing more.
"""

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from tocsin_signals import manifest, types, vectorfile
from tocsin_signals.canon import canonicalise, expand, frozen
from tocsin_signals.errors import Rejected
from tocsin_signals.vectorfile import Group, VectorFile

REJECT: Final = "\0REJECT"
"""What stands for a value without canonical form in the behaviour digest."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a check of one profile found. `row` is the id of the first row that differs, if rows are the problem."""

    profile: str
    rows: int
    digest: str
    """The behaviour digest of this installation, 64 hex digits, right or wrong."""
    versions: str
    """Libraries and Unicode data it ran on, for people."""
    problem: str = ""
    row: str = ""

    @property
    def ok(self) -> bool:
        """Whether the profile may be used."""
        return not self.problem

    @property
    def sentence(self) -> str:
        """The problem with the profile and the versions named; empty when there is none."""
        return f"{self.profile} {self.problem} ({self.versions})" if self.problem else ""


def run(profile: str) -> Outcome:
    """Check one profile. KeyError for one that this version does not know."""
    names = sorted(entry.name for entry in types.REGISTRY if entry.profile == profile)
    if not names:
        raise KeyError(profile)
    given = vectorfile.bundled(*names)
    try:
        outcome = check(profile, [vectorfile.parse(data) for data in given.values()])
    except Rejected as error:
        outcome = Outcome(profile, 0, _digest(()), frozen.versions(profile), f"cannot be checked: {error.sentence}")
    unfit = _unfit(profile)
    if unfit and outcome.row:
        unfit = f"{unfit}; the first row that differs is {outcome.row}"
    return replace(outcome, problem=unfit or outcome.problem or _moved(profile, given))


def run_all() -> dict[str, Outcome]:
    """Check every profile, in the order of their names."""
    return {profile: run(profile) for profile in sorted({entry.profile for entry in types.REGISTRY})}


def check(profile: str, vectors: Sequence[VectorFile]) -> Outcome:
    """Run the rows of these vector files, which may come from elsewhere, and nothing more."""
    ran = [_Ran(one) for one in vectors]
    wrong = next((row for one in ran for row in one.differing()), "")
    return Outcome(
        profile,
        sum(len(one.cases) + len(one.classes) + len(one.distinct) + len(one.expand) for one in vectors),
        _digest(form for one in ran for form in one.forms),
        frozen.versions(profile),
        f"differs from its vectors at {wrong}" if wrong else "",
        wrong,
    )


class _Ran:
    """One file and what became of its cases; a value that stands in several rows is canonicalised once."""

    def __init__(self, vectors: VectorFile) -> None:
        self._vectors = vectors
        self.forms = [_form(vectors.type, case.data, case.region) for case in vectors.cases]
        self._known = {(case.data, case.region): form for case, form in zip(vectors.cases, self.forms, strict=True)}

    def differing(self) -> Iterator[str]:
        """Ids of the rows that do not come out as written, in the order of the file."""
        vectors = self._vectors
        yield from (case.id for case, form in zip(vectors.cases, self.forms, strict=True) if form != case.out)
        for group in vectors.classes:
            found = set(self._forms_of(group))
            if len(found) != 1 or None in found:
                yield group.id
        for pair in vectors.distinct:
            found = self._forms_of(pair)
            if None in found or len(set(found)) != len(found):
                yield pair.id
        for row in vectors.expand:
            if _expressions(vectors.type, row.text, row.region) != row.expressions:
                yield row.id

    def _forms_of(self, group: Group) -> list[str | None]:
        keys = [(text, group.region) for text in group.texts]
        return [self._known[key] if key in self._known else _form(self._vectors.type, *key) for key in keys]


def _unfit(profile: str) -> str:
    """Which library will not do."""
    found = (frozen.LIBRARIES[name].unfit() for name in frozen.of(profile).libraries)
    return next(filter(None, found), "")


def _moved(profile: str, given: Mapping[str, bytes]) -> str:
    """Which table or vector file is not the manifest's."""
    try:
        entry = manifest.load().profiles.get(profile)
    except (OSError, ValueError, KeyError, TypeError):
        return f"cannot be checked: {manifest.NAME} is missing or damaged"
    if entry is None:
        return "is not in the manifest"
    tables = {name: frozen.table_digest(name) for name in frozen.of(profile).tables}
    files = {name: manifest.file_digest(data) for name, data in given.items()}
    for what, found, named in (("table", tables, entry.tables), ("vector file", files, entry.vectors)):
        for name in sorted(found.keys() | named.keys()):
            if found.get(name) != named.get(name):
                return f"has another {what} {name} than its manifest names"
    return ""


def _form(type_name: str, data: str | bytes, region: str | None) -> str | None:
    """The canonical form, None where there is none."""
    try:
        return canonicalise(type_name, data.decode() if isinstance(data, bytes) else data, region=region)
    except (Rejected, UnicodeDecodeError):
        return None
    except Exception as error:  # noqa: BLE001 - a broken library fails in its own ways: the profile is wrong, not the node
        return f"\0{type(error).__name__}"


def _expressions(type_name: str, text: str, region: str | None) -> tuple[tuple[str, str], ...] | None:
    try:
        return tuple((one.type_name, one.canonical) for one in expand(type_name, text, region=region))
    except Rejected:
        return None
    except Exception as error:  # noqa: BLE001 - as above
        return (("", type(error).__name__),)


def _digest(forms: Iterable[str | None]) -> str:
    found = hashlib.sha256()
    for form in forms:
        data = (REJECT if form is None else form).encode()
        found.update(len(data).to_bytes(2, "big") + data)
    return found.hexdigest()
