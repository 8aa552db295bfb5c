"""TAXII 2.1: one client adds STIX indicators, a second one fetches them page by page and looks values up in a dict."""

import json
import socket
import subprocess
import sys
import time
import uuid
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from importlib import import_module
from pathlib import Path
from typing import Any

USER, PASSWORD = "bench", "bench"
POST = 1000  # objects per envelope
PAGE = 1000  # objects per page asked for
START_S = 30.0


def free_port() -> int:
    """A port of the loopback interface that nobody has."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])


def serve(command: Sequence[str], port: int, folder: Path) -> "subprocess.Popen[bytes]":
    """The server's process, once it accepts connections."""
    with (folder / "server.log").open("wb") as log:
        server = subprocess.Popen(command, stdout=log, stderr=log, cwd=folder)
    deadline = time.monotonic() + START_S
    while time.monotonic() < deadline and server.poll() is None:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return server
        time.sleep(0.05)
    server.kill()
    sys.exit("the server did not start: " + (folder / "server.log").read_text()[-300:])


def work(folder: Path, url: str) -> None:
    """Publish, fetch, look up against the collection at `url`; print the figures."""
    rows: list[str] = json.loads((folder / "rows.json").read_text())
    lookups: list[str] = json.loads((folder / "lookups.json").read_text())
    client: Any = import_module("taxii2client.v21")

    started = time.perf_counter()
    collection = client.Collection(url, user=USER, password=PASSWORD)
    for first in range(0, len(rows), POST):
        chunk = rows[first : first + POST]
        envelope = {"objects": [_indicator(value, first + place) for place, value in enumerate(chunk)]}
        collection.add_objects(envelope, wait_for_completion=True)
    published = time.perf_counter() - started

    started = time.perf_counter()
    reader = client.Collection(url, user=USER, password=PASSWORD)
    held: dict[str, Any] = {}
    for page in client.as_pages(reader.get_objects, per_request=PAGE):
        for found in page.get("objects", ()):
            held[found["pattern"][len("[url:value = '") : -len("']")]] = found
    fetched = time.perf_counter() - started

    started = time.perf_counter()
    hits = sum(value in held for value in lookups)
    looked = time.perf_counter() - started
    print(json.dumps({"publish_s": published, "fetch_s": fetched, "lookup_s": looked, "hits": hits}))


def _indicator(value: str, number: int) -> dict[str, Any]:
    # Each has a time of its own: many objects with one time make some servers far slower than they need be.
    at = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(milliseconds=number)
    now = at.strftime("%Y-%m-%dT%H:%M:%S.") + f"{at.microsecond // 1000:03d}Z"
    return {
        "type": "indicator",
        "spec_version": "2.1",
        "id": f"indicator--{uuid.uuid4()}",
        "created": now,
        "modified": now,
        "pattern": f"[url:value = '{value}']",
        "pattern_type": "stix",
        "valid_from": now,
    }
