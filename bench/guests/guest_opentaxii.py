"""OpenTAXII, a TAXII 2.1 server over SQLAlchemy, with SQLite below it.

Release 0.9.3 answers every object it stored with an error, because its ids are UUIDs that `json.dumps` refuses; the
encoder is given `default=str` here, so that there is something to measure.
"""

import json
import sys
from functools import partial
from importlib import import_module
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from guest_taxii import PASSWORD, USER, free_port, serve, work  # pyright: ignore[reportImplicitRelativeImport]

TITLE = "bench"
READY = "collection.json"  # written by the server before it listens


def _serve(port: int) -> None:
    """The server's own process, in the folder it was started in."""
    storage = {"db_connection": "sqlite:///data.db", "create_tables": True}
    options = {
        "support_basic_auth": True,
        "logging": {"opentaxii": "error", "root": "error"},
        "auth_api": {
            "class": "opentaxii.auth.sqldb.SQLDatabaseAPI",
            "parameters": {"db_connection": "sqlite:///auth.db", "create_tables": True, "secret": "bench"},
        },
        "taxii1": None,
        "taxii2": {
            "title": TITLE,
            "max_content_length": 100_000_000,
            "persistence_api": {
                "class": "opentaxii.persistence.sqldb.Taxii2SQLDatabaseAPI",
                "parameters": storage,
            },
        },
    }
    http: Any = import_module("opentaxii.taxii2.http")
    http.json = SimpleNamespace(dumps=partial(json.dumps, default=str))
    config: Any = import_module("opentaxii.config").ServerConfig(extra_configs=[options])
    server: Any = import_module("opentaxii.server").TAXIIServer(config)
    app: Any = import_module("opentaxii.middleware").create_app(server)
    account: Any = import_module("opentaxii.entities").Account
    with app.app_context():
        server.auth.api.update_account(account(id=None, username=USER, permissions={}, is_admin=True), PASSWORD)
        api = server.servers.taxii2.persistence.api
        root = api.add_api_root(TITLE)
        made = api.add_collection(root.id, TITLE, is_public=True, is_public_write=True)
    Path(READY).write_text(json.dumps({"root": str(root.id), "collection": str(made.id)}))
    app.run(host="127.0.0.1", port=port)


def main() -> None:
    """Start it, work, stop it; `--serve PORT` is the server itself."""
    if sys.argv[1] == "--serve":
        _serve(int(sys.argv[2]))
        return
    folder, port = Path(sys.argv[1]), free_port()
    server = serve([sys.executable, str(Path(__file__).resolve()), "--serve", str(port)], port, folder)
    try:
        made = json.loads((folder / READY).read_text())
        work(folder, f"http://127.0.0.1:{port}/taxii2/{made['root']}/collections/{made['collection']}/")
    finally:
        server.kill()


if __name__ == "__main__":
    main()
