"""The errors of queries that get no worker, or lose it."""

from __future__ import annotations

from typing import Final

from r2p_kg.errors import BusyError, QueryCancelledError, QueryError, QueryTimeoutError, WorkerDiedError

#: How many deaths of its workers a query may see before they are its own.
DEATHS: Final = 2


def full(waiting: int) -> BusyError:
    """The error of a queue that takes nobody more."""
    return BusyError(f"{waiting} queries wait already; come back in a moment")


def late(seconds: float) -> BusyError:
    """The error of one who waited in vain."""
    return BusyError(f"no worker came free within {seconds:g} seconds; come back in a moment", retry_after=5)


def stopped(why: str, seconds: float) -> QueryError:
    """The error of a query whose worker ended: ``why`` as in :class:`.Loan`, empty if it died by itself."""
    match why:
        case "timeout":
            return QueryTimeoutError(
                f"the query ran longer than {seconds:g} seconds and was stopped; "
                "narrow its patterns, or add LIMIT"
            )
        case "cancelled":
            return QueryCancelledError("the query was cancelled by the operator")
        case "gone":  # nobody reads it but the log
            return QueryCancelledError("the one who asked went away, and the query was stopped")
    return WorkerDiedError(
        "the query needed more memory or a deeper stack than it may have, and its process died; "
        "simplify it, or add LIMIT. The service goes on"
    )
