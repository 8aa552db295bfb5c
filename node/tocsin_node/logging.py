"""The log on stderr: one JSON object per line, and never an identifier, a token or a key in it."""

import logging
import sys
from collections.abc import MutableMapping
from typing import Any, Final

import structlog

_HIDDEN: Final = frozenset({"value", "identifier", "canonical", "token", "key", "passphrase", "tag"})


def configure(level: str) -> None:
    """Log from this level up (debug, info, warning, error). May be called again to change it."""
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            redact,
            structlog.processors.format_exc_info,
            structlog.processors.JSONRenderer(),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelNamesMapping()[level.upper()]),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=False,
    )


def redact(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Blank what a careless line might carry."""
    for name in _HIDDEN & event.keys():
        event[name] = "(not logged)"
    return event
