"""What the engine takes against the grammar is a syntax error, and nothing that the grammar allows is."""

from __future__ import annotations

import pytest

from r2p_kg.sparql import forbidden, policy
from r2p_kg.sparql.errors import SparqlSyntaxError
from tests.growth import LINEAR, growth

WRONG = {
    "SELECT (COUNT(COUNT(*)) AS ?c) {}": (15, "COUNT is inside another"),
    "SELECT (sum ( ?x + Max(?y) ) AS ?c) { ?x ?p ?y }": (20, "MAX is inside another"),
    "SELECT (SUM(STRLEN(?x) + (AVG(?y))) AS ?c) { ?x ?p ?y }": (27, "AVG is inside another"),
    "SELECT ?x { ?x ?p ?y } GROUP BY ?x HAVING (COUNT(SAMPLE(?y)) > 1)": (50, "SAMPLE is inside another"),
    "SELECT (COUNT(IF(EXISTS { ?a ?b ?c }, 1, MIN(?y))) AS ?c) { ?x ?p ?y }": (42, "MIN is inside another"),
    "SELECT * { BIND(<<( <<( <a:s> <a:p> 1 )>> <a:q> 2 )>> AS ?t) }": (
        21,
        "a triple term cannot be the subject",
    ),
    'SELECT * { BIND(<<( "text"@en <a:q> 2 )>> AS ?t) }': (21, '"text" cannot be the subject'),
    "SELECT * { FILTER(sameTerm(?x, <<( 5 <a:q> 2 )>>)) }": (36, "5 cannot be the subject"),
}

RIGHT = (
    "SELECT (COUNT(*) AS ?c) (SUM(?y) AS ?d) { ?x ?p ?y }",
    "SELECT (COUNT(?x) + COUNT(?y) AS ?c) { ?x ?p ?y } HAVING (MAX(?y) > MIN(?y))",
    "SELECT (SUM(?n) AS ?all) { { SELECT (COUNT(*) AS ?n) { ?x ?p ?y } GROUP BY ?x } }",
    "SELECT (SUM(IF(EXISTS { { SELECT (COUNT(*) AS ?n) { ?x ?p ?y } } }, 1, 0)) AS ?c) { ?x ?p ?y }",
    "SELECT (COUNT(?count) AS ?sum) (MAX(<a:max>(?x)) AS ?y) { ?x ?p ?count }",
    "PREFIX count: <a:> SELECT (COUNT(count:sum(?x)) AS ?y) { ?x ?p 'SUM(COUNT(?x))' # COUNT(COUNT(?x))\n }",
    "SELECT * { ?s ?p <<( 5 <a:q> 2 )>> , <<( <<( 'text' <a:p> 1 )>> <a:q> 2 )>> ; a ( <<( 1 <a:q> 2 )>> ) }",
    "SELECT * { FILTER EXISTS { ?s ?p <<( 5 <a:q> 2 )>> } }",
    "SELECT * { ?s ?p <<( <a:s> <a:p> <<( ?a ?b 1 )>> )>> . BIND(<<( ?x <a:q> 'text' )>> AS ?t) }",
)


@pytest.mark.parametrize(("query", "column", "said"), [(query, *found) for query, found in WRONG.items()])
def test_what_the_grammar_forbids_is_told_where_it_stands(query: str, column: int, said: str) -> None:
    with pytest.raises(SparqlSyntaxError, match=said) as caught:
        policy.inspect(query)
    assert (1, column) == (caught.value.line, caught.value.column)
    assert caught.value.hint


@pytest.mark.parametrize("query", RIGHT)
def test_what_the_grammar_allows_passes(query: str) -> None:
    forbidden.check(query)
    assert "select" == policy.inspect(query).form


def test_a_text_that_breaks_a_rule_is_always_suspected() -> None:
    assert all(forbidden.may_break(query) for query in WRONG)


@pytest.mark.parametrize("part", ["COUNT", "COUNT(", "COUNT#", "COUNT( { ", "<<", "COUNT(\n", "SUM("])
def test_suspicion_takes_time_in_proportion_to_the_text(part: str) -> None:
    assert growth(forbidden.may_break, lambda size: (part * size)[:size], 65_536) < LINEAR
