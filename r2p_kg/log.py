"""The log: one JSON object a line on standard error, for people with jq and for collectors."""

from __future__ import annotations

import hashlib
import json
import logging
import os
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

#: Logger of the queries that a worker answered; at INFO all of them, at WARNING those that took long.
QUERIES = "r2p_kg.queries"
_queries = logging.getLogger(QUERIES)


def fingerprint(query: str) -> str:
    """A short hash to log in place of the text of a query; equal texts have equal ones."""
    return hashlib.sha256(query.encode("utf-8", "surrogatepass")).hexdigest()[:16]


class JsonLines(logging.Formatter):
    """Time (UTC), level, logger, process, message, and what the record carries as ``about``."""

    def format(self, record: logging.LogRecord) -> str:
        """One line; a traceback is a member of it."""
        seconds = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(record.created))
        content: dict[str, object] = {
            "time": f"{seconds}.{record.msecs:03.0f}Z",
            "level": record.levelname.lower(),
            "logger": record.name,
            "process": os.getpid(),
            "message": record.getMessage(),
            **getattr(record, "about", {}),
        }
        if record.exc_info:
            content["traceback"] = self.formatException(record.exc_info)
        return json.dumps(content, ensure_ascii=False, default=str)


def configure(*, queries: bool) -> None:
    """Log as JSON lines from now on, with every query if ``queries``, else with the slow ones."""
    handler = logging.StreamHandler()
    handler.setFormatter(JsonLines())
    logger = logging.getLogger("r2p_kg")
    logger.handlers[:] = [handler]
    logger.propagate = False
    logger.setLevel(logging.WARNING)
    _queries.setLevel(logging.INFO if queries else logging.WARNING)


def query(text: str, seconds: float, slow: float, about: Callable[[], Mapping[str, object]]) -> None:
    """One line of the log for a query: with its text if it took long, else with its fingerprint.

    ``about``: what else is said of it, if it is logged at all.
    """
    level = logging.WARNING if seconds >= slow else logging.INFO
    if _queries.isEnabledFor(level):
        entry: dict[str, object] = {"hash": fingerprint(text), "seconds": round(seconds, 4), **about()}
        if level == logging.WARNING:
            entry["query"] = text[:2000]
        _queries.log(level, "slow query" if level == logging.WARNING else "query", extra={"about": entry})
