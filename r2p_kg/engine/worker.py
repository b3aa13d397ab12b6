"""A query worker: a forked process with the loaded store that answers one query at a time and may be killed.

It also says what the query probably does not mean, so that neither the front's one thread nor the load of the
moment decides about that.
"""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING

from r2p_kg.engine import frames, sandbox, worker_protocol
from r2p_kg.engine.contract import Budget, Dataset
from r2p_kg.engine.evaluate import evaluate
from r2p_kg.errors import QueryError
from r2p_kg.sparql.lint import lint

if TYPE_CHECKING:
    import socket

    import pyoxigraph as ox

    from r2p_kg.sparql.known_terms import KnownTerms


def run(store: ox.Store, known: KnownTerms, connection: socket.socket, memory: int, parent: int) -> None:
    """Answer queries until the other side closes the socket.

    Never returns to the caller's code, which is the zygote's.

    ``memory``: bytes that a query may take beyond what the process has at its start. ``parent``: the zygote's
    process id.
    """
    try:
        sandbox.die_with_parent()
        if os.getppid() != parent:  # it died before the kernel was asked to watch it
            os._exit(0)
        # The engine's last words on a stack overflow or a failed allocation would fill the operator's log
        # with a backtrace.
        os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
        sandbox.limit_memory(memory)
        # The first query after a fork pays for the pages that it touches: let it be this one.
        evaluate(
            store, "SELECT * { ?s ?p ?o } LIMIT 1", "application/sparql-results+json", Dataset(), Budget()
        )
        connection.settimeout(None)
        while True:
            _answer(store, known, connection)
    except frames.BrokenFrameError:
        os._exit(0)
    except BaseException:  # noqa: BLE001 - MemoryError included: the pool sees the closed socket and says what happened
        os._exit(70)


def _answer(store: ox.Store, known: KnownTerms, connection: socket.socket) -> None:
    query, media_type, dataset, budget = worker_protocol.read_question(connection)
    started = time.perf_counter()
    try:
        answer = evaluate(store, query, media_type, dataset, budget)
    except (SyntaxError, QueryError) as error:
        worker_protocol.send_error(connection, error)
    else:
        elapsed = time.perf_counter() - started
        worker_protocol.send_answer(connection, answer, elapsed, lint(query, known))
