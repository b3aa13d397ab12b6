"""The smallest curated folder that can be built: the texts of its files."""

from __future__ import annotations

PREFIXES = """@prefix sh: <http://www.w3.org/ns/shacl#> .
@prefix xsd: <http://www.w3.org/2001/XMLSchema#> .

<https://w3id.org/r2p-kg/ns> sh:declare
    [ sh:prefix "id" ; sh:namespace "https://w3id.org/r2p-kg/id/"^^xsd:anyURI ] ,
    [ sh:prefix "owl" ; sh:namespace "http://www.w3.org/2002/07/owl#"^^xsd:anyURI ] ,
    [ sh:prefix "r2p" ; sh:namespace "https://w3id.org/r2p-kg/ns#"^^xsd:anyURI ] ,
    [ sh:prefix "rdfs" ; sh:namespace "http://www.w3.org/2000/01/rdf-schema#"^^xsd:anyURI ] ,
    [ sh:prefix "sh" ; sh:namespace "http://www.w3.org/ns/shacl#"^^xsd:anyURI ] ,
    [ sh:prefix "xsd" ; sh:namespace "http://www.w3.org/2001/XMLSchema#"^^xsd:anyURI ] .
"""
HEAD = """@prefix id: <https://w3id.org/r2p-kg/id/> .
@prefix owl: <http://www.w3.org/2002/07/owl#> .
@prefix r2p: <https://w3id.org/r2p-kg/ns#> .
@prefix rdfs: <http://www.w3.org/2000/01/rdf-schema#> .
@prefix sh: <http://www.w3.org/ns/shacl#> .
"""
SCHEMA = (
    HEAD
    + "r2p:Tool a owl:Class . r2p:Thing a owl:Class . r2p:Tool rdfs:subClassOf r2p:Thing , [ a owl:Restriction ; owl:onProperty r2p:Tool ] .\n"
)
FOREIGN = HEAD + "".join(
    f"sh:{name} a owl:AnnotationProperty .\n" for name in ("declare", "namespace", "prefix")
)
