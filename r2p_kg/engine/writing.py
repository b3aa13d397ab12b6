"""A change → a new snapshot file, made in a process without network that is killed at its deadline.

Run as ``python -m r2p_kg.engine.writing FD`` by :func:`apply`; FD is a Unix socket inherited from it. One
message comes, one goes back. The snapshot is written beside the old one under its own name; whoever asked
decides what to serve.
"""

from __future__ import annotations

import contextlib
import signal
import socket
import subprocess
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pyoxigraph as ox

from r2p_kg import errors
from r2p_kg.engine import frames, sandbox
from r2p_kg.engine.changes import GraphChange, Update, Written, pack, pack_written, unpack, unpack_written
from r2p_kg.errors import (
    BodySyntaxError,
    QueryError,
    QueryRefusedError,
    QueryTimeoutError,
    SnapshotError,
    WorkerDiedError,
)
from r2p_kg.graph import rdf, snapshot, vocab, xml_bombs
from r2p_kg.sparql import mistakes, updates
from r2p_kg.sparql.engine_text import engine_text
from r2p_kg.sparql.errors import SparqlError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from r2p_kg.engine.changes import Change

#: Bytes that the process may take beyond what it has at its start.
MEMORY: Final = 4 * 1024 * 1024 * 1024
SECONDS: Final = 60.0

#: Seconds that the process may take to end by itself once it has answered.
_ENDING: Final = 5

#: Literals of these datatypes come back from a store as they were put in.
_KEPT: Final = frozenset({vocab.XSD + "string", vocab.RDF + "langString", vocab.RDF + "dirLangString"})


def apply(
    current: Path, change: Change, folder: Path, seconds: float = SECONDS, memory: int = MEMORY
) -> Written:
    """The snapshot in ``current``, changed, as a file in ``folder``; ``current`` itself is never touched.

    Raises QuerySyntaxError, BodySyntaxError or QueryRefusedError where the change may not or cannot be
    applied, QueryTimeoutError past ``seconds``, WorkerDiedError where its process died of it, SnapshotError
    where a file cannot be read or written.
    """
    deadline = time.monotonic() + seconds
    try:
        # What a killed process leaves behind goes with the folder.
        with tempfile.TemporaryDirectory(prefix=".writing-", dir=folder) as scratch:
            head, body = pack(change)
            reply = _exchange(
                {**head, "current": str(current), "folder": scratch, "memory": memory},
                body,
                deadline,
                seconds,
            )
            if "error" in reply:
                raise errors.from_fields(reply)
            written = unpack_written(reply)
            return replace(
                written, path=written.path.replace(folder / written.path.name) if written.changed else current
            )
    except OSError as error:
        message = f"cannot write a snapshot into {folder}: {error.strerror}; the data are unchanged"
        raise SnapshotError(message) from error


def changed(quads: list[ox.Quad], change: Change, prefixes: Mapping[str, str]) -> Iterable[ox.Quad]:
    """The quads after the change.

    Raises as :func:`apply` does. Literals that the change does not touch stay as they were written.
    """
    if isinstance(change, Update):
        return _updated(quads, change, prefixes)
    return _regraphed(quads, change)


def _exchange(head: dict[str, Any], body: bytes, deadline: float, seconds: float) -> dict[str, Any]:
    ours, theirs = socket.socketpair()
    with ours:
        with theirs:
            command = [sys.executable, "-m", "r2p_kg.engine.writing", str(theirs.fileno())]
            process = subprocess.Popen(
                command,
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )
        try:
            frames.send(ours, head, body)
            reply, _ = frames.receive(ours, deadline)
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(_ENDING)
        except frames.LateError as error:
            message = (
                f"the change took longer than {seconds:g} seconds and was stopped; the data are unchanged. "
                "Send it in several parts"
            )
            raise QueryTimeoutError(message) from error
        except frames.BrokenFrameError as error:
            message = (
                "the change needed more memory or a deeper stack than it may have, and its process died; "
                "the data are unchanged. Send it in several parts"
            )
            raise WorkerDiedError(message) from error
        finally:
            process.kill()
            process.wait()
    return reply


def main(arguments: list[str]) -> int:
    """Take one change, write the snapshot, say where it is."""
    control = socket.socket(fileno=int(arguments[0]))
    sandbox.die_with_parent()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    sandbox.no_network()
    head, body = frames.receive(control)
    sandbox.limit_memory(head["memory"])
    try:
        reply = pack_written(_written(Path(head["current"]), unpack(head, body), Path(head["folder"])))
    except (QueryError, SnapshotError) as error:
        reply = error.fields()
    frames.send(control, reply)
    return 0


def _written(current: Path, change: Change, folder: Path) -> Written:
    before = snapshot.read(current)
    quads = rdf.quads_of(before.quads)
    existed = (
        not isinstance(change, GraphChange)
        or change.graph is None
        or any(quad.graph_name == _graph(change) for quad in quads)
    )
    text = rdf.canonical(changed(quads, change, before.prefixes))
    after = snapshot.Snapshot.of(text, before.prefixes, {"quads": text.count(b"\n")})
    different = after.digest != before.digest
    path = snapshot.write(after, folder) if different else current
    return Written(path, after.digest, after.census["quads"], different, existed)


def _updated(quads: list[ox.Quad], update: Update, prefixes: Mapping[str, str]) -> Iterator[ox.Quad]:
    store = ox.Store()
    store.bulk_extend(quads)
    try:
        store.update(_text(update), base_iri=vocab.BASE)
    except SyntaxError as error:
        message = _as_sent(update.text, str(error))
        raise errors.of_sparql(mistakes.explain(message, update.text, prefixes, update=True)) from error
    except (RuntimeError, ValueError, OSError) as error:
        message = f"the update could not be applied: {error}; the data are unchanged"
        raise QueryError(message) from error
    written = _as_written(quads)
    for quad in store:
        yield from written.get(quad, (quad,))


def _text(update: Update) -> str:
    """The text of the update that the engine is given, once policy lets it pass.

    Raises as :func:`apply` does.
    """
    default, named = (tuple(_named(iri).value for iri in graphs) for graphs in (update.default, update.named))
    try:
        text = updates.with_dataset(update.text, default, named)
    except SparqlError as error:
        raise errors.of_sparql(error) from error
    return engine_text(text, vocab.BASE).text


def _as_sent(text: str, message: str) -> str:
    """The engine's message on the text that was sent.

    The one at hand is on the text that the engine was given, whose columns may be others.
    """
    written = engine_text(text, vocab.BASE)
    try:
        ox.Store().update(written.text, base_iri=vocab.BASE)
    except SyntaxError as error:
        return written.message(str(error))
    except (RuntimeError, ValueError, OSError):
        return message
    return message


def _as_written(quads: Iterable[ox.Quad]) -> Mapping[ox.Quad, list[ox.Quad]]:
    """Quad as a store gives it back → quads as they were put in, where the two differ.

    A store writes 01 as 1.
    """
    doubtful = [
        quad
        for quad in quads
        if not isinstance(quad.object, ox.Literal) or quad.object.datatype.value not in _KEPT
    ]
    doubtful = [quad for quad in doubtful if isinstance(quad.object, ox.Literal | ox.Triple)]
    store = ox.Store()
    store.bulk_extend(
        ox.Quad(quad.subject, quad.predicate, quad.object, ox.NamedNode(f"place:{place}"))
        for place, quad in enumerate(doubtful)
    )
    found: dict[ox.Quad, list[ox.Quad]] = {}
    for kept in store:
        quad = doubtful[int(kept.graph_name.value.removeprefix("place:"))]
        found.setdefault(ox.Quad(kept.subject, kept.predicate, kept.object, quad.graph_name), []).append(quad)
    return found


def _regraphed(quads: list[ox.Quad], change: GraphChange) -> Iterator[ox.Quad]:
    graph = _graph(change)
    # Read first: where the body is wrong, nothing is given at all.
    fresh = [
        quad
        for payload in change.payloads
        for quad in _parsed(payload.media_type, payload.body, change.base, graph)
    ]
    yield from (quad for quad in quads if change.action == "merge" or quad.graph_name != graph)
    yield from fresh


def _graph(change: GraphChange) -> ox.NamedNode | ox.DefaultGraph:
    return _named(change.graph) if change.graph is not None else ox.DefaultGraph()


def _named(iri: str) -> ox.NamedNode:
    try:
        return ox.NamedNode(iri)
    except ValueError as error:
        message = (
            f"{iri[:200]!r} is no absolute IRI, so it names no graph; write it in full, percent-encoded once"
        )
        raise QueryRefusedError(message) from error


def _parsed(
    media_type: str, body: bytes, base: str | None, graph: ox.NamedNode | ox.DefaultGraph
) -> list[ox.Quad]:
    form = ox.RdfFormat.from_media_type(media_type)
    if form is None:
        message = f"{media_type} is no RDF format that is read here"
        raise QueryRefusedError(message, status=415)
    if form == ox.RdfFormat.RDF_XML and (found := xml_bombs.excess(body)):
        line, column, reason = found
        message = f"the body is not read: {reason}"
        raise BodySyntaxError(message, line, column)
    try:
        triples = ox.parse(body, form, base_iri=base, without_named_graphs=True, rename_blank_nodes=True)
        return [ox.Quad(quad.subject, quad.predicate, quad.object, graph) for quad in triples]
    except SyntaxError as error:
        message = f"the body is not {form.name}: {error.msg}"
        raise BodySyntaxError(message, error.lineno, error.offset) from error


if __name__ == "__main__":
    try:
        status = main(sys.argv[1:])
    except frames.BrokenFrameError:
        status = 0
    sys.exit(status)
