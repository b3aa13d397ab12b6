"""A generated graph on responses to situations, the same on every machine.

A hundred triples for each situation.

Nothing is drawn by chance, so that no version of Python can give another graph. Each situation has exactly
ten responses, hence each question its exact number of rows.
"""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

BASE = "http://bench.example/"
RESPONSES = 10
TOOLS = 50
REGIONS = 8
_COUNTRIES = 56
_ACTORS = 25
_ORGANISATIONS = 12
_PER_SITUATION = 100

_XSD = "http://www.w3.org/2001/XMLSchema#"
_TYPE = "<http://www.w3.org/1999/02/22-rdf-syntax-ns#type>"
_LABEL = "<http://www.w3.org/2000/01/rdf-schema#label>"
_WORDS = (
    "sanction",
    "embargo",
    "mediation",
    "observer",
    "resolution",
    "statement",
    "tribunal",
    "referral",
    "inquiry",
    "corridor",
    "ceasefire",
    "deployment",
    "monitoring",
    "dialogue",
    "warning",
    "freeze",
    "trial",
    "evacuation",
    "relief",
    "verification",
    "assessment",
)
_OUTCOMES = ("success", "success", "success", "partial", "partial", "failure", "unknown")
_FIRST = dt.date(1990, 1, 1)


def situations(triples: int) -> int:
    """How many situations a graph of about so many triples has."""
    return max(1, triples // _PER_SITUATION)


def write(path: Path, triples: int) -> int:
    """The number of N-Triples written to the file.

    ``triples``, rounded, and some hundreds for places, tools and actors.
    """
    count = 0
    with path.open("w", encoding="utf-8") as out:
        for line in _lines(situations(triples)):
            out.write(line)
            count += 1
    return count


def _spread(number: int, size: int) -> int:
    """A number below ``size`` that looks drawn by chance.

    Knuth's multiplicative hash, the high bits of which are well mixed.
    """
    return ((number + 1) * 2654435761 % 2**32) * size >> 32


def _iri(kind: str, number: object) -> str:
    return f"<{BASE}{kind}/{number}>"


def _term(name: str) -> str:
    return f"<{BASE}ns#{name}>"


def _date(number: int) -> str:
    return f'"{_FIRST + dt.timedelta(days=_spread(number, 13_000))}"^^<{_XSD}date>'


def _words(number: int) -> str:
    return f"{_WORDS[_spread(number, len(_WORDS))]} and {_WORDS[_spread(number * 7 + 3, len(_WORDS))]}"


def _lines(size: int) -> Iterator[str]:
    for subject, predicate, thing in _surroundings():
        yield f"{subject} {predicate} {thing} .\n"
    for number in range(size):
        for subject, predicate, thing in _situation(number):
            yield f"{subject} {predicate} {thing} .\n"


def _surroundings() -> Iterator[tuple[str, str, str]]:
    for region in range(REGIONS):
        yield _iri("region", region), _TYPE, _term("Region")
    for country in range(_COUNTRIES):
        yield _iri("country", country), _TYPE, _term("Country")
        yield _iri("country", country), _term("inRegion"), _iri("region", country % REGIONS)
        yield _iri("country", country), _LABEL, f'"Country {country}"@en'
    for tool in range(TOOLS):
        yield _iri("tool", tool), _TYPE, _term("Tool")
        yield _iri("tool", tool), _LABEL, f'"{_words(tool)} tool {tool}"@en'
    for actor in range(_ACTORS):
        yield _iri("actor", actor), _TYPE, _term("StateActor" if actor % 3 else "NonStateActor")
        yield _iri("actor", actor), _term("memberOf"), _iri("organisation", actor % _ORGANISATIONS)


def _situation(number: int) -> Iterator[tuple[str, str, str]]:
    """One situation, its document and its ten responses: a hundred triples."""
    situation, document = _iri("situation", number), _iri("document", number)
    yield situation, _TYPE, _term("Situation" if number % 4 else "ArmedConflict")
    yield situation, _LABEL, f'"Situation {number}: {_words(number)}"@en'
    yield situation, _term("inCountry"), _iri("country", _spread(number, _COUNTRIES))
    yield situation, _term("startDate"), _date(number)
    yield situation, _term("precededBy"), _iri("situation", number // 2)
    yield document, _TYPE, _term("Document")
    yield document, _LABEL, f'"Document on {_words(number + 11)} S/{number}"@en'
    yield document, _term("published"), _date(number + 5)
    yield document, _term("url"), f'"https://documents.example/{number}.pdf"'
    yield document, _term("issuedBy"), _iri("organisation", number % _ORGANISATIONS)
    for each in range(number * RESPONSES, (number + 1) * RESPONSES):
        response = _iri("response", each)
        yield response, _TYPE, _term("Response")
        yield response, _LABEL, f'"Response {each} by {_words(each)}"@en'
        yield response, _term("forSituation"), situation
        yield response, _term("usesTool"), _iri("tool", _spread(each, TOOLS))
        yield response, _term("byActor"), _iri("actor", _spread(each + 17, _ACTORS))
        yield response, _term("documentedIn"), document
        yield response, _term("date"), _date(each)
        yield response, _term("outcome"), _iri("outcome", _OUTCOMES[_spread(each + 29, len(_OUTCOMES))])
        yield response, _term("year"), f'"{1990 + _spread(each + 31, 35)}"^^<{_XSD}integer>'
