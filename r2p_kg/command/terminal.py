"""Answers as tables on a terminal, IRIs shown by their labels if the snapshot knows them.

A word is broken only if it is long, as IRIs are. If the words of a row do not fit beside each other, each row
is a block of lines, one for each column.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

from rich.console import Console
from rich.table import Table
from rich.text import Text

from r2p_kg.graph import rdf, vocab
from r2p_kg.web import terms

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from r2p_kg.engine import Answer
    from r2p_kg.graph.snapshot import Snapshot

#: Words of more letters may be broken.
_WHOLE: Final = 24
#: Signs beside the text of each column (a rule and two blanks), and one rule at the end.
_BESIDE: Final = 3


def show(answer: Answer, snapshot: Snapshot | None, console: Console | None = None) -> None:
    """Print an answer in SPARQL JSON (rows, yes or no) or N-Triples (a graph)."""
    out = console or Console(soft_wrap=False)
    found = _cells(answer, snapshot)
    if found is None:
        out.print("yes" if json.loads(answer.body)["boolean"] else "no")
        return
    columns, rows = found
    widths = _widths(columns, rows, out.width - _BESIDE * len(columns) - 1)
    if widths is None:
        _print_blocks(out, columns, rows)
    else:
        table = Table(show_lines=False, header_style="bold")
        for name, width in zip(columns, widths, strict=True):
            table.add_column(name, overflow="fold", width=width)
        for row in rows:
            # Text, not str: nothing of the data is markup.
            table.add_row(*(Text(cell) for cell in row))
        out.print(table)
    out.print(f"{len(rows):,} row{'' if len(rows) == 1 else 's'}")


def _cells(answer: Answer, snapshot: Snapshot | None) -> tuple[Sequence[str], Sequence[Sequence[str]]] | None:
    """Names of the columns and texts of the rows; None for yes or no."""
    labels, prefixes = (_labels(snapshot), snapshot.prefixes) if snapshot else ({}, {})
    if answer.kind == "graph":
        nodes: list[list[terms.Node | None]] = [
            [terms.of_term(part) for part in (quad.subject, quad.predicate, quad.object)]
            for quad in rdf.quads_of(answer.body)
        ]
        columns = ["subject", "predicate", "object"]
    else:
        content = json.loads(answer.body)
        if "boolean" in content:
            return None
        columns = content["head"]["vars"]
        nodes = [
            [terms.of_binding(row[name]) if name in row else None for name in columns]
            for row in content["results"]["bindings"]
        ]
    return columns, [[_cell(node, labels, prefixes) for node in row] for row in nodes]


def _widths(columns: Sequence[str], rows: Sequence[Sequence[str]], room: int) -> list[int] | None:
    """A width for each column that breaks no word of up to :data:`_WHOLE` letters; None without the room."""
    texts = [[name, *(row[number] for row in rows)] for number, name in enumerate(columns)]
    words = [[len(word) for text in column for word in text.split()] for column in texts]
    least = [min(max(lengths, default=1), _WHOLE) for lengths in words]
    most = [
        max(max(len(line) for line in (text.splitlines() or [""])) for text in column) for column in texts
    ]
    spare = room - sum(least)
    if spare < 0:
        return None
    wanted = [max(0, full - narrow) for full, narrow in zip(most, least, strict=True)]
    share = min(1.0, spare / max(1, sum(wanted)))
    return [narrow + int(more * share) for narrow, more in zip(least, wanted, strict=True)]


def _print_blocks(out: Console, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    for number, row in enumerate(rows, 1):
        out.rule(f"row {number:,}", align="left")
        for name, cell in zip(columns, row, strict=True):
            out.print(Text.assemble((f"{name}: ", "bold"), cell), overflow="fold")


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
