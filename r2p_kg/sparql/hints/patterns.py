"""Mistakes inside the braces: triples, dots, groups, VALUES, paths, literals."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from r2p_kg.sparql.hints.scene import Advice, end
from r2p_kg.sparql.tree import prologue

if TYPE_CHECKING:
    from r2p_kg.sparql.hints.scene import Scene

_IN_TRIPLES: Final = frozenset({"subject", "predicate", "object", "dot"})
_TERMS: Final = frozenset({"variable", "iri", "name", "string", "number", "blank"})
_DATE: Final = re.compile(r"\d{4}-\d\d-\d\d")


def _groups(scene: Scene) -> Advice | None:
    """Keywords that take braces, and what belongs into braces of its own."""
    word, before = scene.word, scene.near(-1).text.upper()
    if scene.expected == "{" and scene.inside in {"OPTIONAL", "MINUS", "UNION", "EXISTS", "LATERAL"}:
        return Advice(f"the pattern of {scene.inside} needs braces", f"Write {scene.inside} {{ … }}.")
    if scene.expected == "{" and scene.inside == "GRAPH":
        return Advice("the pattern of GRAPH needs braces", f"Write GRAPH {before.lower()} {{ … }}.")
    if scene.expected not in _IN_TRIPLES:
        return None
    if word == "UNION":
        return Advice("UNION joins two groups in braces", "Write { … } UNION { … }.")
    if word == "SELECT":
        return Advice("a subquery needs braces of its own", "Write { SELECT … WHERE { … } }.")
    return None


def _literals(scene: Scene) -> Advice | None:  # noqa: PLR0911 - one return for each mistake
    """Language tags, datatypes, dates, true and false."""
    token, before = scene.token, scene.near(-1)
    if before.kind == "string" and token.text == "@":
        return Advice(
            "a language tag has no quotes",
            f"Write {before.text}@{scene.near(1).text.strip(chr(34) + chr(39))}.",
        )
    if before.kind == "language" and token.kind == "word" and scene.joined(0) and token.text.startswith("_"):
        return Advice(
            "a language tag is written with a hyphen", f"Write {before.text}-{token.text[1:]}.", before.start
        )
    if before.kind == "string" and token.text == "^":
        return Advice("a datatype comes after two carets", f"Write {before.text}^^{scene.near(1).text}.")
    if before.kind == "number" and token.text == "^^":
        return Advice(
            "a value with a datatype needs quotes",
            f'Write "{before.text}"^^{scene.near(1).text}.',
            before.start,
        )
    if scene.expected == "datatype":
        return Advice("the datatype is missing after ^^", "Write for example ^^xsd:date.", before.start)
    if before.kind == "number" and (match := _DATE.match(scene.query, before.start)):
        return Advice(
            "a date is a quoted value with a datatype", f'Write "{match[0]}"^^xsd:date.', before.start
        )
    if scene.expected == "object" and token.kind == "word" and token.text.lower() in {"true", "false"}:
        return Advice(f"{token.text} is written in lower case", f"Write {token.text.lower()}.")
    return None


def _paths(scene: Scene) -> Advice | None:  # noqa: PLR0911 - one return for each mistake
    token, before = scene.token, scene.near(-1)
    if (
        scene.expected == "predicate"
        and token.text in {"/", "("}
        and scene.joined(0)
        and before.kind == "name"
        and scene.near(1).kind in {"word", "name", "number"}
    ):
        return _local_name(scene)
    if (
        scene.expected == "path step"
        and before.text == "("
        and token.kind == "number"
        and scene.near(-2).kind == "name"
    ):
        return _local_name(scene)
    if scene.expected == "path step" and token.kind == "variable":
        if scene.joined(0):
            return Advice(
                "a path cannot contain a variable", "Write two triples with a variable between them."
            )
        return Advice(
            f"a property is missing after {before.text}",
            f"Delete {before.text}, or write a property after it.",
            before.start,
        )
    if scene.expected == "path step" and token.text in {"/", "|"}:
        return Advice(
            "a property is missing between the two signs", f"Write one {token.text} between two properties."
        )
    if scene.expected == "object" and before.kind == "variable" and token.text in {"*", "+", "/", "|", "^"}:
        return Advice(
            "a path cannot contain a variable", "Write properties in it, or several triples.", before.start
        )
    if scene.expected == "object" and token.text == "^":
        return Advice(
            "the ^ of a path comes before the property that it inverts",
            f"Write ^{before.text}.",
            before.start,
        )
    if scene.expected == "object" and token.text == "{" and scene.near(1).kind == "number":
        return Advice("a path cannot count its steps", f"Repeat the property: {before.text}/{before.text}.")
    if scene.expected == "negated path":
        return Advice("only properties, with | between them, can follow !", "Write !(a:b | ^c:d).")
    return None


def _local_name(scene: Scene) -> Advice:
    name = next(token for token in reversed(scene.before) if token.kind == "name")
    sign = scene.query[end(name)]
    return Advice(
        f"{sign} ends the prefixed name {name.text}",
        f"Write \\{sign} instead, or the whole IRI in angle brackets.",
        name.start,
    )


def _values(scene: Scene) -> Advice | None:  # noqa: PLR0911 - one return for each mistake
    if scene.inside != "VALUES":
        return None
    token = scene.token
    if scene.expected == "values {" and token.kind == "variable":
        return Advice(
            "several variables of VALUES need parentheses",
            "Write VALUES (?a ?b) { (1 2) (3 4) }.",
            scene.near(-1).start,
        )
    if scene.expected == "values {":
        return Advice("the values need braces", "Write VALUES ?x { 1 2 }.")
    if token.text == ",":
        return Advice("values are separated by spaces", "Delete the comma.")
    if scene.expected == "value" and token.text == ")":
        return Advice(
            "the row has fewer values than VALUES has variables", "Write UNDEF for a missing value."
        )
    if scene.expected == "end of row":
        return Advice(
            "the row has more values than VALUES has variables", "Delete some, or name another variable."
        )
    if scene.expected == "row":
        return Advice("each row of several variables needs parentheses", "Write { (1 2) (3 4) }.")
    if token.kind == "variable":
        return Advice(
            "VALUES takes values, not variables", "Write IRIs, numbers or quoted strings, or use BIND."
        )
    return None


def _words(scene: Scene) -> Advice | None:  # noqa: PLR0911 - one return for each mistake
    """A word where a term should be: a text without quotes, a variable without its sign, a stray ``a``."""
    token = scene.token
    if token.kind != "word" or scene.expected not in {*_IN_TRIPLES, "list item", "value", "path step"}:
        return None
    if (
        token.text == "a"
        and scene.expected == "object"
        and scene.near(-1).kind == "variable"
        and scene.near(-2).text == ";"
    ):
        return Advice(
            f"a predicate must follow a semicolon, and {scene.near(-1).text} begins another triple",
            "Write a dot instead of the semicolon.",
            scene.near(-2).start,
        )
    if token.text in {"a", "A"}:
        return Advice(
            "a is short for rdf:type and comes between a thing and its class", "Write ?x a the class."
        )
    if scene.expected == "predicate":
        prefix = next(filter(None, prologue(scene.tokens).prefixes), "ex")
        return Advice(
            f"{token.text} is not a predicate",
            f"Write a prefix before it, such as {prefix}:{token.text}, or ?{token.text} for a variable.",
        )
    if scene.expected == "subject" or (scene.expected == "dot" and scene.near(1).text not in {"(", "{"}):
        return Advice(
            f"{token.text} is not a subject", f"Write ?{token.text} for a variable, or a prefix before it."
        )
    if scene.expected == "dot":
        return None
    return Advice(
        f"{token.text} is not a value", f'Write "{token.text}" for a text, or ?{token.text} for a variable.'
    )


def _triples(scene: Scene) -> Advice | None:
    token, before = scene.token, scene.near(-1)
    if token.text == "=" and before.kind == "variable":
        return Advice(
            "= does not set a value in a pattern",
            f"Write BIND( … AS {before.text}) to set it, or FILTER({before.text} = …) to test it.",
            before.start,
        )
    if scene.expected == "subject" and token.text == "." and before.text == ".":
        return Advice("one dot is enough", "Delete the second.")
    if scene.expected == "subject" and token.text == ";" and before.text == ".":
        return Advice(
            "a semicolon continues the same subject, and the dot has ended it",
            "Delete the dot, or the semicolon.",
            before.start,
        )
    if scene.expected == "predicate" and token.kind in {"string", "number"}:
        return Advice(
            "a predicate is a property, not a value", "Write an IRI, a prefixed name or a variable."
        )
    if scene.expected in {"predicate", "object"} and (
        token.kind == "end" or token.text in {".", "}", ";", "]", ","}
    ):
        missing = "a predicate and an object are" if scene.expected == "predicate" else "an object is"
        return Advice(
            f"{missing} missing after {before.text[:60]}",
            "A triple has a subject, a predicate and an object.",
            before.start,
        )
    return None


def _missing_dot(scene: Scene) -> Advice | None:
    token, before = scene.token, scene.near(-1)
    if scene.expected != "dot" or (token.kind not in _TERMS and token.text not in {"[", "(", "<<"}):
        return None
    if scene.near(-2).text == ",":
        said = f"the comma makes {before.text[:60]} another object"
        return Advice(
            said, "Write a semicolon before another predicate of the same subject.", scene.near(-2).start
        )
    hint = "End the triple with a dot; or write ; before another predicate, or , before another object."
    return Advice(f"a dot is missing after {before.text[:60]}", hint, end(before))


RULES: Final = (_groups, _literals, _paths, _values, _words, _triples, _missing_dot)
