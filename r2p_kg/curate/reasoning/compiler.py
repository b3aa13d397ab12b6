"""Rules and a store → rules with the axioms put in, as patterns that SPARQL takes.

Blank nodes of the schema stand as IRIs here, since SPARQL cannot name a blank node.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pyoxigraph import QuerySolutions

from r2p_kg.graph import vocab

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from pyoxigraph import Store

    from r2p_kg.curate.reasoning.rules import Rule

#: What the IRIs of blank nodes begin with, as long as the work lasts.
SKOLEM = "urn:r2p-kg:blank:"

_PREFIXES = {"rdf": vocab.RDF, "rdfs": vocab.RDFS, "owl": vocab.OWL}
_FIRST = f"<{vocab.RDF}first>"

#: Three terms as SPARQL writes them: a triple, or a pattern if some are variables.
Pattern = tuple[str, str, str]


@dataclass(frozen=True)
class Compiled:
    """One rule for one axiom.

    If ``body`` and ``where`` hold, ``head`` holds, because of ``axioms``; no variable of the schema is left.
    """

    name: str
    axioms: tuple[Pattern, ...]
    body: tuple[Pattern, ...]
    head: Pattern
    where: str


def compile_rules(store: Store, rules: Iterable[Rule]) -> tuple[Compiled, ...]:
    """The rules with the axioms of the store's default graph put in.

    One that concludes what it assumes is left out.
    """
    backwards = inverses(store)
    compiled: dict[Compiled, None] = {}
    for rule in rules:
        schema, heads = patterns(rule.schema), patterns(rule.head)
        for bound in solutions(store, f"{rule.schema} {rule.given}"):
            body = patterns(rule.body)
            if rule.each:
                stations = _stations(patterns(rule.each), _members(store, bound["?list"]))
                if not stations:
                    continue
                body += stations
            body = put_in(body, bound, backwards)
            made = (
                Compiled(rule.name, axioms(schema, bound), body, head, rule.where)
                for head in put_in(heads, bound, backwards)
            )
            compiled |= dict.fromkeys(one for one in made if one.head not in body)
    return tuple(compiled)


def axioms(schema: Iterable[Pattern], bound: Mapping[str, str]) -> tuple[Pattern, ...]:
    """The triples that plain patterns of a rule's schema stand for.

    Paths lead into lists, which belong to the axiom before them.
    """
    plain = [
        pattern
        for pattern in schema
        if not re.search(r"[/*+]", re.sub(r"<[^>]*>", "", pattern[1])) and pattern[1] != _FIRST
    ]
    return put_in(plain, bound, {})


def solutions(store: Store, where: str) -> Iterator[dict[str, str]]:
    """Variable (with its question mark) → term as SPARQL writes it, for each solution of the patterns."""
    if not where.strip():
        yield {}
        return
    names = sorted(set(re.findall(r"\?\w+", where)))
    for row in select(store, f"SELECT DISTINCT {' '.join(names) or '*'} {{ {where} }}"):
        yield {name: str(row[name[1:]]) for name in names}


def select(store: Store, query: str) -> QuerySolutions:
    """The rows of a SELECT query over the store's default graph, unless it names others."""
    answer = store.query(query, prefixes=_PREFIXES)
    assert isinstance(answer, QuerySolutions)  # noqa: S101 - for the type checker: the query is a SELECT
    return answer


def patterns(text: str) -> tuple[Pattern, ...]:
    """The rule's text as patterns, prefixed names expanded.

    >>> patterns("?x a ?c . ?c rdfs:subClassOf ?d")[1]
    ('?c', '<http://www.w3.org/2000/01/rdf-schema#subClassOf>', '?d')
    """
    return tuple(
        (_token(s), _token(p), _token(o))
        for s, p, o in (pattern.split() for pattern in text.split(" . ") if pattern)
    )


def _token(text: str) -> str:
    if text == "a":
        return f"<{vocab.RDF_TYPE}>"
    prefix, colon, name = text.partition(":")
    return f"<{_PREFIXES[prefix]}{name}>" if colon and prefix in _PREFIXES and "/" not in name else text


def text_of(some: Iterable[Pattern]) -> str:
    """The patterns as SPARQL."""
    return " . ".join(" ".join(pattern) for pattern in some)


def put_in(
    some: Iterable[Pattern], bound: Mapping[str, str], backwards: Mapping[str, str]
) -> tuple[Pattern, ...]:
    """The patterns with terms for variables.

    A property that is only the inverse of a named one turns its pattern round.
    """
    done = []
    for pattern in some:
        subject, predicate, value = (bound.get(token, token) for token in pattern)
        if predicate in backwards:
            subject, predicate, value = value, backwards[predicate], subject
        done.append((subject, predicate, value))
    return tuple(done)


def inverses(store: Store) -> dict[str, str]:
    """Nameless property → the property whose inverse it is (``[ owl:inverseOf … ]``)."""
    return {
        bound["?b"]: bound["?p"]
        for bound in solutions(store, "?b owl:inverseOf ?p")
        if bound["?b"].startswith(f"<{SKOLEM}")
    }


def _stations(each: tuple[Pattern, ...], members: list[str]) -> tuple[Pattern, ...]:
    """The patterns for each member, joined by ``?here`` and ``?next`` from ``?first`` to ``?last``."""
    stops = ["?first", *(f"?n{number}" for number in range(1, len(members))), "?last"]
    bindings = [
        {"?m": member, "?here": stops[number], "?next": stops[number + 1]}
        for number, member in enumerate(members)
    ]
    return tuple(one for bound in bindings for one in put_in(each, bound, {}))


def _members(store: Store, node: str) -> list[str]:
    """The members of an RDF list, in order; none if the list is cut short or runs into itself."""
    members: list[str] = []
    seen = set()
    while node != f"<{vocab.RDF}nil>":
        row = next(iter(select(store, f"SELECT ?m ?rest {{ {node} rdf:first ?m ; rdf:rest ?rest }}")), None)
        if row is None or node in seen:
            return []
        seen.add(node)
        members.append(str(row["m"]))
        node = str(row["rest"])
    return members
