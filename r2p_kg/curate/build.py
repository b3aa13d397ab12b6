"""The pipeline: curated files → findings → entailed graph → one frozen snapshot in the state folder."""

from __future__ import annotations

import hashlib
import logging
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from pyoxigraph import NamedNode, Quad

from r2p_kg.curate.declared import SYNTAX
from r2p_kg.curate.findings import Finding, FindingsError
from r2p_kg.curate.state import Memory, State
from r2p_kg.curate.state import default_folder as state_folder
from r2p_kg.errors import SnapshotError
from r2p_kg.graph import census, files, origins, rdf, vocab
from r2p_kg.graph import snapshot as snapshots
from r2p_kg.graph.snapshot import Snapshot

if TYPE_CHECKING:
    from collections.abc import Callable

    from r2p_kg.curate.reasoning import Closure
    from r2p_kg.curate.sources import Corpus

    #: Called with the name of a step, in the order of STEPS, and with what is known about it: "", or a count.
    Progress = Callable[[str, str], None]

__all__ = [
    "STEPS",
    "Assembled",
    "Built",
    "assemble",
    "current",
    "fingerprint",
    "freeze",
    "last_good",
    "last_good_path",
    "ontology_folder",
    "state_folder",
]

log = logging.getLogger(__name__)

STEPS: Final = ("reading", "reasoning", "checking", "judging consistency", "freezing")

_PACKAGE: Final = Path(__file__).parent.parent


@dataclass(frozen=True)
class Built:
    """A snapshot on disk.

    Attributes:
        snapshot: its content.
        path: its file.
        findings: warnings and notes about the curated files.
        fresh: False if it was there already.

    """

    snapshot: Snapshot
    path: Path
    findings: tuple[Finding, ...]
    fresh: bool


@dataclass(frozen=True)
class Assembled:
    """What a run of the pipeline gives.

    Attributes:
        snapshot: None if there are errors among the findings.
        findings: in order of file and line.

    """

    snapshot: Snapshot | None
    findings: tuple[Finding, ...]


def ontology_folder() -> Path:
    """The curated files: ``ontology/`` of the checkout if there is one, else the copy inside the package."""
    checkout = _PACKAGE.parent / "ontology"
    return checkout if (checkout / "prefixes.ttl").is_file() else _PACKAGE / "ontology"


def assemble(
    ontology: Path,
    *,
    facts: Path | None = None,
    memory: Path | None = None,
    notice: Progress = lambda _step, _what: None,
) -> Assembled:
    """Run the whole pipeline.

    ``facts``: a folder to take instead of the ontology's own (a small world for tests). ``memory``: the
    folder of Pellet's verdicts, None to ask in any case. Raises UsageError if files cannot be read.
    """
    # Imported here: a start from an existing snapshot shall not wait for rdflib.
    from r2p_kg.curate import checks, reasoning, sources  # noqa: PLC0415

    notice("reading", "")
    corpus = sources.read(ontology, facts)
    if any(finding.check == SYNTAX.name for finding in corpus.findings):
        # Stop here: every name defined in a file that cannot be parsed would be reported as missing.
        return Assembled(None, corpus.findings)
    asserted = [triple for source in corpus.sources for triple in source.triples]
    notice("reasoning", f"{len(asserted):,} triples")
    closed = reasoning.closure(asserted, lambda new: notice("reasoning", f"{new:,} more"), explained=True)
    notice("checking", f"{len(closed.entailed):,} entailed")
    locations = checks.Locations.in_corpus(corpus)
    findings = checks.run(corpus, ontology, locations)
    findings = checks.in_order([*findings, *checks.clashes(closed, locations, findings)])
    if not any(finding.severity == "error" for finding in findings):
        # Pellet takes seconds, and what it would say of a graph with errors is mostly those errors again.
        notice("judging consistency", f"{len(findings):,} findings")
        findings = checks.in_order(
            [*findings, *checks.judged(reasoning.verdict(asserted, memory), locations)]
        )
    if any(finding.severity == "error" for finding in findings):
        return Assembled(None, findings)
    notice("freezing", "")
    return Assembled(freeze(corpus, closed), findings)


def freeze(corpus: Corpus, closed: Closure) -> Snapshot:
    """The snapshot of a corpus and what it entails, with the origin of each triple.

    Equal inputs give equal bytes, whatever their order.
    """
    from r2p_kg.curate.reasoning import SKOLEM  # noqa: PLC0415 - as in assemble

    # The reasoner does not see the shapes; they travel with the facts so that readers see what each class
    # must have.
    frozen = [*corpus.sources, *(source for source in corpus.asides if source.graph == vocab.SHAPES_GRAPH)]
    quads = [
        Quad(triple.subject, triple.predicate, triple.object, NamedNode(source.graph))
        for source in frozen
        for triple in source.triples
    ]
    graph = NamedNode(vocab.ENTAILED_GRAPH)
    quads += [Quad(triple.subject, triple.predicate, triple.object, graph) for triple in closed.entailed]
    text = rdf.canonical(quads)
    ways = {
        fact: [(way.rule, way.premises) for way in several] for fact, several in closed.derivations.items()
    }
    origin = origins.of(text, [(source.graph, source.path, source.lines) for source in frozen], ways, SKOLEM)
    return Snapshot.of(text, corpus.prefixes, census.census(quads), origin)


def current(ontology: Path, state: Path, progress: Progress = lambda _step, _what: None) -> Built:
    """The snapshot of the ontology folder as it is now: the one on disk if nothing changed, else a new one.

    Of two processes that start at once one builds and the other waits for it. A damaged snapshot file is made
    again. Raises FindingsError if the curated files have errors (nothing is replaced then), UsageError or
    SnapshotError if a folder cannot be used.
    """
    kept = State(state)
    with kept.locked():
        now = fingerprint(ontology)
        memory = kept.recall(ontology)
        if memory is not None and memory.fingerprint == now:
            path = kept.snapshot_path(memory.digest)
            try:
                return Built(snapshots.read(path), path, memory.findings, fresh=False)
            except SnapshotError as error:
                log.warning("%s; doing so now", error)
        assembled = assemble(ontology, memory=kept.verdicts, notice=progress)
        if assembled.snapshot is None:
            raise FindingsError(assembled.findings)
        path = snapshots.write(assembled.snapshot, kept.snapshots)
        kept.remember(ontology, Memory(now, assembled.snapshot.digest, assembled.findings))
        kept.prune()
        return Built(assembled.snapshot, path, assembled.findings, fresh=True)


def last_good(ontology: Path, state: Path) -> Snapshot | None:
    """The last snapshot that was built without errors from this ontology folder; None if it is unreadable."""
    path = last_good_path(ontology, state)
    if path is None:
        return None
    try:
        return snapshots.read(path)
    except SnapshotError as error:
        log.warning("%s", error)
        return None


def last_good_path(ontology: Path, state: Path) -> Path | None:
    """The file of :func:`last_good`, for those who load it themselves; None if there never was one."""
    memory = State(state).recall(ontology)
    path = State(state).snapshot_path(memory.digest) if memory is not None else None
    return path if path is not None and path.is_file() else None


def fingerprint(ontology: Path) -> str:
    """SHA-256 over all that decides the snapshot: Turtle files, check queries, and our own code.

    Raises UsageError for what cannot be read.
    """
    code = [path for room in ("curate", "graph") for path in (_PACKAGE / room).rglob("*.py")]
    inputs = [(name, ontology / name) for name in files.find(ontology, ".ttl", ".rq")]
    inputs += [(path.relative_to(_PACKAGE.parent).as_posix(), path) for path in code]
    whole = hashlib.sha256()
    for name, path in sorted(inputs):
        whole.update(f"{name}\0{hashlib.sha256(files.read(path)).hexdigest()}\n".encode())
    return whole.hexdigest()
