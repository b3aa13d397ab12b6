"""Every IRI that Python code types out: namespaces, graph names, and the few terms that code needs by name.

Prefixes for people are declared in ``ontology/prefixes.ttl`` and travel in the snapshot; nothing here repeats
them.
"""

from __future__ import annotations

from urllib.parse import quote

BASE = "https://w3id.org/r2p-kg/"
NS = BASE + "ns#"
ID = BASE + "id/"
GRAPH = BASE + "graph/"
PROBLEM = BASE + "problem/"

#: Graphs that gather more than one file; every file of facts has a graph of its own, see :func:`graph_of`.
SCHEMA_GRAPH = GRAPH + "schema"
REFERENCE_GRAPH = GRAPH + "reference"
SHAPES_GRAPH = GRAPH + "shapes"
#: What the service says of itself.
SERVICE_GRAPH = GRAPH + "service"
ENTAILED_GRAPH = GRAPH + "entailed"

RDF = "http://www.w3.org/1999/02/22-rdf-syntax-ns#"
RDFS = "http://www.w3.org/2000/01/rdf-schema#"
OWL = "http://www.w3.org/2002/07/owl#"
XSD = "http://www.w3.org/2001/XMLSchema#"
SKOS = "http://www.w3.org/2004/02/skos/core#"
DCTERMS = "http://purl.org/dc/terms/"
SH = "http://www.w3.org/ns/shacl#"
VANN = "http://purl.org/vocab/vann/"
SD = "http://www.w3.org/ns/sparql-service-description#"
VOID = "http://rdfs.org/ns/void#"
DCAT = "http://www.w3.org/ns/dcat#"
FOAF = "http://xmlns.com/foaf/0.1/"
PROV = "http://www.w3.org/ns/prov#"
SCHEMA = "https://schema.org/"

RDF_TYPE = RDF + "type"
RDFS_LABEL = RDFS + "label"
SKOS_DEFINITION = SKOS + "definition"

#: Terms of ours that pages put first.
R2P_STATEMENT = NS + "Statement"
R2P_PASSAGE = NS + "Passage"
R2P_SAYS = NS + "says"
R2P_CITES = NS + "cites"
R2P_CITED_BY = NS + "citedBy"
R2P_MODALITY = NS + "modality"
R2P_NEGATED = NS + "negated"
R2P_VOICE = NS + "voice"
R2P_AS_OF = NS + "asOf"
R2P_CONCERNS = NS + "concerns"
R2P_LOCATOR = NS + "locator"
R2P_IN_DOCUMENT = NS + "inDocument"
STATED = ID + "modality/stated"


#: Characters besides letters, digits and ``-._~`` that a path holds as they are (RFC 3986, section 3.3).
PATH = "/:@!$&'()*+,;="


def graph_of(path: str) -> str:
    """The graph that a Turtle file's triples belong to.

    ``path`` is relative to ``ontology/``, with forward slashes. What an IRI cannot hold is escaped
    (RFC 3986, sections 2.1 and 3.3).

    >>> graph_of("facts/situations/kenya-2007.ttl")
    'https://w3id.org/r2p-kg/graph/facts/situations/kenya-2007'
    >>> graph_of('facts/Copy of "é".TTL')
    'https://w3id.org/r2p-kg/graph/facts/Copy%20of%20%22%C3%A9%22'
    >>> graph_of("facts/reference/countries.ttl")
    'https://w3id.org/r2p-kg/graph/reference'
    >>> graph_of("shapes/statements.ttl")
    'https://w3id.org/r2p-kg/graph/shapes'
    >>> graph_of("schema/statements.ttl")
    'https://w3id.org/r2p-kg/graph/schema'
    """
    if path.startswith("facts/reference/"):
        return REFERENCE_GRAPH
    if path.startswith("facts/"):
        return GRAPH + quote(path[: -len(".ttl")], safe=PATH)
    if path.startswith("shapes/"):
        return SHAPES_GRAPH
    return SCHEMA_GRAPH
