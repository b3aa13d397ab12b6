"""A query worker: a forked process that holds the loaded store and answers one query at a time on its socket.

It may be killed at any time.
"""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING

from r2p_kg.engine import exchange, sandbox, wire
from r2p_kg.engine.contract import Budget, Dataset
from r2p_kg.engine.evaluate import evaluate
from r2p_kg.errors import QueryError
from r2p_kg.sparql.lint import lint

if TYPE_CHECKING:
    import socket

    import pyoxigraph as ox

    from r2p_kg.sparql.known_terms import KnownTerms


def run(store: ox.Store, known: KnownTerms, connection: socket.socket, memory: int, parent: int) -> None:
    """Answer queries until the other side closes the socket; never returns to the zygote's code.

    known: What queries can name; warnings come from it.
    memory: Bytes that a query may take beyond what the process has at its start.
    parent: The zygote's process id.
    """
    try:
        sandbox.die_with_parent()
        if os.getppid() != parent:  # it died before the kernel was asked to watch it
            os._exit(0)
        # The engine's last words on a stack overflow or a failed allocation would fill the operator's log with a backtrace.
        os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
        sandbox.limit_memory(memory)
        # The first query after a fork pays for the pages that it touches: let it be this one.
        evaluate(
            store, "SELECT * { ?s ?p ?o } LIMIT 1", "application/sparql-results+json", Dataset(), Budget()
        )
        connection.settimeout(None)
        while True:
            _answer(store, known, connection)
    except wire.BrokenFrameError:
        os._exit(0)
    except BaseException:  # noqa: BLE001 - MemoryError included: the pool sees the closed socket and says what happened
        os._exit(70)


def _answer(store: ox.Store, known: KnownTerms, connection: socket.socket) -> None:
    query, media_type, dataset, budget = exchange.read_question(connection)
    started = time.perf_counter()
    try:
        found = evaluate(store, query, media_type, dataset, budget)
    except (SyntaxError, QueryError) as error:
        exchange.send_error(connection, error)
    else:
        elapsed = time.perf_counter() - started
        exchange.send_answer(connection, found, elapsed, lint(query, known))
