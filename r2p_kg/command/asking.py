"""Ask one query, here or elsewhere, and print the answer and what the query probably does not mean."""

from __future__ import annotations

import json
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING

import click

from r2p_kg.command.app import current_or_last_good, folders
from r2p_kg.errors import QueryRefusedError, QuerySyntaxError, UsageError
from r2p_kg.graph import media, vocab

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from r2p_kg.engine import Answer, Engine
    from r2p_kg.graph.snapshot import Snapshot


@contextmanager
def engine(
    endpoint: str | None, ontology: Path | None, state: Path | None
) -> Iterator[tuple[Engine, Snapshot | None]]:
    """An engine over the local snapshot, which is built if need be, or over a remote service.

    Closed at the end. The snapshot is None for a remote service.
    """
    if endpoint:
        from r2p_kg.engine.remote import RemoteEngine

        yield RemoteEngine(endpoint), None
        return
    from r2p_kg.engine.pool import Pool, PoolSettings
    from r2p_kg.graph import snapshot

    path, _ = current_or_last_good(folders(ontology, state))
    pool = Pool(path, PoolSettings(workers=1, spares=0))
    try:
        yield pool, snapshot.read(path)
    finally:
        pool.close()


class Elsewhere:
    """What a remote service holds, asked one thing at a time; it lists neither names nor classes."""

    def __init__(self, remote: Engine) -> None:
        self._engine = remote

    def knows(self, iri: str) -> bool:
        """True if the service has a triple about the IRI or one that leads to it."""
        text = f"ASK {{ {{ <{iri}> ?p ?o }} UNION {{ ?s ?p <{iri}> }} }}"
        reply = self._engine.ask(text, media_type="application/sparql-results+json")
        return bool(json.loads(reply.body).get("boolean"))

    def subjects(self) -> tuple[str, ...]:
        """Nothing: a remote service may hold millions."""
        return ()

    def types(self, iri: str) -> frozenset[str]:  # noqa: ARG002 - the signature is library's
        """Nothing, for want of the inferences that we make."""
        return frozenset()


def answer(source: Engine, asked: str, form: str, timeout: float) -> Answer:
    """The whole answer; an error in the text becomes a UsageError with its place, its line and the hint."""
    from r2p_kg.engine import Budget, Dataset, policy

    try:
        kind = policy.inspect(asked).kind
        return source.ask(
            asked,
            media_type=_media_type(form, kind),
            dataset=Dataset(),
            budget=Budget(seconds=timeout),
        )
    except (QuerySyntaxError, QueryRefusedError) as error:
        if error.line is None:
            raise
        line = asked.splitlines()[error.line - 1 : error.line]
        mark = [" " * (error.column - 1) + "^"] if line and error.column else []
        hint = [f"hint: {error.hint}"] if isinstance(error, QuerySyntaxError) and error.hint else []
        place = f"line {error.line}, column {error.column}"
        message = "\n".join([f"{place}: {error}", *line, *mark, *hint])
        raise UsageError(message) from error


def _media_type(form: str, kind: str) -> str:
    if form != "table":
        return media.named(form, kind).media_type
    return "application/n-triples" if kind == "graph" else "application/sparql-results+json"


def show(reply: Answer, form: str, snapshot: Snapshot | None) -> None:
    """Write the answer to standard output: bytes as they are, or a table with labels."""
    if form != "table":
        sys.stdout.buffer.write(reply.body)
        if not reply.body.endswith(b"\n"):
            sys.stdout.buffer.write(b"\n")
        return
    from r2p_kg.command import terminal

    terminal.show(reply, snapshot)


def warn(asked: str, snapshot: Snapshot | None) -> None:
    """Say on standard error what the query probably does not mean."""
    if snapshot is None:
        return
    from r2p_kg.sparql.known_terms import KnownTerms
    from r2p_kg.sparql.lint import lint

    known = KnownTerms.of(snapshot.served, snapshot.prefixes, vocab.BASE)
    for warning in lint(asked, known):
        click.echo(
            f"r2p: warning: line {warning.line}, column {warning.column}: {warning.message} [{warning.code}]",
            err=True,
        )
