"""Mistakes of prefixes and of what stands before the query form."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from r2p_kg.sparql.hints.scene import Advice
from r2p_kg.sparql.nearest import nearest
from r2p_kg.sparql.tree import prologue
from r2p_kg.sparql.words import COMMON_PREFIXES, FORMS

if TYPE_CHECKING:
    from r2p_kg.sparql.hints.scene import Scene

_BARE_IRI: Final = re.compile(r"(?:https?|ftp)://[^\s<>\"{}|^`\\]+|urn:[^\s<>\"{}|^`\\]+", re.IGNORECASE)


def _bare_iri(scene: Scene) -> Advice | None:
    match = _BARE_IRI.match(scene.query) if scene.token.kind == "name" else None
    if not match or scene.expected not in {"prefix", "prefix iri"}:
        return None
    iri = match[0].rstrip(".,;")
    return Advice("an IRI needs angle brackets", f"Write <{iri}>.")


def _undeclared(scene: Scene) -> Advice | None:
    if scene.expected != "prefix":
        return None
    prefix, _, local = scene.token.text.partition(":")
    namespace = scene.known.get(prefix) or COMMON_PREFIXES.get(prefix)
    detail = f"the prefix {prefix}: is not declared"
    if namespace:
        return Advice(detail, f"Add the line PREFIX {prefix}: <{namespace}> at the top.")
    declared = prologue(scene.tokens).prefixes
    near = next(iter([*nearest(prefix, declared), *nearest(prefix, scene.known)]), "")
    if near in declared:
        return Advice(
            detail, f"Did you mean {near}:{local}? If not, add the line PREFIX {prefix}: <…> at the top."
        )
    if near:
        return Advice(
            detail, f"Did you mean {near}:{local}? Then add PREFIX {near}: <{scene.known[near]}> at the top."
        )
    return Advice(
        detail, f"Add the line PREFIX {prefix}: <…> at the top, with the namespace that it stands for."
    )


def _declaration(scene: Scene) -> Advice | None:
    if scene.expected == "prefix name":
        name = scene.token.text.partition(":")[0]
        if scene.token.kind == "name":
            return Advice(
                "PREFIX declares a name up to its colon",
                f"Write PREFIX {name}: and the IRI in angle brackets.",
            )
        return Advice(
            "a prefix is declared with a colon",
            f"Write PREFIX {name if scene.token.kind == 'word' else ''}: <…>.",
        )
    if scene.expected == "prefix iri":
        return Advice("a prefix stands for an IRI in angle brackets", "Write PREFIX name: <IRI>.")
    return None


def _misplaced(scene: Scene) -> Advice | None:
    if scene.word not in {"PREFIX", "BASE"} or scene.near(1).kind not in {"name", "iri"}:
        return None
    return Advice(f"{scene.word} belongs before SELECT", "Move the line to the top of the query.")


def _form(scene: Scene) -> Advice | None:  # noqa: PLR0911 - one return for each mistake
    if scene.expected != "form":
        return None
    token = scene.token
    if token.text.lower() in {"@prefix", "@base"}:
        return Advice(
            f"{token.text} is Turtle, not SPARQL",
            f"Write {token.text[1:].upper()}, without a dot at the end of the line.",
        )
    if token.text in {".", ";"} and scene.near(-1).kind == "iri":
        return Advice(
            f"a declaration does not end with {token.text}", f"Delete the {token.text} after the IRI."
        )
    if scene.word == "WHERE":
        return Advice("WHERE comes after SELECT and its variables", "Write SELECT … WHERE { … }.")
    if token.kind == "word" and scene.near(1).text == "=":
        return Advice(
            f"{token.text}= belongs to the URL, not to the query",
            "Send the query alone as the value of the parameter.",
        )
    if token.kind == "string" and any(form in token.text.upper() for form in FORMS):
        return Advice("the query is in quotes", "Send it without the quotes around it.")
    if token.text == "{":
        return Advice("the query has no form", "Write SELECT * before the {, or ASK.")
    near = nearest(scene.word, [*FORMS, "PREFIX", "BASE"]) if token.kind == "word" else []
    said = f"{token.text[:40]!r} is not allowed here; a query begins with SELECT, ASK, CONSTRUCT or DESCRIBE"
    if token.kind == "end":
        said = "the query ends before SELECT, ASK, CONSTRUCT or DESCRIBE"
    return Advice(
        said, f"Did you mean {near[0]}?" if near else "Write for example SELECT * { ?s ?p ?o } LIMIT 10."
    )


RULES: Final = (_bare_iri, _undeclared, _declaration, _misplaced, _form)
