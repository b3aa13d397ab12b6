"""A term as a page shows it: what to read, where a link leads, what is never a link.

IRIs and literals come from data: nothing of them is markup, and only http and https lead out of the service.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Literal
from urllib.parse import quote, urlsplit

from r2p_kg.graph import rdf, vocab
from r2p_kg.graph.prefixes import Prefixes

if TYPE_CHECKING:
    from collections.abc import Mapping

#: Characters of an IRI's path that stay as they are in the path of an address (RFC 3986, section 3.3).
_SAFE: Final = "/:@!$&'()*+,;=~-._%"
_KINDS: Final[Mapping[type, Literal["iri", "bnode", "literal"]]] = {
    rdf.NamedNode: "iri",
    rdf.BlankNode: "bnode",
    rdf.Literal: "literal",
}


@dataclass(frozen=True)
class Node:
    """One RDF term.

    Attributes:
        kind: what it is; a triple term is shown as its text.
        value: IRI, label or text.
        language: its language tag, else empty.
        datatype: its datatype, empty for plain and language-tagged strings.

    """

    kind: Literal["iri", "bnode", "literal", "triple"]
    value: str
    language: str = ""
    datatype: str = ""


def of_term(term: Any) -> Node:
    """The node of a parsed term."""
    kind = _KINDS[type(term)]
    if kind != "literal":
        return Node(kind, term.value)
    datatype = term.datatype.value
    plain = datatype in {vocab.XSD + "string", vocab.RDF + "langString"}
    return Node("literal", term.value, term.language or "", "" if plain else datatype)


def in_turtle(node: Node) -> str:
    """The node as Turtle writes it, in full.

    >>> in_turtle(Node("literal", "war", "en"))
    '"war"@en'
    """
    if node.kind == "iri":
        return f"<{node.value}>"
    if node.kind != "literal":
        return f"_:{node.value}"
    return rdf.literal(node.value, node.language, node.datatype)


def of_binding(binding: Mapping[str, Any]) -> Node:
    """The node of one binding of SPARQL 1.1 Query Results JSON, section 3.2.2.

    A triple term becomes its text.
    """
    kind, value = binding["type"], binding["value"]
    if kind == "uri":
        return Node("iri", value)
    if kind == "bnode":
        return Node("bnode", value)
    if kind == "triple":
        return Node(
            "triple", " ".join(of_binding(value[part]).value for part in ("subject", "predicate", "object"))
        )
    return Node("literal", value, binding.get("xml:lang", ""), binding.get("datatype", ""))


def local(iri: str) -> str | None:
    """The address below this service that describes an IRI of our own, without a host.

    None for any other IRI.

    >>> local("https://w3id.org/r2p-kg/id/libya-2011")
    '/id/libya-2011'
    >>> local("https://w3id.org/r2p-kg/ns#says")
    '/ns#says'
    """
    if not iri.startswith(vocab.BASE):
        return None
    path, mark, fragment = iri.removeprefix(vocab.BASE).partition("#")
    if path.split("/", 1)[0] not in {"id", "ns", "graph"}:
        return None
    return "/" + quote(path, safe=_SAFE) + mark + quote(fragment, safe=_SAFE)


def external(iri: str) -> str | None:
    """The IRI itself if a page may link to it.

    Absolute http or https with a host; else None (``javascript:``, ``data:`` …).
    """
    try:
        parts = urlsplit(iri)
    except ValueError:
        return None
    return iri if parts.scheme in {"http", "https"} and parts.netloc else None


def short(iri: str, prefixes: Mapping[str, str]) -> str:
    """The prefixed name of the IRI, or the IRI as it is if it has none."""
    return Prefixes.of(prefixes).name(iri) or iri
