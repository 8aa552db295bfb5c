"""medallion, the reference TAXII 2.1 server, with its memory backend."""

import json
import sys
from pathlib import Path
from typing import Any

from guest_taxii import PAGE, PASSWORD, USER, free_port, serve, work  # pyright: ignore[reportImplicitRelativeImport]

COLLECTION = "91a7b528-80eb-42ed-a74d-c6fbd5a26116"


def _data(port: int) -> dict[str, Any]:
    root = f"http://127.0.0.1:{port}/bench/"
    collection = {"id": COLLECTION, "title": "bench", "can_read": True, "can_write": True}
    return {
        "/discovery": {"title": "bench", "default": root, "api_roots": [root]},
        "bench": {
            "information": {
                "title": "bench",
                "versions": ["application/taxii+json;version=2.1"],
                "max_content_length": 100_000_000,
            },
            "status": [],
            "collections": [{**collection, "media_types": ["application/stix+json;version=2.1"], "manifest": []}],
        },
    }


def main() -> None:
    """Start it, work, stop it."""
    folder, port = Path(sys.argv[1]), free_port()
    (folder / "data.json").write_text(json.dumps(_data(port)))
    backend = {"module": "medallion.backends.memory_backend", "module_class": "MemoryBackend", "filename": "data.json"}
    config = {"backend": backend, "users": {USER: PASSWORD}, "taxii": {"max_page_size": PAGE}}
    (folder / "config.json").write_text(json.dumps(config))
    program = str(Path(sys.executable).parent / "medallion")
    server = serve([program, "--port", str(port), "config.json"], port, folder)
    try:
        work(folder, f"http://127.0.0.1:{port}/bench/collections/{COLLECTION}/")
    finally:
        server.kill()


if __name__ == "__main__":
    main()
