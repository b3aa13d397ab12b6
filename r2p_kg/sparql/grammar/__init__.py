"""A text read token by token into a tree, up to the first token at which it ceases to be SPARQL.

The engine's parser tries one reading after another and reports the furthest place that any of them reached,
often the end of the text. SPARQL can be read without going back (its grammar is LL(1),
https://www.w3.org/TR/sparql11-query/#sparqlGrammar). This reader decides nothing: policy works on tokens. It
knows 1.1, and of 1.2 what the engine knows.
"""

from __future__ import annotations

from functools import lru_cache

from r2p_kg.sparql.grammar.cursor import StopError
from r2p_kg.sparql.grammar.queries import Queries
from r2p_kg.sparql.tokens import tokens
from r2p_kg.sparql.tree import Mistake, Tree


@lru_cache(maxsize=2)
def parse(text: str) -> Tree:
    """The tree of a query; the last ones are kept, for what evaluates a text and what warns of it."""
    found = tuple(tokens(text))
    reader = Queries(found)
    mistake = None
    try:
        reader.query()
    except StopError as stop:
        inside = reader.stopped()
        mistake = Mistake(reader.at, stop.expected, inside, tuple(reader.opened))
    return Tree(text, found, reader.root, mistake, reader.closed, reader.named)
