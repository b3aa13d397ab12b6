"""The service and its data in RDF.

SPARQL 1.1 Service Description, VoID, DCAT, prefixes, and the saved queries.

Everything is derived from the snapshot, the library and the limits in force; nothing is typed by hand, so
that every claim holds. Saved queries are SHACL executables in the manner of sib-swiss/sparql-examples, which
editors read as examples.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from r2p_kg.graph import media, rdf, vocab
from r2p_kg.library import bind

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from r2p_kg.graph.snapshot import Snapshot
    from r2p_kg.library import Library, SavedQuery
    from r2p_kg.limits import Limits

#: Prefixes of the vocabularies that a description uses.
PREFIXES: Final[Mapping[str, str]] = {
    "dcat": vocab.DCAT,
    "dcterms": vocab.DCTERMS,
    "foaf": vocab.FOAF,
    "owl": vocab.OWL,
    "rdfs": vocab.RDFS,
    "schema": vocab.SCHEMA,
    "sd": vocab.SD,
    "sh": vocab.SH,
    "void": vocab.VOID,
    "xsd": vocab.XSD,
}

_ONTOLOGY: Final = vocab.BASE + "ns"
#: What the ontology's header says that also holds of the dataset.
_INHERITED: Final = (
    "title",
    "description",
    "license",
    "creator",
    "publisher",
    "created",
    "issued",
    "modified",
    "bibliographicCitation",
)
_IANA: Final = "https://www.iana.org/assignments/media-types/"


@dataclass(frozen=True)
class Counts:
    """Figures of VoID, section 4: of the union of all graphs, in which a triple of two graphs counts once.

    Attributes:
        triples: how many there are.
        subjects: different subjects.
        objects: different objects.
        classes: class → its members.
        properties: property → its triples.
        used: (class, property) → triples with that property whose subject is a member of the class.
        graphs: named graph → its triples.
        nameless: the triples of the default graph as the snapshot holds it.
        header: (property, value) of what the ontology's header says of the dataset too.

    """

    triples: int
    subjects: int
    objects: int
    classes: Mapping[str, int]
    properties: Mapping[str, int]
    used: Mapping[tuple[str, str], int]
    graphs: Mapping[str, int]
    nameless: int
    header: tuple[tuple[str, str], ...]

    @classmethod
    def of(cls, snapshot: Snapshot) -> Counts:
        """The figures of a snapshot (about 3 µs a quad)."""
        quads = rdf.quads_of(snapshot.quads)
        union = {(quad.subject, quad.predicate, quad.object) for quad in quads}
        typed = {
            (subject, _name(thing))
            for subject, predicate, thing in union
            if predicate.value == vocab.RDF_TYPE and _name(thing)
        }
        names = {vocab.DCTERMS + name for name in _INHERITED}
        header = {
            (predicate.value, str(thing))
            for subject, predicate, thing in union
            if _name(subject) == _ONTOLOGY and predicate.value in names
        }
        return cls(
            triples=len(union),
            subjects=len({subject for subject, _, _ in union}),
            objects=len({thing for _, _, thing in union}),
            classes=Counter(kind for _, kind in typed),
            properties=Counter(predicate.value for _, predicate, _ in union),
            used=_used(union, typed),
            graphs=Counter(_name(quad.graph_name) for quad in quads if _name(quad.graph_name)),
            nameless=sum(isinstance(quad.graph_name, rdf.DefaultGraph) for quad in quads),
            header=tuple(sorted(header)),
        )


@dataclass(frozen=True)
class Mode:
    """What kind of service this is.

    Attributes:
        union: the default graph holds the union of all graphs; else it is a graph like the others.
        writable: updates are taken.
        described: the description stands in a graph of the store.

    """

    union: bool = True
    writable: bool = False
    described: bool = False


def service(
    snapshot: Snapshot,
    counts: Counts,
    library: Library,
    base: str,
    limits: Limits,
    *,
    mode: Mode | None = None,
) -> list[Any]:
    """The whole description as quads; ``base`` is the service's address without a final slash."""
    mode = mode or Mode()
    lines = (
        *_service(library, base, limits, mode),
        *_dumps(snapshot, base),
        *_content(snapshot, counts, library, base, mode),
    )
    return rdf.quads_of("".join(lines).encode())


def stored(snapshot: Snapshot, library: Library, public_url: str | None, limits: Limits) -> bytes:
    """The description as N-Quads of :data:`vocab.SERVICE_GRAPH`, to be served beside the data.

    It names addresses of the service only if its ``public_url`` is known; what it describes has names below
    the project's own address otherwise.
    """
    base = (public_url or vocab.BASE).rstrip("/")
    counts, mode = Counts.of(snapshot), Mode(described=True)
    if public_url:
        quads = service(snapshot, counts, library, base, limits, mode=mode)
    else:
        quads = rdf.quads_of("".join(_content(snapshot, counts, library, base, mode)).encode())
    name = rdf.NamedNode(vocab.SERVICE_GRAPH)
    return rdf.canonical(rdf.Quad(quad.subject, quad.predicate, quad.object, name) for quad in quads)


def _content(snapshot: Snapshot, counts: Counts, library: Library, base: str, mode: Mode) -> Iterator[str]:
    """What is said of the data and how to ask them, whatever the address of the service."""
    yield from _dataset(snapshot, counts, base)
    yield from _graphs(counts, base, mode)
    yield from _partitions(counts, base)
    yield from _prefixes(snapshot.prefixes, base)
    yield from _queries(library, snapshot.prefixes, base)


def _service(library: Library, base: str, limits: Limits, mode: Mode) -> Iterator[str]:
    """SPARQL 1.1 Service Description, section 3.

    Federation and dereferencing are not claimed because they are refused.
    """
    endpoint = f"{base}/sparql"
    yield _say(endpoint, vocab.RDF_TYPE, _iri(vocab.SD + "Service"))
    yield _say(endpoint, vocab.RDF_TYPE, _iri(vocab.DCAT + "DataService"))
    yield _say(endpoint, vocab.SD + "endpoint", _iri(endpoint))
    yield _say(endpoint, vocab.DCAT + "endpointURL", _iri(endpoint))
    yield _say(endpoint, vocab.SD + "supportedLanguage", _iri(vocab.SD + "SPARQL11Query"))
    if mode.writable:
        yield _say(endpoint, vocab.SD + "supportedLanguage", _iri(vocab.SD + "SPARQL11Update"))
    if mode.union:
        yield _say(endpoint, vocab.SD + "feature", _iri(vocab.SD + "UnionDefaultGraph"))
    for form in media.FORMATS:
        yield _say(endpoint, vocab.SD + "resultFormat", _iri(form.iri))
    yield _say(f"{base}/void#dataset", vocab.VOID + "sparqlEndpoint", _iri(endpoint))
    yield _say(endpoint, vocab.SD + "defaultDataset", _iri(f"{base}/void#dataset"))
    yield _say(endpoint, vocab.DCAT + "servesDataset", _iri(f"{base}/void#dataset"))
    writing = "Writes need a token" if mode.writable else "Read-only"
    comment = (
        f"{writing}. A query has at most {limits.query_bytes} bytes and runs at most "
        f"{limits.seconds:g} seconds; an answer has at most {limits.rows} rows and {limits.bytes} bytes. "
        "What is over a limit is an error, never a part."
    )
    yield _say(endpoint, vocab.RDFS + "comment", rdf.literal(comment, "en"))
    for query in library.queries:
        yield _say(f"{base}/queries/{query.id}", vocab.SCHEMA + "target", _iri(endpoint))


def _dataset(snapshot: Snapshot, counts: Counts, base: str) -> Iterator[str]:
    dataset = f"{base}/void#dataset"
    for kind in (vocab.SD + "Dataset", vocab.VOID + "Dataset", vocab.DCAT + "Dataset"):
        yield _say(dataset, vocab.RDF_TYPE, _iri(kind))
    yield _say(f"{base}/void", vocab.RDF_TYPE, _iri(vocab.VOID + "DatasetDescription"))
    yield _say(f"{base}/void", vocab.FOAF + "primaryTopic", _iri(dataset))
    yield _say(dataset, vocab.DCTERMS + "identifier", rdf.literal(snapshot.digest))
    yield _say(dataset, vocab.OWL + "versionInfo", rdf.literal(snapshot.digest))
    for predicate, term in counts.header:
        yield _say(dataset, predicate, term)
    figures = {
        "triples": counts.triples,
        "distinctSubjects": counts.subjects,
        "distinctObjects": counts.objects,
    }
    figures |= {"classes": len(counts.classes), "properties": len(counts.properties)}
    for name, number in figures.items():
        yield _say(dataset, vocab.VOID + name, _number(number))
    if any(graph == vocab.SCHEMA_GRAPH for graph in counts.graphs):
        yield _say(dataset, vocab.VOID + "vocabulary", _iri(vocab.NS))


def _graphs(counts: Counts, base: str, mode: Mode) -> Iterator[str]:
    """The default graph, and each named graph by its name, with its own number of triples."""
    dataset, default = f"{base}/void#dataset", f"{base}/void#{'union' if mode.union else 'default'}"
    yield _say(dataset, vocab.SD + "defaultGraph", _iri(default))
    yield _say(default, vocab.RDF_TYPE, _iri(vocab.SD + "Graph"))
    yield _say(default, vocab.VOID + "triples", _number(counts.triples if mode.union else counts.nameless))
    for number, (name, triples) in enumerate(sorted(counts.graphs.items()), 1):
        named, graph = f"{base}/void#named-{number}", f"{base}/void#graph-{number}"
        yield _say(dataset, vocab.SD + "namedGraph", _iri(named))
        yield _say(named, vocab.RDF_TYPE, _iri(vocab.SD + "NamedGraph"))
        yield _say(named, vocab.SD + "name", _iri(name))
        yield _say(named, vocab.SD + "graph", _iri(graph))
        yield _say(graph, vocab.RDF_TYPE, _iri(vocab.SD + "Graph"))
        yield _say(graph, vocab.VOID + "triples", _number(triples))
    if mode.described:  # how many triples it has nobody can say in it without changing them
        named = f"{base}/void#named-description"
        yield _say(dataset, vocab.SD + "namedGraph", _iri(named))
        yield _say(named, vocab.RDF_TYPE, _iri(vocab.SD + "NamedGraph"))
        yield _say(named, vocab.SD + "name", _iri(vocab.SERVICE_GRAPH))


def _partitions(counts: Counts, base: str) -> Iterator[str]:
    """VoID, section 4.5: members of each class, triples of each property, and of each within each class."""
    dataset = f"{base}/void#dataset"
    for number, (kind, entities) in enumerate(sorted(counts.classes.items()), 1):
        part = f"{base}/void#class-{number}"
        yield _say(dataset, vocab.VOID + "classPartition", _iri(part))
        yield _say(part, vocab.VOID + "class", _iri(kind))
        yield _say(part, vocab.VOID + "entities", _number(entities))
        within = sorted((name, triples) for (of, name), triples in counts.used.items() if of == kind)
        for place, (predicate, triples) in enumerate(within, 1):
            inner = f"{part}-property-{place}"
            yield _say(part, vocab.VOID + "propertyPartition", _iri(inner))
            yield _say(inner, vocab.VOID + "property", _iri(predicate))
            yield _say(inner, vocab.VOID + "triples", _number(triples))
    for number, (predicate, triples) in enumerate(sorted(counts.properties.items()), 1):
        part = f"{base}/void#property-{number}"
        yield _say(dataset, vocab.VOID + "propertyPartition", _iri(part))
        yield _say(part, vocab.VOID + "property", _iri(predicate))
        yield _say(part, vocab.VOID + "triples", _number(triples))


def _dumps(snapshot: Snapshot, base: str) -> Iterator[str]:
    """DCAT 3, section 6.8; the size is that of the very file that the digest is computed of."""
    dataset = f"{base}/void#dataset"
    for name, media_type in (
        ("r2p.nq", "application/n-quads"),
        ("r2p.nq.gz", "application/gzip"),
        ("r2p.trig", "application/trig"),
    ):
        distribution, address = f"{base}/void#{name}", f"{base}/dumps/{name}"
        yield _say(dataset, vocab.VOID + "dataDump", _iri(address))
        yield _say(dataset, vocab.DCAT + "distribution", _iri(distribution))
        yield _say(distribution, vocab.RDF_TYPE, _iri(vocab.DCAT + "Distribution"))
        yield _say(distribution, vocab.DCAT + "downloadURL", _iri(address))
        yield _say(distribution, vocab.DCAT + "mediaType", _iri(_IANA + media_type))
        if name == "r2p.nq":
            yield _say(distribution, vocab.DCAT + "byteSize", _number(len(snapshot.quads)))


def _prefixes(prefixes: Mapping[str, str], base: str) -> Iterator[str]:
    owner = f"{base}/void#prefixes"
    for prefix, space in sorted(prefixes.items()):
        if prefix:
            declaration = f"{base}/void#prefix-{prefix}"
            yield _say(owner, vocab.SH + "declare", _iri(declaration))
            yield _say(declaration, vocab.SH + "prefix", rdf.literal(prefix))
            yield _say(declaration, vocab.SH + "namespace", rdf.literal(space, datatype=vocab.XSD + "anyURI"))


def _queries(library: Library, prefixes: Mapping[str, str], base: str) -> Iterator[str]:
    """SHACL, section 8.4.1, and schema.org for the keywords.

    Each text is one that runs as it stands: parameters have their defaults in it.
    """
    for query in library.queries:
        subject = f"{base}/queries/{query.id}"
        yield _say(subject, vocab.RDF_TYPE, _iri(vocab.SH + "SPARQLExecutable"))
        yield _say(subject, vocab.RDFS_LABEL, rdf.literal(query.title, "en"))
        yield _say(subject, vocab.RDFS + "comment", rdf.literal(query.question, "en"))
        yield _say(subject, vocab.SH + "prefixes", _iri(f"{base}/void#prefixes"))
        yield from (
            _say(subject, vocab.SCHEMA + "keywords", rdf.literal(word)) for word in (query.topic, *query.tags)
        )
        yield from _executable(subject, query, prefixes)


def _executable(subject: str, query: SavedQuery, prefixes: Mapping[str, str]) -> Iterable[str]:
    """The text under the property that SHACL has for its form; SHACL has none for DESCRIBE.

    A question that cannot be asked without a value of the asker's has no text here, since none would run.
    """
    kinds = {
        "select": "SPARQLSelectExecutable",
        "ask": "SPARQLAskExecutable",
        "construct": "SPARQLConstructExecutable",
    }
    if query.form not in kinds or any(param.required for param in query.params):
        return ()
    return (
        _say(subject, vocab.RDF_TYPE, _iri(vocab.SH + kinds[query.form])),
        _say(subject, vocab.SH + query.form, rdf.literal(bind(query, {}, prefixes))),
    )


def _used(union: Iterable[Any], typed: Iterable[tuple[Any, str]]) -> Mapping[tuple[str, str], int]:
    """(class, property) → triples with that property whose subject is a member of the class."""
    kinds: dict[Any, frozenset[str]] = {}
    for subject, kind in typed:
        kinds[subject] = kinds.get(subject, frozenset()) | {kind}
    groups = Counter((kinds.get(subject, frozenset()), predicate.value) for subject, predicate, _ in union)
    found: Counter[tuple[str, str]] = Counter()
    for (several, predicate), triples in groups.items():
        for kind in several:
            found[kind, predicate] += triples
    return found


def _name(term: Any) -> str:
    """The IRI of a term, empty for everything else."""
    return str(term.value) if isinstance(term, rdf.NamedNode) else ""


def _say(subject: str, predicate: str, term: str) -> str:
    """One line of N-Triples; ``term`` is already written."""
    return f"<{subject}> <{predicate}> {term} .\n"


def _iri(iri: str) -> str:
    return f"<{iri}>"


def _number(number: int) -> str:
    return rdf.literal(str(number), datatype=vocab.XSD + "integer")
