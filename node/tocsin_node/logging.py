"""The log on stderr: one JSON object per line, and never an identifier, a token or a key in it.

Rules:

1. Fields that might carry such a thing are blanked, at any depth. Requests are not logged at all.
2. An error is logged as its type and the lines it passed through. Its text is kept only where it is known to hold no
   caller's data: our own errors, the system's, the database's.
3. What libraries log through the standard library comes out the same way, from `warning` on: its first line only,
   because what follows may show values.
"""

import contextlib
import logging
import sqlite3
import sys
import traceback
from collections.abc import Iterator, MutableMapping
from pathlib import Path
from typing import Any, Final, cast

import structlog

from tocsin_crypto.errors import CryptoError
from tocsin_node.errors import NodeError
from tocsin_signals.errors import SignalError

_HIDDEN: Final = frozenset({"value", "identifier", "canonical", "token", "key", "passphrase", "tag", "authorization"})
_BLANK: Final = "(not logged)"
_CAUSES: Final = 5  # of one error: enough to see what led to it
_FRAMES: Final = 12  # of one error, innermost last
_TEXT_CHARS: Final = 300  # of a library's line

_Fields = MutableMapping[str, Any]


def configure(level: str) -> None:
    """Log from this level up (debug, info, warning, error). May be called again to change it."""
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            _errors,
            redact,
            structlog.processors.JSONRenderer(),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelNamesMapping()[level.upper()]),
        logger_factory=_printer,
        cache_logger_on_first_use=False,
    )
    root = logging.getLogger()
    if not any(isinstance(handler, _Bridge) for handler in root.handlers):
        root.addHandler(_Bridge(logging.WARNING))


class _Stderr:
    """To what stderr is now: a stream kept from earlier may be closed. On a full disk the line is lost, no call is."""

    def msg(self, message: str) -> None:
        with contextlib.suppress(OSError, ValueError):
            sys.stderr.write(f"{message}\n")
            sys.stderr.flush()

    debug = info = warning = error = critical = msg


def _printer(*_: object) -> _Stderr:
    return _Stderr()


def redact(_logger: Any, _method: str, event: _Fields) -> _Fields:
    """Blank what a careless line might carry."""
    return {name: _redacted(name, value) for name, value in event.items()}


def _redacted(name: str, value: object) -> object:
    if name.lower() in _HIDDEN:
        return _BLANK
    if isinstance(value, dict):
        return {str(inner): _redacted(str(inner), one) for inner, one in cast("dict[object, object]", value).items()}
    if isinstance(value, list | tuple):
        return [_redacted("", one) for one in cast("list[object]", value)]
    return value


def _errors(_logger: Any, _method: str, event: _Fields) -> _Fields:
    match event.pop("exc_info", None):
        case None | False:
            return event
        case BaseException() as error:
            pass
        case (_, BaseException() as error, _):
            pass
        case _:
            error = sys.exc_info()[1]
    event["cause"] = [_described(one) for one in _chain(error)]
    return event


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    for _ in range(_CAUSES):
        if error is None:
            return
        yield error
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)


def _described(error: BaseException) -> dict[str, object]:
    frames = traceback.extract_tb(error.__traceback__)[-_FRAMES:]
    found: dict[str, object] = {"type": type(error).__qualname__}
    if isinstance(error, NodeError | CryptoError | SignalError | sqlite3.Error):
        found["text"] = str(error)
    elif isinstance(error, OSError) and error.strerror:
        found["text"] = error.strerror
    found["at"] = [f"{Path(frame.filename).name}:{frame.lineno} {frame.name}" for frame in frames]
    return found


class _Bridge(logging.Handler):
    """Hands records of the standard library's logging to ours."""

    def emit(self, record: logging.LogRecord) -> None:
        first = next(iter(record.getMessage().splitlines()), "")[:_TEXT_CHARS]
        log: Any = structlog.get_logger(record.name).bind(logger=record.name)
        log.log(record.levelno, first, exc_info=record.exc_info)
