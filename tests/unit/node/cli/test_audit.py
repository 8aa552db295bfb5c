import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import grpc
import pytest
from typer.testing import Result

from tocsin.v1 import audit_pb2 as pb
from tocsin_node.audit import verify as verification
from tocsin_node.errors import Unsound

Tocsin = Callable[..., Result]

GOOD = pb.LogReport(origin="hotline.example/audit/2026", size=12, root=b"\x01" * 32, ok=True, not_checked=["time"])
BAD = pb.LogReport(origin="hotline.example/feed/urls", size=9, findings=["entry 7 was changed"])
FORK = pb.LogReport(origin="hotline.example/feed/urls", size=9, findings=["a fork: two roots signed for size 8"])


def verify(*reports: pb.LogReport) -> Callable[[pb.VerifyRequest], Iterator[pb.VerifyResponse]]:
    def answer(_request: pb.VerifyRequest) -> Iterator[pb.VerifyResponse]:
        return iter(responses(*reports))

    return answer


def responses(*reports: pb.LogReport) -> list[pb.VerifyResponse]:
    progress = pb.VerifyResponse(progress=pb.VerifyProgress(origin="x", done=1, total=2))
    return [progress, *(pb.VerifyResponse(report=report) for report in reports)]


@pytest.mark.parametrize(
    ("reports", "status"),
    [([GOOD], 0), ([GOOD, BAD], 1), ([BAD, GOOD], 1), ([FORK, BAD], 3), ([GOOD, FORK], 3), ([], 2)],
)
def test_the_status_is_that_of_the_worst_log(
    tocsin: Tocsin, fake: Any, reports: list[pb.LogReport], status: int
) -> None:
    fake.answers["Verify"] = verify(*reports)
    assert tocsin("audit", "verify").exit_code == status


def test_findings_and_what_was_not_checked_are_told(tocsin: Tocsin, fake: Any) -> None:
    fake.answers["Verify"] = verify(GOOD, BAD)
    text = tocsin("audit", "verify").stdout
    for word in (
        "audit/2026: ok, 12 entries",
        "Not checked for hotline.example/audit/2026: time.",
        "DOES NOT CHECK",
        "finding: entry 7 was changed",
    ):
        assert word in text
    lines = [json.loads(line) for line in tocsin("audit", "verify", "--json").stdout.splitlines()]
    assert [line["ok"] for line in lines] == [True, False]


def test_a_copy_is_read_without_a_node(tocsin: Tocsin, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Path] = []

    def verify_home(path: Path) -> Iterator[pb.VerifyResponse]:
        asked.append(path)
        yield from responses(GOOD)

    monkeypatch.setattr(verification, "verify_home", verify_home)
    assert tocsin("audit", "verify").exit_code == 0
    assert asked == [home]


def test_what_cannot_be_verified_is_status_2(
    tocsin: Tocsin, fake: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake.refuse("Verify", grpc.StatusCode.PERMISSION_DENIED, "your token has not the role audit")
    denied = tocsin("audit", "verify")
    assert (denied.exit_code, denied.stderr) == (2, "error: your token has not the role audit\n")
    for place in (tmp_path, tmp_path / "nothing"):
        result = tocsin("audit", "verify", "--home", str(place))
        assert result.exit_code == 2
        assert result.stderr.count("\n") == 1

    def unsound(path: Path) -> Iterator[pb.VerifyResponse]:
        raise Unsound("the database is not ours")
        yield

    monkeypatch.setattr(verification, "verify_home", unsound)
    assert tocsin("audit", "verify", "--home", str(tmp_path)).exit_code == 2
