"""Mistakes between SELECT and the pattern, of AS, of FROM, and of the other forms' heads."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from r2p_kg.sparql.hints.scene import Advice
from r2p_kg.sparql.words import AGGREGATES, FUNCTIONS

if TYPE_CHECKING:
    from r2p_kg.sparql.hints.scene import Scene


def _head(scene: Scene) -> Advice | None:  # noqa: PLR0911 - one return for each mistake
    """What stands between SELECT and the pattern."""
    if scene.expected not in {"projection", "where"}:
        return None
    token, word = scene.token, scene.word
    if token.kind == "word" and (word in AGGREGATES or word in FUNCTIONS) and scene.near(1).text == "(":
        return Advice(
            f"the value of {word} needs a name here", f"Write ({word}(…) AS ?name), parentheses included."
        )
    if word == "DISTINCT":
        return Advice(
            "DISTINCT comes once, directly after SELECT", "Write SELECT DISTINCT and then the variables."
        )
    if token.text == ",":
        return Advice("variables are separated by spaces", "Delete the comma.")
    if word == "AS":
        return Advice(
            "an expression and its new name need parentheses",
            f"Write ({scene.near(-1).text} AS {scene.near(1).text}).",
            scene.near(-1).start,
        )
    if word == "TOP":
        return Advice("TOP is SQL, not SPARQL", "Write LIMIT and the number at the end of the query.")
    if token.text == "-" and scene.joined(0) and scene.near(-1).kind == "variable":
        return Advice(
            "a variable name cannot contain -",
            f"Write {scene.near(-1).text}_{scene.near(1).text}.",
            scene.near(-1).start,
        )
    return _no_variables(scene) if scene.expected == "projection" else _no_pattern(scene)


def _no_variables(scene: Scene) -> Advice | None:
    token = scene.token
    if token.text in {"?", "$"}:
        return Advice(
            f"there is no space between {token.text} and the name of a variable",
            f"Write {token.text}{scene.near(1).text}.",
        )
    if token.text == "{" and _only_variables(scene):
        return Advice("the variables of SELECT are not in braces", "Write SELECT ?a ?b WHERE { … }.")
    if token.text == "{" or scene.word == "WHERE":
        return Advice(
            "SELECT does not say which variables to return",
            "Write SELECT * for all variables, or name some: SELECT ?s.",
        )
    return _without_sign(scene)


def _only_variables(scene: Scene) -> bool:
    step = 1
    while scene.near(step).kind == "variable" or scene.near(step).text == ",":
        step += 1
    return step > 1 and scene.near(step).text == "}" and scene.near(step + 1).text.upper() in {"WHERE", "{"}


def _without_sign(scene: Scene) -> Advice | None:
    if scene.token.kind != "word" or scene.word in {"WHERE", "FROM", "PREFIX"}:
        return None
    following = scene.near(1)
    if scene.expected == "where" and following.kind == "end":
        return None
    return Advice("a variable begins with a question mark", f"Write ?{scene.token.text}.")


def _no_pattern(scene: Scene) -> Advice | None:
    form = next((name for name in reversed(scene.mistake.inside) if name != "{"), "SELECT")
    if scene.token.kind == "end":
        return Advice("the pattern is missing", "Add WHERE { … }.")
    if form == "ASK" and scene.token.kind == "variable" and scene.near(-1).text.upper() == "ASK":
        return Advice(
            "ASK takes no variables: it answers yes or no", "Write ASK { … }, or SELECT for values."
        )
    if scene.near(-1).text.upper() == "WHERE" or scene.token.text == "(":
        return Advice("the pattern needs braces", "Write WHERE { … }.")
    return _without_sign(scene) if form == "SELECT" else None


def _naming(scene: Scene) -> Advice | None:  # noqa: PLR0911 - one return for each mistake
    """AS and the variable after it."""
    token = scene.token
    if scene.expected == "variable after AS":
        if token.kind == "word":
            return Advice("AS must be followed by a variable", f"Write ?{token.text}.")
        return Advice("AS must be followed by a variable", "Write for example AS ?name.")
    if scene.expected == ")" and scene.near(-2).text.upper() == "AS" and scene.near(-1).kind == "variable":
        return Advice(
            "the expression comes before AS, the new variable after it",
            "Write BIND(the expression AS ?name).",
            scene.near(-3).start,
        )
    if scene.expected != "AS":
        return None
    if scene.inside == "BIND":
        return Advice(
            "BIND does not name the variable that takes the value", "Write BIND(the expression AS ?name)."
        )
    if token.kind == "variable" and scene.near(-1).kind == "variable":
        return Advice(
            "the variables of SELECT need no parentheses",
            f"Write SELECT {scene.near(-1).text} {token.text}.",
            scene.near(-1).start,
        )
    if token.text == ".":
        return Advice("a dot does not join texts", "Write CONCAT(?a, ?b).")
    return Advice("an expression in SELECT needs a name", "Write (the expression AS ?name).")


def _graphs(scene: Scene) -> Advice | None:
    if scene.expected != "graph name":
        return None
    before = scene.near(-1).text.upper()
    if before in {"FROM", "NAMED"}:
        return Advice(
            "FROM names a graph, not a table or a class",
            "Delete it, and ask for a class in the pattern: ?x a the class. A graph is an IRI in <…>.",
        )
    return Advice(
        "GRAPH does not name a graph", "Write GRAPH ?g { … }, or the IRI of the graph instead of ?g."
    )


def _template(scene: Scene) -> Advice | None:
    if scene.expected == "template":
        return Advice("the template of CONSTRUCT needs braces", "Write CONSTRUCT { … } WHERE { … }.")
    if scene.expected == "described":
        return Advice(
            "DESCRIBE does not say what to describe", "Write for example DESCRIBE ?x WHERE { … }, or an IRI."
        )
    if scene.in_template and scene.token.kind == "word" and scene.expected in {"}", "subject"}:
        return Advice(
            f"the template of CONSTRUCT contains only triples, not {scene.word}", "Move it into WHERE { … }."
        )
    if scene.in_template and scene.token.text in {"/", "|", "*", "+"} and scene.expected == "object":
        return Advice(
            "the template of CONSTRUCT cannot contain paths",
            "Write one property here; paths belong in WHERE { … }.",
        )
    return None


RULES: Final = (_template, _head, _naming, _graphs)
