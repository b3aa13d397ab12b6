"""How the time of a function grows with its text: a measure that no slow machine changes."""

from __future__ import annotations

import gc
import time
from contextlib import suppress
from typing import TYPE_CHECKING

from r2p_kg.errors import QueryError
from r2p_kg.sparql.errors import SparqlError

if TYPE_CHECKING:
    from collections.abc import Callable

#: How many times longer the long text is.
TIMES = 8

#: Twice what is in proportion, and half of what quadratic work takes, which is 64.
LINEAR = 2.0 * TIMES


def growth(run: Callable[[str], object], make: Callable[[int], str], count: int) -> float:
    """How many times the CPU time of a text of ``count`` parts is that of a text of an eighth of them.

    Best of three each.
    """
    return _seconds(run, make(count)) / max(_seconds(run, make(count // TIMES)), 1e-4)


def _seconds(run: Callable[[str], object], text: str) -> float:
    # As timeit does: what is collected, and what other threads do, has nothing to do with the text.
    collects = gc.isenabled()
    gc.disable()
    try:
        found = []
        for _ in range(3):
            started = time.thread_time()
            with suppress(QueryError, SparqlError):
                run(text)
            found.append(time.thread_time() - started)
        return min(found)
    finally:
        if collects:
            gc.enable()
