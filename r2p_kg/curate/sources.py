"""The Turtle files of an ontology folder, each parsed into its named graph, with the line of every triple.

Oxigraph's parser judges the syntax, since it keeps to the grammar and knows line and column; rdflib's parser,
which can be overridden production by production, then tells the line of each object.
"""

from __future__ import annotations

import hashlib
import re
from bisect import bisect_right
from dataclasses import dataclass, field
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from pyoxigraph import BlankNode, Literal, NamedNode, RdfFormat, Triple
from rdflib.plugins.parsers.notation3 import RDFSink, SinkParser, sfloat

from r2p_kg.curate import turtle_errors
from r2p_kg.curate.declared import PREFIX
from r2p_kg.curate.findings import Finding, in_order
from r2p_kg.curate.turtle_errors import PREFIX_FILE
from r2p_kg.errors import UsageError
from r2p_kg.graph import files, rdf, vocab

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

#: What of ``ontology/`` becomes graph; the other folders are only parsed, so that their errors are found.
LOADED = ("attic.ttl", "facts/", "prefixes.ttl", "r2p.ttl", "schema/", "schemes/")

_SPACE = re.compile(r"(?:\s|#[^\n]*)*")
_XSD_OF: Mapping[type, str] = {int: "integer", Decimal: "decimal", sfloat: "double"}


@dataclass(frozen=True)
class Source:
    """One parsed Turtle file.

    Attributes:
        path: relative to the ontology folder, forward slashes.
        graph: the IRI of the graph that its triples belong to.
        triples: in document order, without repetition.
        lines: triple → line of its object, counted from 1.
        prefixes: prefix → (namespace, line).

    """

    path: str
    graph: str
    triples: tuple[Triple, ...]
    lines: Mapping[Triple, int]
    prefixes: Mapping[str, tuple[str, int]] = field(default_factory=dict)


@dataclass(frozen=True)
class Corpus:
    """All sources of one ontology folder.

    Attributes:
        folder: the ontology folder.
        sources: what is loaded, by path.
        asides: files that are only parsed (shapes, alignments, examples).
        prefixes: prefix → namespace as declared in ``prefixes.ttl``.
        findings: of syntax and prefixes.
        overlaid: other facts were taken instead of the folder's own, so that passages which the schema gives
            as its sources are not there.

    """

    folder: Path
    sources: tuple[Source, ...]
    asides: tuple[Source, ...]
    prefixes: Mapping[str, str]
    findings: tuple[Finding, ...]
    overlaid: bool = False


def find(folder: Path) -> list[str]:
    """The paths of all Turtle files below a folder, as :func:`r2p_kg.graph.files.find` gives them."""
    return files.find(folder, ".ttl")


def read(folder: Path, facts: Path | None = None) -> Corpus:
    """Everything below an ontology folder, parsed; ``facts`` is taken instead of its own ``facts/``.

    Errors of syntax are findings, all files' together; a file with one contributes nothing else.
    Raises UsageError if a file or folder cannot be read, or if there is no ``prefixes.ttl``.
    """
    texts = {
        path: files.read(folder / path)
        for path in find(folder)
        if facts is None or not path.startswith("facts/")
    }
    if facts is not None:
        texts |= {f"facts/{path}": files.read(facts / path) for path in find(facts)}
    if PREFIX_FILE not in texts:
        hint = "so it is no ontology folder; name the right one with --ontology"
        message = f"{files.printable(folder)}: no {PREFIX_FILE} in it, {hint}"
        raise UsageError(message)
    declared = _declarations(texts[PREFIX_FILE])
    findings: list[Finding] = []
    parsed: list[Source] = []
    for path, text in sorted(texts.items()):
        source = parse(text, path, declared)
        if isinstance(source, Finding):
            findings.append(source)
        else:
            # Without declarations the prefix file itself has an error, which is a finding already.
            findings += _prefix_findings(source, declared) if declared else ()
            parsed.append(source)
    return Corpus(
        folder,
        tuple(source for source in parsed if source.path.startswith(LOADED)),
        tuple(source for source in parsed if not source.path.startswith(LOADED)),
        {prefix: namespace for prefix, (namespace, _) in sorted(declared.items())},
        in_order(findings),
        overlaid=facts is not None,
    )


def parse(
    text: str | bytes, path: str, declared: Mapping[str, tuple[str, int]] | None = None
) -> Source | Finding:
    """The file's content as a Source, or a Finding that says which line is wrong and how to mend it.

    ``declared``: prefix → (namespace, line in ``prefixes.ttl``), for the repair of a missing prefix. Blank
    nodes are labelled by file and order, so that files never share one. Line ends of Windows are read as our
    own, so that a checkout there gives the same digest.
    """
    readable = turtle_errors.decoded(text.encode() if isinstance(text, str) else text, path)
    if isinstance(readable, Finding):
        return readable
    readable = readable.replace("\r\n", "\n")
    fault = turtle_errors.unreadable(path, readable)
    if fault is not None:
        return fault
    try:
        rdf.parse_text(readable, RdfFormat.TURTLE, name=path)
    except rdf.RdfSyntaxError as error:
        return turtle_errors.finding(path, readable, error, declared or {})
    sink = _Sink("b" + hashlib.sha256(path.encode()).hexdigest()[:12])
    parser = _LineParser(sink, readable)
    parser.loadBuf(readable)
    return Source(path, vocab.graph_of(path), tuple(sink.lines), sink.lines, parser.prefixes)


class _Sink(RDFSink):
    """Takes the parser's statements as pyoxigraph triples, literals exactly as written."""

    def __init__(self, label: str) -> None:
        self.rootFormula = None
        self.line = 1
        self.lines: dict[Triple, int] = {}
        self._label = label
        self._made = 0

    def newBlankNode(self, *_args: object, **_options: object) -> Any:  # noqa: N802
        self._made += 1
        return BlankNode(f"{self._label}x{self._made}")

    def newLiteral(self, s: str, dt: Any = None, lang: str | None = None) -> Any:  # noqa: N802
        return Literal(s, language=lang.lower()) if lang else Literal(s, datatype=dt and NamedNode(dt))

    def makeStatement(self, quadruple: Any, why: object = None) -> None:  # noqa: ARG002, N802
        _, predicate, subject, value = quadruple
        self.lines.setdefault(Triple(_term(subject), _term(predicate), _term(value)), self.line)


class _LineParser(SinkParser):
    """rdflib's Turtle parser, which also knows where each object begins.

    Its own line counter is behind the whole list of objects when the statements are made, so offsets are
    noted instead.
    """

    def __init__(self, sink: _Sink, text: str) -> None:
        super().__init__(sink, turtle=True)
        self._sink = sink
        self._breaks = [match.start() for match in re.finditer("\n", text)]
        self._begun: list[int] = []
        self._due: list[int] = []
        self.prefixes: dict[str, tuple[str, int]] = {}

    def directiveOrStatement(self, argstr: str, h: int) -> int:  # noqa: N802
        self._sink.line = self._line(argstr, h)
        return super().directiveOrStatement(argstr, h)

    def bind(self, qn: str, uri: bytes) -> None:
        self.prefixes.setdefault(qn, (uri.decode(), self._sink.line))

    def object(self, argstr: str, i: int, res: Any) -> int:
        self._sink.line = self._line(argstr, i)
        self._begun.append(self._sink.line)
        return super().object(argstr, i, res)

    def objectList(self, argstr: str, i: int, res: Any) -> int:  # noqa: N802
        outer, self._begun = self._begun, []
        end = super().objectList(argstr, i, res)
        self._due, self._begun = self._begun[::-1], outer
        return end

    def makeStatement(self, quadruple: Any) -> None:  # noqa: N802
        self._sink.line = self._due.pop()
        super().makeStatement(quadruple)

    def nodeOrLiteral(self, argstr: str, i: int, res: Any) -> int:  # noqa: N802
        end = super().nodeOrLiteral(argstr, i, res)
        if end >= 0 and type(res[-1]) in _XSD_OF:
            # The parser has turned the numeral into a number; the lexical form is what was written.
            written = argstr[i:end].rsplit(maxsplit=1)[-1]
            res[-1] = Literal(written, datatype=NamedNode(vocab.XSD + _XSD_OF[type(res[-1])]))
        return end

    def _line(self, text: str, offset: int) -> int:
        """The line of the first token at or after an offset."""
        start = _SPACE.match(text, offset).end()  # type: ignore[union-attr]  # the pattern matches the empty string
        return bisect_right(self._breaks, start) + 1


def _term(term: object) -> Any:
    """The parser's IRIs, which are strings, and booleans as pyoxigraph terms.

    Literals and blank nodes already are.
    """
    if isinstance(term, bool):
        return Literal(term)
    if isinstance(term, tuple):  # how rdflib writes down the keyword ``a``
        return NamedNode(str(term[1]))
    return NamedNode(str(term)) if isinstance(term, str) else term


def _declarations(text: bytes) -> dict[str, tuple[str, int]]:
    """Prefix → (namespace, line) of the ``sh:declare`` entries; empty if the file has a syntax error."""
    source = parse(text, PREFIX_FILE)
    if isinstance(source, Finding):
        return {}
    texts = [
        (triple.subject, triple.predicate.value, triple.object.value, source.lines[triple])
        for triple in source.triples
        if isinstance(triple.object, Literal)
    ]
    spaces = {node: value for node, predicate, value, _ in texts if predicate == vocab.SH + "namespace"}
    return {
        value: (spaces[node], line)
        for node, predicate, value, line in texts
        if predicate == vocab.SH + "prefix" and node in spaces
    }


def _prefix_findings(source: Source, declared: Mapping[str, tuple[str, int]]) -> Iterable[Finding]:
    """Where a file's own prefix declarations differ from ``prefixes.ttl``."""
    for prefix, (namespace, line) in source.prefixes.items():
        known, declared_at = declared.get(prefix, (None, 0))
        if known is None:
            like = turtle_errors.did_you_mean(prefix, declared)
            message = f"prefix {prefix}: is not declared in {PREFIX_FILE}"
            repair = f"declare it there with sh:declare, or use a prefix that is{like}"
            yield PREFIX.finding("", source.path, line, message, repair)
        elif known != namespace:
            other = f"for <{known}> in {PREFIX_FILE}:{declared_at}"
            message = f"prefix {prefix}: stands for <{namespace}> here and {other}"
            repair = f"write @prefix {prefix}: <{known}> ."
            yield PREFIX.finding("", source.path, line, message, repair)
