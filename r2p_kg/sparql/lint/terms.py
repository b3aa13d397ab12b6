"""Terms that the graph does not have, and deprecated ones."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from r2p_kg.sparql.known_terms import namespace
from r2p_kg.sparql.tree import prologue

if TYPE_CHECKING:
    from collections.abc import Iterator

    from r2p_kg.sparql.known_terms import KnownTerms
    from r2p_kg.sparql.tokens import Token
    from r2p_kg.sparql.tree import Tree

#: Suggestions cost a third of a millisecond each.
_MOST_SUGGESTIONS: Final = 5

#: Constructs whose terms are made and not looked for.
MADE: Final = ("column", "BIND", "template")

#: Behind these stands the name of a graph, or a datatype, which may be new to the graph.
_NAMES_NO_TERM: Final = frozenset({"FROM", "NAMED", "GRAPH", "SERVICE", "SILENT", "^^"})


def warnings(tree: Tree, known: KnownTerms) -> Iterator[tuple[Token, str, str]]:
    """Token, code and message of each warning."""
    if known.terms is None:
        return
    head = prologue(tree.tokens, known.base)
    strange: list[tuple[str, int]] = []
    for at in range(head.end, len(tree.tokens)):
        term = head.iri(tree.tokens[at])
        if term is not None and (term not in known.terms or term in known.deprecated) and _is_term(tree, at):
            strange.append((term, at))
    made = {at for node in tree.every(*MADE) for at in node.indexes()} if strange else set()
    first: dict[str, int] = {}
    for term, at in strange:
        if at not in made:
            first.setdefault(term, at)
    suggested = 0
    for term, at in first.items():
        token = tree.tokens[at]
        if term in known.deprecated:
            message = f"{known.short(term)} is deprecated; its page says what to use instead"
            yield token, "deprecated-term", message
        elif namespace(term) not in known.namespaces:
            message = (
                f"the graph has nothing from <{namespace(term)[:200]}>, so {token.text[:200]} matches nothing"
            )
            yield token, "unknown-vocabulary", message
        else:
            near = known.nearest(term) if suggested < _MOST_SUGGESTIONS else None
            suggested += 1
            meant = f"; did you mean {known.short(near)}?" if near else ""
            yield token, "unknown-term", f"the graph has no {token.text[:200]}{meant}"


def _is_term(tree: Tree, at: int) -> bool:
    """False for the name of a graph, a datatype or a function."""
    return tree.word(at - 1) not in _NAMES_NO_TERM and tree.word(at + 1) != "("
