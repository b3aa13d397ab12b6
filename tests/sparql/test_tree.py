"""The tree of a text: its constructs, where they begin and end, and what stands in them."""

from __future__ import annotations

import random
import re
from pathlib import Path
from typing import TYPE_CHECKING, Final

from r2p_kg.sparql.grammar import parse
from r2p_kg.sparql.tokens import CLOSING, OPENING, tokens
from r2p_kg.sparql.tree import prologue

if TYPE_CHECKING:
    from r2p_kg.sparql.tree import Node, Tree

GALLERY: Final = sorted((Path(__file__).parent.parent.parent / "queries").rglob("*.rq"))


def outline(node: Node) -> object:
    return (node.name, [outline(part) for part in node.parts]) if node.parts else node.name


def text_of(tree: Tree, node: Node) -> str:
    return " ".join(token.text for token in tree.tokens[node.first : node.end])


def test_a_query_is_a_tree_of_its_constructs() -> None:
    tree = parse(
        "SELECT ?a (COUNT(?b) AS ?n) { ?a ?p ?b , 1 . OPTIONAL { ?b a ?c } FILTER(STR(?b) = 'x') } GROUP BY ?a"
    )
    triples = ("triples", ["verb", "object"])
    group = (
        "{",
        [("triples", ["verb", "object", "object"]), ("OPTIONAL", [("{", [triples])]), ("FILTER", ["STR"])],
    )
    assert ("query", [("SELECT", ["column", ("column", ["COUNT"]), group, "GROUP BY"])]) == outline(tree.root)


def test_a_construct_knows_its_tokens() -> None:
    tree = parse("SELECT ?a { ?a ?p ?b ; ?q 1 . VALUES ?b { 2 } }")
    assert ["?a ?p ?b ; ?q 1"] == [text_of(tree, node) for node in tree.every("triples")]
    assert ["?p", "?q"] == [text_of(tree, node) for node in tree.every("verb")]
    assert ["?b { 2 }"] == [text_of(tree, node) for node in tree.every("VALUES")]


def test_the_tree_of_a_text_with_a_mistake_reaches_up_to_it() -> None:
    tree = parse("SELECT ?a ?b WHERE { ?a ?p ) }")
    assert tree.mistake
    assert ["?a", "?b"] == [token.text for token in tree.columns(tree.root.parts[0])]
    assert tree.mistake.index == tree.root.end == max(node.end for node in tree.every("triples"))


def test_tokens_are_told_without_those_of_constructs_that_do_not_matter() -> None:
    tree = parse("SELECT (?x + SUM(?y) + COUNT(?z) + ?x AS ?n) { }")
    (column,) = tree.every("column")
    assert ["?x", "?x", "?n"] == [token.text for token in tree.variables(column, {"SUM", "COUNT"})]
    assert ["?x", "?y", "?z", "?x", "?n"] == [token.text for token in tree.variables(column)]


def test_what_is_inside_a_construct_is_a_part_of_it_and_each_bracket_knows_its_own() -> None:
    for path in GALLERY:
        tree = parse(re.sub(r"\$\w+", "<a:parameter>", path.read_text(encoding="utf-8")))
        assert tree.mistake is None
        for name, nodes in tree.named.items():
            assert nodes == sorted(nodes, key=lambda node: node.first), name
            for node in nodes:
                assert node.around
                assert node.around.first <= node.first <= node.end <= node.around.end
                assert list(node.indexes()) == list(node.loose(()))
        opening = [
            at for at, token in enumerate(tree.tokens) if token.kind == "mark" and token.text in OPENING
        ]
        closing = [
            at for at, token in enumerate(tree.tokens) if token.kind == "mark" and token.text in CLOSING
        ]
        assert (opening, closing) == (sorted(tree.brackets), sorted(tree.brackets.values()))


def test_any_text_has_a_tree() -> None:
    chance = random.Random(9)
    pieces = sorted({token.text for path in GALLERY for token in tokens(path.read_text(encoding="utf-8"))})
    for _ in range(3000):
        text = "SELECT * { " + " ".join(chance.choices(pieces, k=chance.randint(0, 12)))
        tree = parse(text)
        assert tree.root.end <= len(tree.tokens)
        for nodes in tree.named.values():
            assert all(node.first <= node.end <= tree.root.end for node in nodes), text


def test_declarations_are_read_one_after_another() -> None:
    found = tuple(tokens("BASE <http://b/> PREFIX a: <x#> BASE <c/> PREFIX : <> VERSION '1.2' SELECT * {}"))
    head = prologue(found, "http://a/")
    assert ({"a": "http://b/x#", "": "http://b/c/"}, "http://b/c/") == (head.prefixes, head.base)
    assert "SELECT" == found[head.end].text
    named = tuple(tokens(r"a:b\,c%41 none:x <d> ?e"))
    assert [r"http://b/x#b,c%41", None, "http://b/c/d", None] == [head.iri(token) for token in named]
