"""Structured logs on standard error: key=value for people at a terminal, JSON lines otherwise."""

import os
import sys

import structlog


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
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )
    structlog.contextvars.bind_contextvars(role=role)
