"""`audit verify` at the edge: a running store or a home's files in, messages of the contract out."""

from collections.abc import Iterator, Mapping
from pathlib import Path

from tocsin.v1 import audit_pb2 as wire
from tocsin_node.audit.checks import Progress, Report, check_store
from tocsin_node.home import Home
from tocsin_node.log.highwater import HighWater
from tocsin_node.store.protocol import Store
from tocsin_node.store.sqlite import SqliteStore


def verify_home(home: Path) -> Iterator[wire.VerifyResponse]:
    """Check the files of a home without starting a node on it. Errors: Unsound when there is no readable database."""
    files = Home(home)
    store = SqliteStore.open_read_only(files.database)
    try:
        yield from verify_store(store, read_marks(files.highwater))
    finally:
        store.close()


def verify_store(store: Store, marks: Mapping[str, tuple[int, bytes]]) -> Iterator[wire.VerifyResponse]:
    """Check every log of a store, with progress."""
    for item in check_store(store, marks):
        match item:
            case Progress():
                yield wire.VerifyResponse(
                    progress=wire.VerifyProgress(origin=item.origin, done=item.done, total=item.total)
                )
            case Report():
                yield wire.VerifyResponse(report=_report(item))


def read_marks(path: Path) -> Mapping[str, tuple[int, bytes]]:
    """The high-water marks of a home; none when it has no such file, as a restored copy has not."""
    if not path.exists():
        return {}
    marks = HighWater(path)
    marks.close()
    return marks.marks


def _report(report: Report) -> wire.LogReport:
    return wire.LogReport(
        origin=report.origin,
        size=report.size,
        root=report.root,
        ok=not report.findings,
        findings=report.findings,
        not_checked=report.not_checked,
    )
