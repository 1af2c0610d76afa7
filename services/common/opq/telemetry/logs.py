"""Structured logs on standard error: key=value for people at a terminal, JSON lines otherwise."""

import contextlib
import os
import sys
from typing import TextIO, cast

import structlog


class _Lossy:
    """Writes where it can: a full disk or a closed pipe costs lines, never the program that has something to say."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        with contextlib.suppress(OSError):
            return self._stream.write(text)
        return 0

    def flush(self) -> None:
        with contextlib.suppress(OSError):
            self._stream.flush()


def configure_logs(role: str) -> None:
    """Set up logging of one program; `role` goes with every line. ``OPQ_LOG=json`` or ``text`` overrides the choice."""
    form = os.environ.get("OPQ_LOG") or ("text" if sys.stderr.isatty() else "json")
    renderer = structlog.dev.ConsoleRenderer() if form == "text" else structlog.processors.JSONRenderer()
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.StackInfoRenderer(),
            structlog.processors.format_exc_info,
            renderer,
        ],
        logger_factory=structlog.PrintLoggerFactory(cast(TextIO, _Lossy(sys.stderr))),
        cache_logger_on_first_use=True,
    )
    structlog.contextvars.bind_contextvars(role=role)
