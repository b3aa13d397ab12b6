"""Warnings about a query that is SPARQL and may still not mean what it seems to: never a refusal, and only what is sure.

A query is looked at by its tokens and against :class:`~r2p_kg.sparql.known_terms.KnownTerms`; nothing is evaluated.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from r2p_kg.sparql.known_terms import namespace
from r2p_kg.sparql.products import products
from r2p_kg.sparql.tokens import CLOSING, OPENING, place, resolved, tokens
from r2p_kg.sparql.words import AGGREGATES

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from r2p_kg.sparql.known_terms import KnownTerms
    from r2p_kg.sparql.tokens import Token

#: Warnings of one query; the first ones of the text.
MOST: Final = 10

#: Suggestions cost a third of a millisecond each.
_MOST_SUGGESTIONS: Final = 5

#: A text longer than this is a program's, which reads no warnings; tokens alone take it milliseconds.
LONGEST: Final = 8192

#: After these words stands the name of a graph, or what may be new to the graph.
_NAMES_NO_TERM: Final = frozenset({"PREFIX", "FROM", "NAMED", "GRAPH", "SERVICE"})

_DATE: Final = re.compile(r"[12]\d{3}-[01]?\d-[0-3]?\d(?!\d)")
_YEAR: Final = 4
_ESCAPED: Final = re.compile(r"\\(.)")


@dataclass(frozen=True)
class LintWarning:
    """``code``: what it is about, never renamed; ``message``: one sentence and the way out; ``line``, ``column``: from 1.

    Codes: unknown-term, unknown-vocabulary, deprecated-term, cartesian-product, unknown-language, literal-subject, aggregate-in-filter,
    arithmetic-date.
    """

    code: str
    message: str
    line: int
    column: int


def lint(query: str, known: KnownTerms) -> tuple[LintWarning, ...]:
    """The warnings, at most :data:`MOST`, in the order of the text; none for a text of more than :data:`LONGEST` characters.

    The query is one that the engine takes; of others nothing is promised.
    """
    if len(query) > LONGEST:
        return ()
    found = tuple(tokens(query))
    around = _around(found)
    told = [
        *_terms(found, around, known),
        *_languages(found, around, known),
        *_products(found),
        *_slips(query, found, around),
    ]
    first = sorted(told, key=lambda one: one[0].start)[:MOST]
    return tuple(LintWarning(code, message, *place(query, token.start)) for token, code, message in first)


def _around(found: Sequence[Token]) -> list[int]:
    """For each token the index of the bracket that it stands in, -1 outside all; a bracket stands in the one around it."""
    opened = [-1]
    places = []
    for index, token in enumerate(found):
        if token.kind == "mark" and token.text in CLOSING and len(opened) > 1:
            opened.pop()
        places.append(opened[-1])
        if token.kind == "mark" and token.text in OPENING:
            opened.append(index)
    return places


def _made(found: Sequence[Token], around: Sequence[int]) -> frozenset[int]:
    """The brackets whose terms are made and not looked for: of BIND, of columns, of a template, and all brackets in these."""
    made: set[int] = set()
    heads: set[int] = set()  # brackets in which a SELECT has begun and its pattern has not
    for index, token in enumerate(found):
        before = found[index - 1].text.upper() if index else ""
        if token.kind == "word" and token.text.upper() == "SELECT":
            heads.add(around[index])
        elif token.kind == "mark" and token.text in OPENING:
            head = token.text == "(" and around[index] in heads
            if (
                around[index] in made
                or head
                or (token.text == "(" and before == "BIND")
                or (token.text == "{" and before == "CONSTRUCT")
            ):
                made.add(index)
            if token.text == "{":
                heads.discard(around[index])
    return frozenset(made)


def _terms(
    found: Sequence[Token], around: Sequence[int], known: KnownTerms
) -> Iterator[tuple[Token, str, str]]:
    """Terms that the graph does not have, and deprecated ones."""
    terms = known.terms
    if terms is None:
        return
    said: set[str] = set()
    suggested = 0
    for token, term in _named(found, around, known):
        if term in said:
            continue
        if term in known.deprecated:
            said.add(term)
            yield (
                token,
                "deprecated-term",
                f"{known.short(term)} is deprecated; its page says what to use instead",
            )
        if term in terms:
            continue
        said.add(term)
        if namespace(term) not in known.namespaces:
            yield (
                token,
                "unknown-vocabulary",
                f"the graph has nothing from <{namespace(term)[:200]}>, and so no {token.text[:200]}",
            )
            continue
        near = known.nearest(term) if suggested < _MOST_SUGGESTIONS else None
        suggested += 1
        yield (
            token,
            "unknown-term",
            f"the graph has no {token.text[:200]}" + (f"; did you mean {known.short(near)}?" if near else ""),
        )


def _named(found: Sequence[Token], around: Sequence[int], known: KnownTerms) -> Iterator[tuple[Token, str]]:
    """The IRIs that must be in the graph to match anything: not those of graphs, datatypes, functions, templates and new values."""
    prefixes: dict[str, str] = {}
    base = known.base
    made = _made(found, around)
    for index, token in enumerate(found):
        if token.kind not in {"iri", "name"}:
            continue
        before = found[index - 1] if index else token
        keyword = before.text.upper() if before.kind == "word" else ""
        if token.kind == "iri" and keyword == "BASE":
            base = resolved(token.text, base)
        elif (
            token.kind == "iri"
            and before.kind == "name"
            and index > 1
            and found[index - 2].text.upper() == "PREFIX"
        ):
            prefixes[before.text[:-1]] = resolved(token.text, base)
        elif (
            around[index] not in made
            and keyword not in _NAMES_NO_TERM
            and before.text != "^^"
            and not _calls(found, index)
        ):
            # An IRI behind a value inside parentheses may be two comparisons.
            compared = (
                token.kind == "iri"
                and before.operand
                and before.kind != "word"
                and around[index] >= 0
                and found[around[index]].text == "("
            )
            if not compared and (term := _expanded(token, prefixes, base)):
                yield token, term


def _calls(found: Sequence[Token], index: int) -> bool:
    return index + 1 < len(found) and found[index + 1].text == "("


def _expanded(token: Token, prefixes: dict[str, str], base: str) -> str | None:
    if token.kind == "iri":
        return resolved(token.text, base)
    prefix, _, local = token.text.partition(":")
    return (
        prefixes[prefix] + (_ESCAPED.sub(r"\1", local) if "\\" in local else local)
        if prefix in prefixes
        else None
    )


def _languages(
    found: Sequence[Token], around: Sequence[int], known: KnownTerms
) -> Iterator[tuple[Token, str, str]]:
    """Languages that no text of the graph has, in ``LANG(?x) = "…"``, ``LANGMATCHES(LANG(?x), "…")`` and ``"…"@…``."""
    has = (
        f"it has {', '.join(sorted(known.languages)[:8])}"
        if known.languages
        else "no text of it has a language"
    )
    if any(token.kind == "word" and token.text.upper() in {"STRLANG", "STRLANGDIR"} for token in found):
        return
    made = _made(found, around) if any(token.kind == "language" for token in found) else frozenset()
    for index, token in enumerate(found):
        if token.kind == "language":
            tag = token.text[1:].partition("--")[0].lower()
            inside = found[around[index]].text if around[index] >= 0 else ""
            if tag not in known.languages and inside == "{" and around[index] not in made:
                yield token, "unknown-language", f"the graph has no text in the language {tag}; {has}"
        if token.kind != "string" or not (wanted := _asked(found, index)):
            continue
        tag, matches = token.text[1:-1], wanted == "LANGMATCHES"
        if matches and not _any_matches(tag, known.languages):
            yield token, "unknown-language", f"the graph has no text in the language {tag[:40]}; {has}"
        elif not matches and tag and tag not in known.languages:
            way = (
                f'write "{tag.lower()}", tags are in small letters here'
                if tag.lower() in known.languages
                else has
            )
            yield token, "unknown-language", f"the graph has no text in the language {tag[:40]}; {way}"


def _asked(found: Sequence[Token], index: int) -> str | None:
    """LANGMATCHES or = where this string is compared with the language of a variable."""
    texts = [
        token.text.upper() if token.kind == "word" else token.text
        for token in found[max(0, index - 7) : index]
    ]
    after = [
        token.text.upper() if token.kind == "word" else token.text for token in found[index + 1 : index + 6]
    ]
    if texts[-7:-5] == ["LANGMATCHES", "("] and texts[-5:-3] == ["LANG", "("] and texts[-2:] == [")", ","]:
        return "LANGMATCHES"
    if texts[-5:-3] == ["LANG", "("] and texts[-2:] == [")", "="]:
        return "="
    return "=" if after[:3] == ["=", "LANG", "("] and after[4:5] == [")"] else None


def _any_matches(tag: str, languages: frozenset[str]) -> bool:
    """Basic filtering of RFC 4647, section 3.3.1."""
    wanted = tag.lower()
    return (
        bool(languages)
        if wanted == "*"
        else any(one == wanted or one.startswith(wanted + "-") for one in languages)
    )


def _products(found: Sequence[Token]) -> Iterator[tuple[Token, str, str]]:
    for token in products(found):
        message = "nothing joins these triples to those before them: every match of the one is combined with every match of the other; share a variable"
        yield token, "cartesian-product", message


def _slips(query: str, found: Sequence[Token], around: Sequence[int]) -> Iterator[tuple[Token, str, str]]:
    """What the engine takes and what matches nothing, or something else than it seems."""
    made = _made(found, around)
    for index, token in enumerate(found):
        if (
            token.kind == "word"
            and token.text.upper() in AGGREGATES
            and _calls(found, index)
            and _in_filter(found, around, index)
        ):
            yield (
                token,
                "aggregate-in-filter",
                f"{token.text.upper()} has no groups inside FILTER, which so keeps nothing; write HAVING behind GROUP BY",
            )
        elif token.kind == "string" and around[index] not in made and _is_subject(found, around, index):
            yield (
                token,
                "literal-subject",
                "a text is the subject of no triple, so that this matches nothing; write the thing first",
            )
        elif (
            token.kind == "number" and len(token.text) == _YEAR and (match := _DATE.match(query, token.start))
        ):
            yield (
                token,
                "arithmetic-date",
                f'{match[0]} is a subtraction; write "{match[0]}"^^xsd:date for the day',
            )


def _in_filter(found: Sequence[Token], around: Sequence[int], index: int) -> bool:
    """True where the parentheses around this token are those of a FILTER."""
    bracket = around[index]
    while bracket > 0 and found[bracket].text == "(":
        if found[bracket - 1].text.upper() == "FILTER":
            return True
        bracket = around[bracket]
    return False


def _is_subject(found: Sequence[Token], around: Sequence[int], index: int) -> bool:
    """True where a string begins a triple of a pattern: behind a brace or a dot, and before a predicate; not in the data of VALUES."""
    before, bracket = found[index - 1].text, around[index]
    if bracket < 1 or found[bracket].text != "{" or before not in {"{", "."} or index + 1 == len(found):
        return False
    data = found[bracket - 1].kind == "variable" and found[bracket - 2].text.upper() == "VALUES"
    following = found[index + 1]
    return not data and (following.kind in {"name", "iri", "variable"} or following.text == "a")
