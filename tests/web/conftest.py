"""A small world of its own behind the whole application: real pool, real library, Flask's test client."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest
from pyoxigraph import RdfFormat

from r2p_kg import library
from r2p_kg.engine import pool
from r2p_kg.graph import rdf, snapshot
from r2p_kg.web import Settings, create_app
from tests import in_process

if TYPE_CHECKING:
    from collections.abc import Iterator

    from flask.testing import FlaskClient

PREFIXES = {
    "dcterms": "http://purl.org/dc/terms/",
    "ex": "http://example.org/",
    "id": "https://w3id.org/r2p-kg/id/",
    "owl": "http://www.w3.org/2002/07/owl#",
    "r2p": "https://w3id.org/r2p-kg/ns#",
    "rdf": "http://www.w3.org/1999/02/22-rdf-syntax-ns#",
    "rdfs": "http://www.w3.org/2000/01/rdf-schema#",
    "skos": "http://www.w3.org/2004/02/skos/core#",
    "xsd": "http://www.w3.org/2001/XMLSchema#",
}

TRIG = (
    "".join(f"@prefix {prefix}: <{space}> .\n" for prefix, space in PREFIXES.items())
    + """
@prefix graph: <https://w3id.org/r2p-kg/graph/> .
@prefix doc: <https://w3id.org/r2p-kg/id/report/> .
graph:schema {
  <https://w3id.org/r2p-kg/ns> a owl:Ontology ; dcterms:title "A world"@en ; dcterms:description "Small."@en ;
    dcterms:license <https://creativecommons.org/licenses/by/4.0/> .
  r2p:Statement a owl:Class ; rdfs:label "statement"@en ; skos:definition "What a source says."@en .
  r2p:Response a owl:Class ; rdfs:label "response"@en ;
    rdfs:subClassOf r2p:Statement , [ a owl:Restriction ; owl:onProperty r2p:cites ; owl:someValuesFrom r2p:Passage ] .
  r2p:Passage a owl:Class ; rdfs:label "passage"@en .
  r2p:Situation a owl:Class ; rdfs:label "situation"@en .
  r2p:cites a owl:ObjectProperty ; rdfs:label "cites"@en ; rdfs:domain r2p:Statement ; rdfs:range r2p:Passage .
  r2p:says a owl:DatatypeProperty ; rdfs:label "says"@en .
}
graph:facts\\/arvania {
  id:arvania-2001 a r2p:Situation ; rdfs:label "Arvania 2001"@en , "Arvanie 2001"@fr .
  id:borland-1999 a r2p:Situation ; rdfs:label "Borland 1999"@en .
  id:arvania.response.talks a r2p:Response , r2p:Statement ; r2p:says "The council <b>held</b> talks."@en ;
    r2p:cites doc:para-1 ; r2p:modality <https://w3id.org/r2p-kg/id/modality/alleged> ;
    r2p:negated true ; r2p:usedIn id:arvania-2001 ; r2p:about id:arvania-2001 .
  <https://w3id.org/r2p-kg/id/modality/alleged> rdfs:label "alleged"@en .
  doc:para-1 a r2p:Passage ; rdfs:label "Report, para. 1"@en ; r2p:locator "para. 1" .
  doc:para-2 a r2p:Passage ; rdfs:label "Report, para. 2"@en ; r2p:locator "para. 2" .
}
graph:entailed { id:arvania-2001 r2p:mentionedIn doc:para-1 . id:arvania-2001 a r2p:Situation . }
graph:facts\\/hostile {
  ex:evil rdfs:label "<script>alert(1)</script>" ;
    rdfs:seeAlso <javascript:alert(1)> , <data:text/html,x> , <https://elsewhere.example/x> ; ex:number 01 , 1.50 .
  ex:count ex:p """
    + " , ".join(f"ex:n{number}" for number in range(1500))
    + " .\n"
    + "".join(f"  ex:m{number} ex:to ex:hub .\n" for number in range(250))
    + "}\n"
)

QUERIES = {
    "queries/situations/situation-responses.rq": """\
#+ title: What was done in a situation
#+ question: Which statements concern a situation?
#+ params:
#+   situation: {type: class-instance, of: r2p:Situation, label: Situation, default: id:arvania-2001}
#+ returns:
#+   - statement: the statement
#+   - text: what it says
#+ expect: rows
#+ note: Proposals are left out.
PREFIX r2p: <https://w3id.org/r2p-kg/ns#>
PREFIX id: <https://w3id.org/r2p-kg/id/>
SELECT ?statement ?text WHERE { ?statement r2p:usedIn $situation ; r2p:says ?text }
""",
    "queries/situations/label-search.rq": """\
#+ title: Things by label
#+ question: What is called so?
#+ params:
#+   text: {type: string, label: Label}
#+ returns:
#+   - thing: what is called so
#+ expect: rows
PREFIX rdfs: <http://www.w3.org/2000/01/rdf-schema#>
SELECT ?thing WHERE { ?thing rdfs:label ?l FILTER(STR(?l) = $text) }
""",
    "queries/empties/nothing.rq": """\
#+ title: What no source says
#+ question: Which situation was solved?
#+ returns:
#+   - situation: the situation
#+ expect: empty
#+ note: The sources do not say.
PREFIX ex: <http://example.org/>
SELECT ?situation WHERE { ?situation ex:solved true }
""",
    "queries/empties/any-talks.rq": """\
#+ title: Were there talks
#+ question: Does any source speak of talks?
#+ expect: boolean
PREFIX r2p: <https://w3id.org/r2p-kg/ns#>
ASK { ?s r2p:says ?text FILTER(CONTAINS(?text, "talks")) }
""",
}


def small_snapshot() -> snapshot.Snapshot:
    """The world as a snapshot."""
    quads = rdf.canonical(rdf.parse_text(TRIG, RdfFormat.TRIG))
    return snapshot.Snapshot.of(
        quads, PREFIXES, {"triples asserted": quads.count(b"\n"), "class: situation": 2}
    )


def small_library() -> library.Library:
    """The saved queries of the world."""
    return library.Library(tuple(library.read(text, where) for where, text in QUERIES.items()))


@dataclass
class Counted:
    """An engine that counts how often it is asked."""

    engine: Any
    asked: int = 0

    def ask(self, query: str, **arguments: Any) -> Any:
        """Ask, and count."""
        self.asked += 1
        return self.engine.ask(query, **arguments)

    def stats(self) -> Any:
        """The counters of the engine itself."""
        return self.engine.stats()

    def close(self) -> None:
        """End the engine."""
        self.engine.close()


@pytest.fixture(scope="session")
def world() -> snapshot.Snapshot:
    return small_snapshot()


@pytest.fixture(scope="session")
def engine(world: snapshot.Snapshot, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Counted]:
    counted = Counted(pool.Pool(snapshot.write(world, tmp_path_factory.mktemp("snapshots"))))
    yield counted
    counted.close()


@pytest.fixture(scope="session")
def settings() -> Settings:
    return Settings(
        seconds=5.0, rows=5000, bytes=4_000_000, query_bytes=20_000, body_bytes=60_000, table_rows=100
    )


@pytest.fixture
def client(world: snapshot.Snapshot, engine: Counted, settings: Settings) -> FlaskClient:
    return in_process.client(create_app(settings, world, engine, small_library()))


BROWSER = {"Accept": "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8"}


@pytest.fixture
def browser() -> dict[str, str]:
    """What a browser sends."""
    return BROWSER
