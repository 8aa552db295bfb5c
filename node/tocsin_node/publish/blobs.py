"""From what a caller says to a details blob: a JSON object read, checked content salted."""

import hmac
import json
from collections.abc import Mapping
from hashlib import sha256
from typing import Any

from tocsin_signals.details import SALT_BYTES, encode
from tocsin_signals.errors import Rejected


def json_object(data: bytes) -> dict[str, Any]:
    """The JSON object in a caller's bytes. Errors: Rejected."""
    try:
        value: object = json.loads(data)
    except (ValueError, RecursionError):
        value = None
    if not isinstance(value, dict):
        raise Rejected("details", "The details are not a JSON object.")
    return value  # pyright: ignore[reportUnknownVariableType] # keys of a JSON object are strings


def salted(said: Mapping[str, object], data_key: bytes) -> bytes:
    """The blob of checked content. Errors: Rejected when it is too large.

    Equal content has an equal salt, so that its blob is shared; without the data key nobody can tell it.
    """
    content = json.dumps(said, sort_keys=True, separators=(",", ":")).encode()
    return encode(said, hmac.digest(data_key, b"tocsin/1/details-salt\0" + content, sha256)[:SALT_BYTES])
