"""Every limit of the service, declared once: its default, its unit, its bounds and what it means.

Options of ``r2p serve``, the settings of web and engine and the table of docs/deploy.md are made from this
declaration.
"""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from typing import Final, TypeVar

N = TypeVar("N", int, float)

#: The key of a Bound in the metadata of a field.
_BOUND: Final = "bound"
MEGABYTE: Final = 1024 * 1024
#: No option takes more, so that every product and every sum of limits fits into 64 bits.
_MOST_BYTES: Final = 1024 * 1024 * MEGABYTE


@dataclass(frozen=True)
class Bound:
    """What is said of one limit besides its default.

    Attributes:
        help: one sentence for people.
        unit: what the option counts: seconds, rows, bytes, megabytes, queries.
        minimum: the least value, in the limit's own base unit (megabytes are kept as bytes).
        maximum: the greatest value, likewise.
        option: the name of the option of ``r2p serve``; empty if the limit is fixed.
        scale: base units in one unit of the option.

    """

    help: str
    unit: str
    minimum: float
    maximum: float
    option: str = ""
    scale: int = 1


def _limit(default: N, about: Bound) -> N:
    declared: N = field(default=default, metadata={_BOUND: about})
    return declared


def _megabytes(text: str, least: int, option: str = "") -> Bound:
    return Bound(text, "megabytes", least * MEGABYTE, _MOST_BYTES, option, MEGABYTE)


@dataclass(frozen=True)
class Limits:
    """The limits in force. A class attribute is the default: ``Limits.rows`` is 1,000,000.

    Times are in seconds and sizes in bytes; the meaning of each limit stands beside it.
    """

    seconds: float = _limit(30.0, Bound("Seconds that a query may run.", "seconds", 0.1, 3600, "--timeout"))
    rows: int = _limit(
        1_000_000, Bound("Rows that an answer may have.", "rows", 1, 1_000_000_000, "--max-rows")
    )
    bytes: int = _limit(
        256 * MEGABYTE, Bound("Bytes that an answer may have.", "bytes", 1000, _MOST_BYTES, "--max-bytes")
    )
    memory: int = _limit(1024 * MEGABYTE, _megabytes("Megabytes that one query may take.", 64, "--memory"))
    queue: int = _limit(
        64, Bound("Queries that may wait; more are answered with 503.", "queries", 1, 100_000, "--queue")
    )
    allowance: float = _limit(
        120.0,
        Bound(
            "Seconds of long queries that one client may take at once.",
            "seconds",
            1,
            1_000_000,
            "--allowance",
        ),
    )
    refill: float = _limit(
        0.5,
        Bound(
            "Seconds that a client gets back in each second; 0 switches the allowance off.",
            "seconds",
            0,
            1000,
            "--refill",
        ),
    )
    cache: int = _limit(
        64 * MEGABYTE, _megabytes("Megabytes of answers that each front process keeps.", 0, "--cache")
    )
    slow_seconds: float = _limit(
        1.0,
        Bound("Seconds from which on a query counts as slow.", "seconds", 0, 1_000_000, "--slow-seconds"),
    )
    query_bytes: int = _limit(64 * 1024, Bound("Bytes that a query may have.", "bytes", 1, _MOST_BYTES))
    body_bytes: int = _limit(MEGABYTE, Bound("Bytes that a request body may have.", "bytes", 1, _MOST_BYTES))
    write_bytes: int = _limit(
        64 * MEGABYTE, _megabytes("Megabytes that an update or a graph to be stored may have.", 1)
    )
    table_rows: int = _limit(
        1000, Bound("Rows that an HTML table shows; the data formats have all.", "rows", 1, 1_000_000)
    )


def declared() -> tuple[tuple[str, float, Bound], ...]:
    """Name, default and bound of each limit, in the order of the declaration."""
    defaults = Limits()
    return tuple((one.name, getattr(defaults, one.name), one.metadata[_BOUND]) for one in fields(Limits))
