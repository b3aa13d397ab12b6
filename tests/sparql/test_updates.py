"""Updates as text: what is refused wherever it hides, and the protocol's dataset in the text."""

from __future__ import annotations

from typing import Final

import pytest

from r2p_kg.sparql import updates
from r2p_kg.sparql.errors import SparqlRefusedError

DATASETS: Final = {
    "INSERT {} WHERE {}": "INSERT {} USING <a:b> WHERE {}",
    "insert{}where{}": "insert{}USING <a:b> where{}",
    "DELETE {} INSERT {} WHERE { { SELECT * WHERE {} } }": "DELETE {} INSERT {} USING <a:b> WHERE { { SELECT * WHERE {} } }",
    "DELETE WHERE { <a:WHERE> ?p '} WHERE {' }": "DELETE { <a:WHERE> ?p '} WHERE {' } USING <a:b> WHERE { <a:WHERE> ?p '} WHERE {' }",
    "DELETEWHERE{?s ?p ?o}": "DELETE{?s ?p ?o} USING <a:b> WHERE{?s ?p ?o}",
    "INSERT DATA { <a:a> <a:b> <a:c> } # WHERE": "INSERT DATA { <a:a> <a:b> <a:c> } # WHERE",
    "CLEAR ALL": "CLEAR ALL",
}


@pytest.mark.parametrize("text", DATASETS)
def test_using_clauses_stand_before_each_where_of_an_operation(text: str) -> None:
    assert DATASETS[text] == updates.with_dataset(text, ("a:b",))


@pytest.mark.parametrize(
    "text",
    [
        "WITH <a:g> DELETE {} WHERE {}",
        "INSERT {} USING <a:g> WHERE {}",
        "INSERT {} USING NAMED <a:g> WHERE {}",
        "INSERT {}USING<a:g>WHERE {}",
        "CLEAR ALL ; with <a:g> INSERT {} WHERE {}",
    ],
)
def test_a_dataset_in_the_text_and_in_the_parameters_exclude_each_other(text: str) -> None:
    assert text == updates.with_dataset(text)
    with pytest.raises(SparqlRefusedError, match="exclude each other"):
        updates.with_dataset(text, (), ("a:b",))


FETCHING: Final = [
    "LOAD <http://127.0.0.1:PORT/x>",
    "load silent <http://127.0.0.1:PORT/x> INTO GRAPH <a:b>",
    "LOADSILENT<http://127.0.0.1:PORT/x>",
    "PREFIX l: <http://127.0.0.1:PORT/> LOAD l:x",
    "PREFIX l: <http://127.0.0.1:PORT/> LOADl:x",
    "CLEAR ALL;LOAD<http://127.0.0.1:PORT/x>",
    "INSERT {} WHERE { FILTER(1<'>')};LOAD<http://127.0.0.1:PORT/x>;INSERT {} WHERE { FILTER(1<'>') }",
    "#\nLOAD#\n<http://127.0.0.1:PORT/x>",
    r"\u004COAD <http://127.0.0.1:PORT/x>",
    "INSERT { ?s ?p ?o } WHERE { SERVICE <http://127.0.0.1:PORT/x> { ?s ?p ?o } }",
    "INSERT { ?s ?p ?o } WHERE { SERVICE SILENT <http://127.0.0.1:PORT/x> { ?s ?p ?o } }",
    "DELETE {} INSERT {} WHERE { FILTER(1<'>')SERVICE<http://127.0.0.1:PORT/x>{}FILTER(1<'>') }",
]


@pytest.mark.parametrize("text", FETCHING)
def test_load_and_service_are_refused_wherever_they_hide(text: str) -> None:
    with pytest.raises(SparqlRefusedError, match=r"(LOAD|SERVICE) is not allowed"):
        updates.check(text.replace("PORT", "80"))


@pytest.mark.parametrize(
    "text",
    [
        "PREFIX load: <a:> CLEAR GRAPH load:x",
        "PREFIX load: <a:> COPY load:a TO load:b",
        "PREFIX load: <a:> INSERT DATA { load:s load:p 1 ; load:q 2 }",
        "PREFIX load: <a:> WITH load:g DELETE { ?load load:p load:o } WHERE { ?load load:p load:o }",
        "INSERT DATA { <a:a> <a:b> '; LOAD <a:c>' } # ; LOAD <a:c>",
        "CLEAR ALL ;",
        "",
    ],
)
def test_what_only_looks_like_load_is_let_through(text: str) -> None:
    assert text == updates.with_dataset(text)
