"""Answers as tables on a terminal, IRIs shown by their labels where the snapshot knows them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from r2p_kg.graph import rdf, vocab
from r2p_kg.web import terms

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from r2p_kg.engine import Answer
    from r2p_kg.graph.snapshot import Snapshot


def show(answer: Answer, snapshot: Snapshot | None, console: Console | None = None) -> None:
    """Print an answer in SPARQL JSON (rows, yes or no) or N-Triples (a graph)."""
    out = console or Console(soft_wrap=False)
    if answer.kind == "graph":
        columns: Sequence[str] = ("subject", "predicate", "object")
        rows: Sequence[Sequence[terms.Node | None]] = [
            [terms.of_term(part) for part in (quad.subject, quad.predicate, quad.object)]
            for quad in rdf.quads_of(answer.body)
        ]
    else:
        content = json.loads(answer.body)
        if "boolean" in content:
            out.print("yes" if content["boolean"] else "no")
            return
        columns = content["head"]["vars"]
        rows = [
            [terms.of_binding(row[name]) if name in row else None for name in columns]
            for row in content["results"]["bindings"]
        ]
    labels = _labels(snapshot) if snapshot else {}
    table = Table(show_lines=False, header_style="bold")
    for name in columns:
        table.add_column(name, overflow="fold")
    for row in rows:
        # Text, not str: nothing of the data is markup.
        table.add_row(*(Text(_cell(node, labels, snapshot.prefixes if snapshot else {})) for node in row))
    out.print(table)
    out.print(f"{len(rows):,} row{'' if len(rows) == 1 else 's'}")


def _cell(node: terms.Node | None, labels: Mapping[str, str], prefixes: Mapping[str, str]) -> str:
    if node is None:
        return ""
    if node.kind != "iri":
        return node.value
    return labels.get(node.value) or terms.short(node.value, prefixes)


def _labels(snapshot: Snapshot) -> dict[str, str]:
    """IRI → label; English before other languages."""
    found: dict[str, tuple[bool, str]] = {}
    for quad in rdf.quads_of(snapshot.quads):
        if quad.predicate.value == vocab.RDFS_LABEL:
            thing: Any = quad.object
            subject = str(getattr(quad.subject, "value", ""))
            worth = (thing.language or "en") != "en"
            if subject not in found or worth < found[subject][0]:
                found[subject] = (worth, thing.value)
    return {iri: label for iri, (_, label) in found.items()}
