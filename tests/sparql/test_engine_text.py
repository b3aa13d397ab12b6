"""What the engine is given for a text: names that its parser refuses, and the star's columns in order."""

from __future__ import annotations

import json
import random
import re
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pyoxigraph as ox
import pytest

from r2p_kg.engine import Budget, Dataset
from r2p_kg.engine.evaluate import evaluate
from r2p_kg.sparql import policy
from r2p_kg.sparql.engine_text import engine_text
from r2p_kg.sparql.grammar import parse
from tests.growth import LINEAR, growth

if TYPE_CHECKING:
    from collections.abc import Callable

GALLERY: Final = sorted((Path(__file__).parent.parent.parent / "queries").rglob("*.rq"))
NAMESPACE: Final = "http://example.org/ns/"
JSON: Final = "application/sparql-results+json"

# PN_LOCAL (https://www.w3.org/TR/sparql11-query/#rPN_LOCAL), with a few letters for each range. Without \%
# and a second \#, because an IRI holds neither.
_LETTERS: Final = "aZé\u0370ب中\U00010000"
_ESCAPES: Final = [f"\\{sign}" for sign in "_~.-!$&'()*+,;=/?@"]
_ENCODED: Final = ["%41", "%c3%A9", "%20"]
_FIRST: Final = [*_LETTERS, *"_:09", *_ESCAPES, *_ENCODED]
_LAST: Final = [*_FIRST, *"-·\u0300\u203f"]
_MIDDLE: Final = [*_LAST, *"........................"]


def names(count: int) -> list[str]:
    """Local names, each as the grammar allows it."""
    chance = random.Random(11)
    made = []
    for _ in range(count):
        name = chance.choice(_FIRST)
        if chance.random() < 0.95:
            name += "".join(chance.choices(_MIDDLE, k=chance.randint(0, 12))) + chance.choice(_LAST)
        made.append(name)
    return made


def full(name: str) -> str:
    """The IRI that a name stands for: backslashes go, percent-encodings stay."""
    return NAMESPACE + name.replace("\\", "")


NAMES: Final = names(10_000)


def bound(query: str) -> dict[str, str]:
    """The only solution of a query: variable → value."""
    answer = json.loads(evaluate(ox.Store(), query, JSON, Dataset(), Budget()).body)
    (only,) = answer["results"]["bindings"]
    return {name: value["value"] for name, value in only.items()}


def test_the_names_are_all_different_kinds_of_names() -> None:
    dots = [len(re.findall(r"\.+", re.sub(r"\\.", "x", name))) for name in NAMES]
    assert sum(count > 1 for count in dots) > 3000
    assert sum(max(name) > "\uffff" for name in NAMES) > 1000
    assert sum(count == 0 for count in dots) > 1000
    assert len(set(NAMES)) > 9000


def test_every_name_of_the_grammar_stands_for_the_iri_that_the_engine_is_asked_with() -> None:
    for start in range(0, len(NAMES), 100):
        some = NAMES[start : start + 100]
        prefixed = " ".join(f"(e:{name} AS ?x{at})" for at, name in enumerate(some))
        spelt = " ".join(f"(<{full(name)}> AS ?x{at})" for at, name in enumerate(some))
        found = bound(f"PREFIX e: <{NAMESPACE}> SELECT {prefixed} {{}}")
        assert {f"x{at}": full(name) for at, name in enumerate(some)} == found
        assert bound(f"SELECT {spelt} {{}}") == found


def test_the_turtle_parser_takes_every_name_of_the_grammar_as_it_is() -> None:
    turtle = f"@prefix e: <{NAMESPACE}> .\n" + "\n".join(f"<a:s> <a:p> e:{name} ." for name in NAMES)
    objects = [quad.object for quad in ox.parse(turtle.encode(), ox.RdfFormat.TURTLE)]
    assert [ox.NamedNode(full(name)) for name in NAMES] == objects


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("PREFIX e: <x:> ASK { e:a.b ?p e:a..b }", "PREFIX e: <x:> ASK { e:a.b ?p e:a..b }"),
        ("PREFIX e: <x:> ASK { e:a.b.c ?p e:d}", "PREFIX e: <x:> ASK { <x:a.b.c> ?p e:d}"),
        ("PREFIX : <x:> ASK { ?s ?p :a.b..c. }", "PREFIX : <x:> ASK { ?s ?p <x:a.b..c>. }"),
        (
            "PREFIX e: <x:> ASK { ?s ?p 'e:a.b.c' } # e:a.b.c",
            "PREFIX e: <x:> ASK { ?s ?p 'e:a.b.c' } # e:a.b.c",
        ),
        ("ASK { ?s e:a.b.c ?o }", "ASK { ?s e:a.b.c ?o }"),
        (
            "BASE <http://b/> PREFIX e: <x/> ASK { e:a.b.c ?p 1 }",
            "BASE <http://b/> PREFIX e: <x/> ASK { <http://b/x/a.b.c> ?p 1 }",
        ),
        ("PREFIX e: <r> ASK { e:a.b.c ?p 1 }", "PREFIX e: <r> ASK { <http://base/ra.b.c> ?p 1 }"),
        (
            "PREFIX e: <x:> INSERT DATA { e:a.b.c e:p 1 } ; PREFIX e: <y:> INSERT DATA { e:a.b.c e:p 1 }",
            "PREFIX e: <x:> INSERT DATA { <x:a.b.c> e:p 1 } ; PREFIX e: <y:> INSERT DATA { <y:a.b.c> e:p 1 }",
        ),
        (r"PREFIX e: <x:\u003E> ASK { e:a.b.c ?p 1 }", r"PREFIX e: <x:\u003E> ASK { e:a.b.c ?p 1 }"),
        (r"PREFIX e: <x:> ASK { e:a.b\'.c ?p 1 }", r"PREFIX e: <x:> ASK { <x:a.b\u0027.c> ?p 1 }"),
    ],
)
def test_only_a_name_that_the_engine_refuses_is_written_out(text: str, expected: str) -> None:
    assert expected == engine_text(text, "http://base/").text


def test_what_is_written_out_holds_no_sign_that_begins_anything() -> None:
    """Policy has judged the text that was sent; a quote or # of ours could give it another reading."""
    text = f"PREFIX e: <http://x/#> SELECT (e:{''.join(_ESCAPES)}.a.b AS ?x) {{}}"
    ((_, _, written),) = engine_text(text).edits
    assert re.fullmatch(r"<[\w.~:/%\\-]+>", written)
    assert "http://x/#_~.-!$&'()*+,;=/?@.a.b" == bound(text)["x"]


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("PREFIX e: <x:>\nSELECT * { e:a.b.c ?p ?o . e:d.e.f ?p ) }", (2, 39)),
        ("PREFIX e: <x:>\nSELECT * { ?a ?b ?c } LIMIT x", (2, 29)),
        ("PREFIX e: <x:>\nASK { ?a ) e:a.b.c }", (2, 10)),
        ("PREFIX e: <x:>\nASK { ?a e:a.b.c\n  e:a.b.c ) }", (3, 11)),
    ],
)
def test_the_place_of_an_error_is_that_of_the_text_that_was_sent(text: str, place: tuple[int, int]) -> None:
    written = engine_text(text)
    sign = ")" if ")" in text else "x"
    line, column = _place_of(written.text, written.text.rindex(sign))
    assert "error at {}:{}: expected y".format(*place) == written.message(
        f"error at {line}:{column}: expected y"
    )


def test_a_place_inside_what_was_written_out_is_that_of_the_name() -> None:
    written = engine_text("PREFIX e: <x:> ASK { ?s e:a.b.c ?o }")
    assert {"error at 1:25: x"} == {written.message(f"error at 1:{column}: x") for column in range(25, 34)}
    assert "error at 1:32: x" == written.message("error at 1:34: x")


def test_the_engine_names_the_place_of_the_text_that_was_sent() -> None:
    text = "PREFIX e: <http://example.org/> ASK { ?s e:a.b.c ?o } NONSENSE"
    messages = []
    for one in (text, text.replace("a.b.c", "a_b_c")):
        with pytest.raises(SyntaxError) as caught:
            evaluate(ox.Store(), one, JSON, Dataset(), Budget())
        messages.append(str(caught.value).partition(": ")[0])
    assert messages[0] == messages[1]


def _place_of(text: str, offset: int) -> tuple[int, int]:
    before = text[:offset]
    return before.count("\n") + 1, offset - before.rfind("\n")


STARS: Final = {
    "SELECT * { ?s ?p ?o }": ["s", "p", "o"],
    "select distinct *{ ?b ?a 1 . $c ?a ?b }": ["b", "a", "c"],
    "SELECT * { GRAPH ?g { ?s ?p ?o } OPTIONAL { ?o ?z ?a } }": ["g", "s", "p", "o", "z", "a"],
    "SELECT * { ?s ?p ?o MINUS { ?x ?y ?o } FILTER EXISTS { ?k ?l ?m } }": ["s", "p", "o"],
    "SELECT * { BIND(EXISTS { ?u ?v ?w } AS ?b) VALUES ?a { 1 } } VALUES (?d ?c) { (1 2) }": [
        "b",
        "a",
        "d",
        "c",
    ],
    "SELECT * { { SELECT ?z (COUNT(?y) AS ?x) { ?z ?y ?w } GROUP BY ?z } }": ["z", "x"],
    "SELECT * { SELECT * { ?z ?y ?x } ORDER BY ?v }": ["z", "y", "x"],
    "SELECT * { << ?s ?p ?o ~ ?r >> ?q ?v . ?c ?d ?e ~ ?f {| ?g ?h |} }": list("sporqvcdefgh"),
    "SELECT * { [ ?z ( ?y _:b ) ] } ORDER BY ?n": ["z", "y"],
}


@pytest.mark.parametrize("text", STARS)
def test_the_columns_of_a_star_stand_in_the_order_of_the_text(text: str) -> None:
    answer = evaluate(ox.Store(), text, JSON, Dataset(), Budget())
    assert STARS[text] == json.loads(answer.body)["head"]["vars"]
    assert sorted(STARS[text]) == [one.value for one in ox.Store().query(text).variables]  # type: ignore[union-attr]


@pytest.mark.parametrize(
    "text",
    [
        "SELECT * {}",
        "SELECT * { FILTER(?x) }",
        "SELECT * { ?s ?p ?o } GROUP BY ?s",
        "SELECT * { ?s ?p ?o } HAVING(?s)",
        "SELECT * { ?s ?p ?o } ORDER BY COUNT(?s)",
        "SELECT * { ?s ?p ?o FILTER(?s <a:b> ?c) }",
        "ASK { { SELECT * { ?s ?p ?o } } }",
        "SELECT (COUNT(*) AS ?n) { ?s ?p ?o }",
    ],
)
def test_a_star_is_left_alone_if_there_is_any_doubt(text: str) -> None:
    assert text == engine_text(text).text


_PARTS: Final[tuple[str, ...]] = (
    *(
        "?{a} ?{b} ?{c} .",
        "?{a} <a:p>/^<a:q>* ?{b} .",
        "?{a} ?{b} [ ?{c} ( ?{a} 1 ) ] ; <a:q> ?{c} .",
        "_:{x} ?{a} ?{b} .",
    ),
    *(
        "OPTIONAL {{ {0} }}",
        "MINUS {{ {0} }}",
        "{{ {0} }} UNION {{ {1} }}",
        "{{ {0} }}",
        "GRAPH ?{a} {{ {0} }}",
    ),
    *(
        "FILTER(?{a} = ?{b})",
        "FILTER NOT EXISTS {{ {0} }}",
        "VALUES ?{a} {{ 1 }}",
        "VALUES (?{a} ?{b}) {{ (1 2) }}",
    ),
    *(
        "BIND(?{a} + 1 AS ?{n})",
        "BIND(EXISTS {{ {0} }} AS ?{n})",
        "LATERAL {{ {0} }}",
        "<< ?{a} ?{b} ?{c} >> ?{a} ?{b} .",
    ),
    *("{{ SELECT * {{ {0} }} }}", "{{ SELECT ?{a} ?{b} {{ {0} }} ORDER BY ?{c} }}", "GRAPH <a:g> {{ {0} }}"),
    *(
        "{{ SELECT ?{a} (COUNT(?{b}) AS ?{n}) {{ {0} }} GROUP BY ?{a} }}",
        "{{ SELECT * {{ {0} }} VALUES ?{a} {{ 1 }} }}",
    ),
)


def _pattern(chance: random.Random, depth: int) -> str:
    parts = []
    for _ in range(chance.randint(1, 3)):
        inner = [_pattern(chance, depth - 1) if depth else "" for _ in range(2)]
        letters = {name: chance.choice("abcdefgh") + chance.choice("12") for name in "abc"}
        fresh = {"n": f"n{chance.randint(0, 10**9)}", "x": f"x{chance.randint(0, 10**9)}"}
        parts.append(chance.choice(_PARTS).format(*inner, **letters, **fresh))
    return " ".join(parts)


def test_the_columns_of_a_star_are_the_set_that_the_engine_gives_and_in_the_order_of_the_text() -> None:
    chance = random.Random(3)
    judged = 0
    for _ in range(2000):
        text = f"SELECT * {{ {_pattern(chance, 2)} }}"
        try:
            expected = {one.value for one in ox.Store().query(text).variables}  # type: ignore[union-attr]
        except SyntaxError:
            continue
        judged += 1
        written = engine_text(text).text
        found = ox.Store().query(written).variables  # type: ignore[union-attr]
        assert expected == {one.value for one in found}, text
        assert bool(expected) == (written != text), text
        places = [text.index(f"?{one.value}") for one in found]
        assert parse(text).mistake is None
        if (
            "MINUS" not in text
            and "FILTER" not in text
            and "SELECT ?" not in text
            and "EXISTS" not in text
            and "BIND" not in text
        ):
            assert sorted(places) == places, text
    assert judged > 1000


def test_a_text_of_the_gallery_is_given_as_it_is() -> None:
    texts = [path.read_text(encoding="utf-8") for path in GALLERY]
    assert texts == [engine_text(text).text for text in texts]


@pytest.mark.parametrize(
    ("make", "count"),
    [
        (lambda count: "ASK { ?s ?p ?o } #" + ":" * count, 60_000),
        (lambda count: "ASK { ?s ?p ?o } #" + r":\," * count, 20_000),
        (lambda count: "ASK { ?s ?p ?o } #" + ":a.b" * count, 15_000),
        (
            lambda count: (
                "SELECT * { ?s ?p " + " , ".join(f"e:a.{number}.b" for number in range(count)) + " }"
            ),
            4_000,
        ),
        (lambda count: "#" + "select *" * count, 8_000),
    ],
)
def test_the_longest_text_takes_time_in_proportion_to_its_length(
    make: Callable[[int], str], count: int
) -> None:
    assert len(make(count)) <= policy.Limits().length
    assert growth(_anew, make, count) < LINEAR


def _anew(text: str) -> object:
    parse.cache_clear()
    return engine_text(text)
