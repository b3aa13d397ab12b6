"""Texts that match nothing: in a language that the graph does not have, or without the tag that it has."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from r2p_kg.sparql.tree import prologue

if TYPE_CHECKING:
    from collections.abc import Iterator

    from r2p_kg.sparql.known_terms import KnownTerms
    from r2p_kg.sparql.tokens import Token
    from r2p_kg.sparql.tree import Node, Prologue, Tree


def warnings(tree: Tree, known: KnownTerms) -> Iterator[tuple[Token, str, str]]:
    """Token, code and message of each warning."""
    if not any(token.kind == "string" for token in tree.tokens):
        return
    new = _new_variables(tree)
    if "STRLANG" not in tree.named and "STRLANGDIR" not in tree.named:
        yield from _languages(tree, known, new)
    yield from _untagged(tree, known, new)


def _new_variables(tree: Tree) -> set[str]:
    """The names of the variables that BIND and columns give a value."""
    named = [tree.tokens[node.end - 2] for node in tree.every("BIND")]
    named += [tree.column(node) for node in tree.every("column") if node.end - node.first > 1]
    return {token.text[1:] for token in named}


def _languages(tree: Tree, known: KnownTerms, new: set[str]) -> Iterator[tuple[Token, str, str]]:
    """Languages of no text of the graph: with LANG, with LANGMATCHES, or as the tag of a string."""
    some = ", ".join(sorted(known.languages)[:8])
    has = f"it has {some}" if some else "no text of it has a language"
    tags = any(token.kind == "language" for token in tree.tokens)
    for pattern in _patterns(tree) if tags else ():
        for token in tree.tokens[pattern.first : pattern.end]:
            tag = token.text[1:].partition("--")[0].lower() if token.kind == "language" else ""
            if tag and tag not in known.languages:
                yield token, "unknown-language", f"the graph has no text in the language {tag}; {has}"
    for call in tree.every("LANG"):
        if call.end - call.first != 2 or tree.tokens[call.first].text[1:] in new:  # noqa: PLR2004 - a variable and )
            continue
        compared, matches = _compared(tree, call)
        if compared is None:
            continue
        tag = compared.text[1:-1]
        if matches and not _any_matches(tag, known.languages):
            yield compared, "unknown-language", f"the graph has no text in the language {tag[:40]}; {has}"
        elif not matches and tag and tag not in known.languages:
            small = f'write "{tag.lower()}", tags are in lower case here'
            way = small if tag.lower() in known.languages else has
            yield compared, "unknown-language", f"the graph has no text in the language {tag[:40]}; {way}"


def _patterns(tree: Tree) -> Iterator[Node]:
    """The triples that are looked for: not those of templates."""
    return (node for node in tree.every("triples") if node.around is None or node.around.name != "template")


def _compared(tree: Tree, call: Node) -> tuple[Token | None, bool]:
    """The string with which a call of LANG is compared, or None; and whether LANGMATCHES compares them."""
    behind, after = tree.word(call.end), call.end + 1
    matches = behind == "," and call.around is not None and call.around.name == "LANGMATCHES"
    if not matches and behind != "=":
        after = call.first - 4
        if tree.word(call.first - 3) != "=":
            return None, False
    token = tree.tokens[after]
    return (token if token.kind == "string" else None), matches


def _any_matches(tag: str, languages: frozenset[str]) -> bool:
    """Basic filtering of RFC 4647, section 3.3.1."""
    wanted = tag.lower()
    if wanted == "*":
        return bool(languages)
    return any(one == wanted or one.startswith(wanted + "-") for one in languages)


def _untagged(tree: Tree, known: KnownTerms, new: set[str]) -> Iterator[tuple[Token, str, str]]:
    """Plain strings where all values have a language: as objects, in ``?x = "…"`` and in VALUES."""
    values = {at: node for node in tree.every("VALUES") for at in node.indexes()}
    places = {node.first for node in tree.every("object")} | values.keys()
    plain = [
        at
        for at, token in enumerate(tree.tokens)
        if token.kind == "string" and _is_plain(tree, at) and (at in places or _equal_to(tree, at))
    ]
    if not plain:
        return
    objects = _objects(tree, known)
    tagged = {at: tag for at, tag in objects.items() if tree.tokens[at].kind == "variable"}
    everywhere = Counter(
        token.text[1:]
        for node in (*tree.every("triples"), *tree.every("VALUES"))
        for token in tree.variables(node)
    )
    as_object = Counter(tree.tokens[at].text[1:] for at in tagged)
    # A variable that has its values from nowhere else.
    tags = {
        tree.tokens[at].text[1:]: tag
        for at, tag in tagged.items()
        if everywhere[tree.tokens[at].text[1:]] == as_object[tree.tokens[at].text[1:]]
        and tree.tokens[at].text[1:] not in new
    }
    for at in plain:
        tag = objects.get(at) or tags.get(_equal_to(tree, at)) or _of_values(tree, values.get(at), tagged)
        if tag:
            text = tree.tokens[at].text[:60]
            message = f"a text without a language matches nothing, all values have one; write {text}@{tag}"
            yield tree.tokens[at], "untagged-text", message


def _is_plain(tree: Tree, at: int) -> bool:
    following = tree.tokens[at + 1]  # a query ends with a bracket or a number
    return following.kind != "language" and following.text != "^^"


def _objects(tree: Tree, known: KnownTerms) -> dict[int, str]:
    """Index of each object of one token → the language of its property's values, if they all have one."""
    head = prologue(tree.tokens, known.base)
    found: dict[int, str] = {}
    for pattern in _patterns(tree):
        for holder in (pattern, *pattern.every(("object",))):
            tag: str | None = None
            for part in holder.parts:
                if part.name == "verb":
                    tag = known.tags.get(_property(tree, part, head) or "")
                elif part.name == "object" and tag and part.end - part.first == 1:
                    found[part.first] = tag
    return found


def _property(tree: Tree, verb: Node, head: Prologue) -> str | None:
    """The IRI of a predicate, or of the last step of a sequence; None of any other path."""
    last = verb.end - 1
    sequence = tree.word(last - 1) == "/" and all(tree.word(at) != "|" for at in verb.indexes())
    return head.iri(tree.tokens[last]) if sequence or verb.first == last else None


def _equal_to(tree: Tree, at: int) -> str:
    """The name of the variable that a condition compares with this string; empty if there is none."""
    for variable, equal, before, behind in (
        (at - 2, at - 1, at - 3, at + 1),
        (at + 2, at + 1, at - 1, at + 3),
    ):
        alone = tree.word(before) in ("(", "&&", "||") and tree.word(behind) in (")", "&&", "||")
        if alone and tree.word(equal) == "=" and tree.tokens[variable].kind == "variable":
            return tree.tokens[variable].text[1:]
    return ""


def _of_values(tree: Tree, node: Node | None, tagged: dict[int, str]) -> str | None:
    """The language of the values of a VALUES with one variable, if the group around it knows it."""
    if node is None or node.around is None or tree.tokens[node.first].kind != "variable":
        return None
    name = tree.tokens[node.first].text[1:]
    group = [part for part in node.around.parts if part.name == "triples"]
    return next(
        (
            tag
            for place, tag in tagged.items()
            if tree.tokens[place].text[1:] == name and any(part.first <= place < part.end for part in group)
        ),
        None,
    )
