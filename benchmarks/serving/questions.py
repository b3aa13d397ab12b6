"""What is asked: query texts with slots for a running number, so that no query need ever be asked twice."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from benchmarks.serving import graph

JSON: Final = "application/sparql-results+json"
_SLOT: Final = re.compile(r"\$(\w+)")
_PREFIXES: Final = (
    f"PREFIX b: <{graph.BASE}> PREFIX o: <{graph.BASE}ns#> "
    "PREFIX rdfs: <http://www.w3.org/2000/01/rdf-schema#> "
)


@dataclass(frozen=True)
class Slot:
    """A hole of a query text: the running number, or ``offset`` plus what remains of it by ``modulus``."""

    modulus: int | None = None
    offset: int = 0

    def value(self, number: int) -> int:
        """What stands in the hole for that number."""
        return number if self.modulus is None else self.offset + number % self.modulus


@dataclass(frozen=True)
class Question:
    """One query. ``text`` with ``$slots``.

    ``rows``: how many it must give, None where that varies; ``revalidated``: sent with the ETag.
    """

    name: str
    text: str
    slots: dict[str, Slot]
    rows: int | None
    revalidated: bool = False

    @property
    def varies(self) -> bool:
        """True where no two requests are the same."""
        return bool(_SLOT.search(self.text))

    def pieces(self) -> list[str | Slot]:
        """The text cut at its slots."""
        parts = _SLOT.split(self.text)
        return [self.slots[part] if index % 2 else part for index, part in enumerate(parts)]

    def render(self, number: int) -> str:
        """The text for a running number."""
        return "".join(
            str(piece.value(number)) if isinstance(piece, Slot) else piece for piece in self.pieces()
        )


def all_questions(situations: int) -> tuple[Question, ...]:
    """The scenarios, over a graph of so many situations.

    A query that is never repeated projects the running number, so that its answer is another one each time:
    neither a cache of texts nor one of results can help.
    """
    slots = {
        "asked": Slot(),
        "situation": Slot(situations),
        "tool": Slot(graph.TOOLS),
        "year": Slot(20, 1990),
    }

    def asked(name: str, text: str, rows: int | None, *, revalidated: bool = False) -> Question:
        return Question(name, _PREFIXES + text, slots, rows, revalidated)

    few = "?response o:forSituation <http://bench.example/situation/%s> ; rdfs:label ?label ; o:date ?date"
    many = "?response a o:Response ; rdfs:label ?label ; o:date ?date"
    repeated = f"SELECT ?response ?label ?date WHERE {{ {few % 0} }}"
    responses = graph.RESPONSES * situations
    return (
        asked("small, repeated", repeated, graph.RESPONSES),
        asked("small, revalidated (If-None-Match)", repeated, graph.RESPONSES, revalidated=True),
        asked(
            "small, never repeated",
            f"SELECT ?response ?label ?date ($asked AS ?asked) WHERE {{ {few % '$situation'} }}",
            graph.RESPONSES,
        ),
        asked(
            "join, never repeated",
            "SELECT ?response ?country ?actor ($asked AS ?asked) "
            "WHERE { ?response o:usesTool <http://bench.example/tool/$tool> ; "
            "o:forSituation ?situation ; o:byActor ?actor . ?situation o:inCountry ?country . "
            "?country o:inRegion <http://bench.example/region/3> }",
            None,
        ),
        asked(
            "aggregate, never repeated",
            "SELECT ?tool (COUNT(?response) AS ?responses) ($asked AS ?asked) "
            "WHERE { ?response o:usesTool ?tool ; o:year ?year "
            "FILTER(?year >= $year) } GROUP BY ?tool",
            None,
        ),
        asked("large, repeated", f"SELECT ?response ?label ?date WHERE {{ {many} }}", responses),
        asked(
            "large, never repeated",
            f"SELECT ?response ?label ?date ($asked AS ?asked) WHERE {{ {many} }}",
            responses,
        ),
    )


#: For a graph whose content is not known: whatever rows there are.
ANYTHING: Final = Question(
    "anything", "SELECT ?s ?p ?o ($asked AS ?asked) WHERE { ?s ?p ?o } LIMIT 10000", {"asked": Slot()}, None
)

#: Evaluations that end in no lifetime: a product of four, counted; the same sorted, which takes memory as
#: well.
RUNAWAYS: Final = (
    Question(
        "count of a product",
        "SELECT (COUNT(*) AS ?n) ($asked AS ?asked) WHERE { ?a ?b ?c . ?d ?e ?f . ?g ?h ?i . ?j ?k ?l }",
        {"asked": Slot()},
        None,
    ),
    Question(
        "sorted product",
        "SELECT ?a ?d ?g ($asked AS ?asked) WHERE { ?a ?b ?c . ?d ?e ?f . ?g ?h ?i } ORDER BY ?f ?i",
        {"asked": Slot()},
        None,
    ),
)
