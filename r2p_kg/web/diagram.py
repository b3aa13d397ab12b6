"""An overview of the vocabulary as an SVG drawing.

What statements rest on, their kinds, and what they concern. Drawn from domains and ranges.

Colours come from classes of the style sheet, so that the drawing follows the reader's light or dark; nothing
is fetched and nothing is run.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from markupsafe import Markup, escape

from r2p_kg.graph import vocab
from r2p_kg.web import glossary

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from r2p_kg.web.index import Index

#: Sizes in the drawing's own units, which are pixels if it is not scaled.
_LINE: Final = 20
_BOX: Final = 30
_GAP: Final = 14
_COLUMNS: Final = ((10, 190), (390, 230), (830, 200))
_WIDTH: Final = 1040


@dataclass(frozen=True)
class Edge:
    """A property that leads from one class to another: IRIs of both, and the property's label."""

    start: str
    label: str
    end: str


@dataclass(frozen=True)
class Overview:
    """What the drawing shows.

    ``evidence``: what statements rest on, nearest first; ``kinds`` of statement; ``things`` that they
    concern; ``edges``.
    """

    evidence: tuple[str, ...]
    kinds: tuple[str, ...]
    things: tuple[str, ...]
    edges: tuple[Edge, ...]


def overview(index: Index) -> Overview | None:
    """The overview of a snapshot's vocabulary; None if it has no statements."""
    if not index.outgoing(vocab.R2P_STATEMENT):
        return None
    properties = [iri for iri, _ in index.instances(vocab.OWL + "ObjectProperty") if iri.startswith(vocab.NS)]
    domains = {iri: _first(index, iri, "domain") for iri in properties}
    ranges = {iri: _first(index, iri, "range") for iri in properties}
    concerning = {
        iri
        for iri in properties
        if vocab.R2P_CONCERNS in {node.value for node in index.values(iri, vocab.RDFS + "subPropertyOf")}
    }
    inverses = {
        iri
        for iri in properties
        if index.values(iri, vocab.OWL + "inverseOf") or index.values(iri, vocab.OWL + "propertyChainAxiom")
    }
    edges, evidence = [], []
    for iri in properties:
        end = ranges[iri]
        if end == vocab.R2P_PASSAGE and domains[iri] == vocab.R2P_STATEMENT and iri not in inverses:
            edges.append(Edge(vocab.R2P_STATEMENT, index.label(iri), end))
            evidence.append(end)
    document = ranges.get(vocab.R2P_IN_DOCUMENT, "")
    if evidence and document:
        edges.append(Edge(vocab.R2P_PASSAGE, index.label(vocab.R2P_IN_DOCUMENT), document))
        evidence.append(document)
    general = {
        iri
        for iri in concerning
        if not any(
            node.value in concerning
            for node in index.values(iri, vocab.RDFS + "subPropertyOf")
            if node.value != iri
        )
    }
    for iri in sorted(general, key=lambda one: (ranges[one], domains[one] != vocab.R2P_STATEMENT, one)):
        end = ranges[iri]
        if end.startswith(vocab.NS) and end not in {edge.end for edge in edges} and domains[iri]:
            edges.append(Edge(domains[iri], index.label(iri), end))
    kinds = sorted(_below(index, vocab.R2P_STATEMENT), key=lambda one: index.label(one).casefold())
    starts = {edge.end: kinds.index(edge.start) if edge.start in kinds else -1 for edge in reversed(edges)}
    things = sorted(set(starts) - set(evidence), key=lambda one: (starts[one], index.label(one).casefold()))
    return Overview(tuple(dict.fromkeys(evidence)), tuple(kinds), tuple(things), tuple(edges))


def in_words(index: Index, shown: Overview) -> str:
    """The drawing as sentences, for those who do not see it."""
    edges = "; ".join(
        f"{index.label(edge.start)} → {edge.label} → {index.label(edge.end)}" for edge in shown.edges
    )
    return f"{edges}. Kinds of statement: {', '.join(index.label(kind) for kind in shown.kinds)}."


def draw(index: Index, shown: Overview) -> Markup:
    """The drawing as an SVG element to stand in a page."""
    kinds_height = _BOX + 8 + _LINE * len(shown.kinds)
    height = max(kinds_height, (_BOX + _GAP) * max(len(shown.things), 1), 2 * _BOX) + 40
    middle = height / 2
    places: dict[str, tuple[float, float, float, float]] = {
        vocab.R2P_STATEMENT: (*_COLUMNS[1], middle - kinds_height / 2, kinds_height)
    }
    places |= _column(shown.evidence, 0, middle, 110)
    places |= _column(shown.things, 2, middle, _BOX + _GAP)
    parts = [_edge(edge, places, shown) for edge in shown.edges]
    parts += [
        _box(index, iri, place, shown.kinds if iri == vocab.R2P_STATEMENT else ())
        for iri, place in places.items()
    ]
    words = escape(in_words(index, shown))
    head = (
        f'<svg class="diagram" role="img" viewBox="0 0 {_WIDTH} {height:.0f}" '
        'aria-labelledby="overview-title overview-words">'
    )
    title = '<title id="overview-title">Overview of the vocabulary</title>'
    drawing = f'{head}{title}<desc id="overview-words">{words}</desc>{"".join(parts)}</svg>'
    return Markup(drawing)  # noqa: S704 - every label in it has been escaped


def _column(
    iris: tuple[str, ...], number: int, middle: float, step: float
) -> Mapping[str, tuple[float, float, float, float]]:
    """IRI → (x, width, y, height), one below the other around the middle."""
    x, width = _COLUMNS[number]
    top = middle - (step * (len(iris) - 1) + _BOX) / 2
    return {iri: (x, width, top + step * place, _BOX) for place, iri in enumerate(iris)}


def _box(index: Index, iri: str, place: tuple[float, float, float, float], kinds: Iterable[str]) -> str:
    x, width, y, height = place
    lines = [
        f'<rect class="box" x="{x}" y="{y:.1f}" width="{width}" height="{height:.1f}" rx="4"/>',
        _text(x + width / 2, y + 20, index.label(iri), "name"),
    ]
    lines += [
        _text(x + width / 2, y + _BOX + 18 + _LINE * number, index.label(kind), "kind")
        for number, kind in enumerate(kinds)
    ]
    return "".join(lines)


def _edge(edge: Edge, places: Mapping[str, tuple[float, float, float, float]], shown: Overview) -> str:
    """An arrow with its label; one that starts at a kind of statement starts at the height of that kind."""
    x, width, y, height = places.get(edge.start, places[vocab.R2P_STATEMENT])
    to_x, to_width, to_y, to_height = places[edge.end]
    if edge.start in shown.evidence:
        middle, below = x + width / 2, y + height
        line = f'<path class="edge" d="M{middle:.1f} {below:.1f}L{middle:.1f} {to_y - 8:.1f}"/>'
        head = f'<path class="head" d="M{middle:.1f} {to_y:.1f}l-5 -9h10z"/>'
        return line + head + _text(middle + 8, (below + to_y) / 2 + 4, edge.label, "label", "start")
    end_y = to_y + to_height / 2
    if edge.end in shown.evidence:
        start_y = end_y
        line = f'<path class="edge" d="M{x:.1f} {start_y:.1f}L{to_x + to_width + 8:.1f} {end_y:.1f}"/>'
        return (
            line
            + f'<path class="head" d="M{to_x + to_width:.1f} {end_y:.1f}l9 -5v10z"/>'
            + _text((x + to_x + to_width) / 2, end_y - 6, edge.label, "label")
        )
    start_y = (
        y + 15 if edge.start not in shown.kinds else y + _BOX + 14 + _LINE * shown.kinds.index(edge.start)
    )
    right = x + width
    bend = f"C{right + 45:.1f} {start_y:.1f} {right + 25:.1f} {end_y:.1f} {right + 70:.1f} {end_y:.1f}"
    line = f'<path class="edge" d="M{x + width:.1f} {start_y:.1f}{bend}L{to_x - 8:.1f} {end_y:.1f}"/>'
    return (
        line
        + f'<path class="head" d="M{to_x:.1f} {end_y:.1f}l-9 -5v10z"/>'
        + _text(to_x - 14, end_y - 5, edge.label, "label", "end")
    )


def _text(x: float, y: float, text: str, kind: str, anchor: str = "middle") -> str:
    return f'<text class="{kind}" x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{escape(text)}</text>'


def _first(index: Index, iri: str, name: str) -> str:
    return next(
        (node.value for node in glossary.written(index, iri, vocab.RDFS + name) if node.kind == "iri"), ""
    )


def _below(index: Index, iri: str) -> list[str]:
    """The classes that are written to stand directly below one, defined classes left out."""
    found = [node.value for node in glossary.leading(index, iri, vocab.RDFS + "subClassOf")]
    return [one for one in found if not index.values(one, vocab.OWL + "equivalentClass")]
