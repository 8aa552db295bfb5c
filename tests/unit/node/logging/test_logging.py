import contextlib
import json
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import structlog

from tocsin_node.errors import Unreachable
from tocsin_node.logging import configure

SECRET = "https://secret.example/victim"


@pytest.fixture(autouse=True)
def restored() -> Iterator[None]:
    before = list(logging.getLogger().handlers)
    yield
    logging.getLogger().handlers[:] = before
    structlog.reset_defaults()


def _lines(capfd: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    return [json.loads(line) for line in capfd.readouterr().err.splitlines()]


def test_a_line_is_one_json_object_on_stderr(capfd: pytest.CaptureFixture[str]) -> None:
    configure("info")
    structlog.get_logger("tocsin.test").info("node started", organisation="hotline.example")
    (line,) = _lines(capfd)
    assert (line["event"], line["level"], line["organisation"]) == ("node started", "info", "hotline.example")
    assert line["timestamp"].endswith("Z")


def test_the_level_counts_and_can_be_changed(capfd: pytest.CaptureFixture[str]) -> None:
    log = structlog.get_logger("tocsin.test")
    configure("warning")
    log.info("quiet")
    configure("debug")
    log.debug("loud")
    assert [line["event"] for line in _lines(capfd)] == ["loud"]


@pytest.mark.parametrize("name", ["value", "identifier", "canonical", "token", "key", "Authorization", "tag"])
def test_fields_that_may_hold_a_secret_are_blanked_at_any_depth(name: str, capfd: pytest.CaptureFixture[str]) -> None:
    configure("info")
    structlog.get_logger().info("x", **{name: SECRET}, row={"n": 1, name: SECRET}, rows=[{name: (SECRET,)}])
    text = capfd.readouterr().err
    assert SECRET not in text
    assert json.loads(text)["row"] == {"n": 1, name: "(not logged)"}


def test_an_error_is_logged_as_where_it_came_from_without_a_text_that_may_hold_a_value(
    capfd: pytest.CaptureFixture[str],
) -> None:
    configure("info")
    try:
        try:
            int(SECRET)
        except ValueError as error:
            raise Unreachable("the peer does not answer") from error
    except Unreachable:
        structlog.get_logger().exception("failed")
    text = capfd.readouterr().err
    assert SECRET not in text
    outer, inner = json.loads(text)["cause"]
    assert (outer["type"], outer["text"]) == ("Unreachable", "the peer does not answer")
    assert (inner["type"], "text" in inner) == ("ValueError", False)
    assert inner["at"][-1].startswith("test_logging.py:")


def test_what_libraries_log_comes_out_as_json_and_only_its_first_line(capfd: pytest.CaptureFixture[str]) -> None:
    configure("info")
    configure("info")
    library = logging.getLogger("asyncio")
    library.error("Task exception was never retrieved\nfuture: %s", SECRET, exc_info=ValueError(SECRET))
    library.info("chatter")
    text = capfd.readouterr().err
    assert SECRET not in text
    (line,) = [json.loads(one) for one in text.splitlines()]
    assert (line["logger"], line["event"], line["level"]) == (
        "asyncio",
        "Task exception was never retrieved",
        "error",
    )


def test_a_line_that_cannot_be_written_is_lost_and_no_call_with_it(monkeypatch: pytest.MonkeyPatch) -> None:
    configure("info")
    with contextlib.suppress(OSError), Path("/dev/full").open("w", encoding="utf-8") as full:
        monkeypatch.setattr("sys.stderr", full)
        structlog.get_logger("tocsin.test").info("node started")
        structlog.get_logger("tocsin.test").error("commit failed")
        monkeypatch.undo()
