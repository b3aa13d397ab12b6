"""The pipeline: curated files → findings → entailed graph → one frozen snapshot.

And the folder that remembers it.

The state folder holds ``snapshots/<digest>.zip``, ``ontologies/<name>.json`` (which snapshot belongs to which
ontology folder), ``consistency/<digest>.json`` (what Pellet said) and ``lock``. All of it can be deleted at
any time: it is made again.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import logging
import os
import re
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import platformdirs
from pyoxigraph import NamedNode, Quad

from r2p_kg.curate.declared import SYNTAX
from r2p_kg.curate.findings import Finding, FindingsError
from r2p_kg.errors import SnapshotError, UsageError
from r2p_kg.graph import census, files, origins, rdf, vocab
from r2p_kg.graph import snapshot as snapshots
from r2p_kg.graph.snapshot import Snapshot

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from r2p_kg.curate.reasoning import Closure
    from r2p_kg.curate.sources import Corpus

    #: Called with the name of a step, in the order of STEPS, and with what is known about it: "", or a count.
    Progress = Callable[[str, str], None]

log = logging.getLogger(__name__)

STEPS = ("reading", "reasoning", "checking", "judging consistency", "freezing")

#: How many snapshots the state folder keeps beyond those that an ontology folder points to.
KEPT = 5

_PACKAGE = Path(__file__).parent.parent


@dataclass(frozen=True)
class Built:
    """``snapshot`` and the ``path`` of its file.

    ``findings``: warnings and notes; ``fresh``: False where it was there already.
    """

    snapshot: Snapshot
    path: Path
    findings: tuple[Finding, ...]
    fresh: bool


@dataclass(frozen=True)
class Assembled:
    """What a run of the pipeline gives. ``snapshot`` is None where there are errors among the findings."""

    snapshot: Snapshot | None
    findings: tuple[Finding, ...]


@dataclass(frozen=True)
class _Memory:
    """What the state folder remembers of an ontology folder.

    Of which files (``fingerprint``) came which snapshot, with which findings.
    """

    fingerprint: str
    digest: str
    findings: tuple[Finding, ...]


def ontology_folder() -> Path:
    """The curated files: the checkout's ``ontology/`` where there is one, else the copy inside the installed package."""
    checkout = _PACKAGE.parent / "ontology"
    return checkout if (checkout / "prefixes.ttl").is_file() else _PACKAGE / "ontology"


def state_folder() -> Path:
    """The folder named by ``R2P_STATE``, else the user's state folder of the platform."""
    named = os.environ.get("R2P_STATE")
    return Path(named) if named else Path(platformdirs.user_state_dir("r2p-kg"))


def assemble(
    ontology: Path,
    *,
    facts: Path | None = None,
    memory: Path | None = None,
    notice: Progress = lambda _step, _what: None,
) -> Assembled:
    """Run the whole pipeline.

    With ``facts``, another folder stands for the ontology's own (a small world for tests).

    ``memory``: folder in which Pellet's verdicts are kept, None to ask in any case. Raises UsageError where
    files cannot be read.
    """
    # Imported here: whoever starts from an existing snapshot shall not wait for rdflib.
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

    # Shapes are no part of what is reasoned upon; they travel with the facts so that readers see what each
    # class must have.
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
    """The snapshot of the ontology folder as it is now.

    The one on disk where nothing changed, else a new one.

    Of two processes that start at once one builds and the other waits for it. A damaged snapshot file is made
    again. Raises FindingsError where the curated files have errors (nothing is replaced then), UsageError or
    SnapshotError where folders cannot be used.
    """
    with _locked(state):
        now = fingerprint(ontology)
        known = _pointer(ontology, state)
        if known is not None and known.fingerprint == now:
            path = _snapshot_path(state, known.digest)
            try:
                return Built(snapshots.read(path), path, known.findings, fresh=False)
            except SnapshotError as error:
                log.warning("%s; doing so now", error)
        made = assemble(ontology, memory=state / "consistency", notice=progress)
        if made.snapshot is None:
            raise FindingsError(made.findings)
        path = snapshots.write(made.snapshot, state / "snapshots")
        _point(ontology, state, _Memory(now, made.snapshot.digest, made.findings))
        _prune(state)
        return Built(made.snapshot, path, made.findings, fresh=True)


def last_good(ontology: Path, state: Path) -> Snapshot | None:
    """The snapshot that was last built without errors from this ontology folder.

    None where there is none that can be read.
    """
    path = last_good_path(ontology, state)
    if path is None:
        return None
    try:
        return snapshots.read(path)
    except SnapshotError as error:
        log.warning("%s", error)
        return None


def last_good_path(ontology: Path, state: Path) -> Path | None:
    """The file of :func:`last_good`, for those who load it themselves; None where there never was one."""
    known = _pointer(ontology, state)
    path = _snapshot_path(state, known.digest) if known is not None else None
    return path if path is not None and path.is_file() else None


def fingerprint(ontology: Path) -> str:
    """SHA-256 over everything that decides the snapshot.

    Turtle files, check queries, and our own code. Raises UsageError for what cannot be read.
    """
    code = [path for room in ("curate", "graph") for path in (_PACKAGE / room).rglob("*.py")]
    inputs = [(name, ontology / name) for name in files.find(ontology, ".ttl", ".rq")]
    inputs += [(path.relative_to(_PACKAGE.parent).as_posix(), path) for path in code]
    whole = hashlib.sha256()
    for name, path in sorted(inputs):
        whole.update(f"{name}\0{hashlib.sha256(files.read(path)).hexdigest()}\n".encode())
    return whole.hexdigest()


@contextmanager
def _locked(state: Path) -> Iterator[None]:
    """Holds the state folder's lock, which the system frees if we die."""
    try:
        state.mkdir(parents=True, exist_ok=True)
        lock = _lock(state / "lock")
    except OSError as error:
        raise _unusable(state, error) from error
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
    finally:
        os.close(lock)


def _lock(path: Path) -> int:
    """A descriptor of the lock file.

    Read-only where it may not be written, so that a snapshot in a read-only folder can still be served.
    """
    try:
        return os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
    except OSError:
        if not path.is_file():
            raise
        return os.open(path, os.O_RDONLY)


def _unusable(state: Path, error: OSError) -> UsageError:
    return UsageError(
        f"{state}: cannot be used to keep snapshots ({error.strerror}); "
        "choose another folder with --state or R2P_STATE"
    )


def _snapshot_path(state: Path, digest: str) -> Path:
    return state / "snapshots" / f"{digest}.zip"


def _pointer_path(ontology: Path, state: Path) -> Path:
    return state / "ontologies" / f"{hashlib.sha256(os.fsencode(ontology.resolve())).hexdigest()[:16]}.json"


def _pointer(ontology: Path, state: Path) -> _Memory | None:
    """What is remembered of an ontology folder; None where nothing is, or nothing that can be used."""
    return _remembered(_pointer_path(ontology, state))


def _remembered(path: Path) -> _Memory | None:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        digest = found["digest"]
        findings = tuple(Finding(**one) for one in found["findings"])
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return (
        _Memory(found["fingerprint"], digest, findings)
        if isinstance(digest, str) and re.fullmatch("[0-9a-f]{64}", digest)
        else None
    )


def _point(ontology: Path, state: Path, memory: _Memory) -> None:
    path = _pointer_path(ontology, state)
    partial = path.with_suffix(".partial")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        partial.write_text(
            json.dumps({"ontology": str(ontology.resolve()), **asdict(memory)}, indent=1), encoding="utf-8"
        )
        partial.replace(path)
    except OSError as error:
        raise _unusable(state, error) from error


def _prune(state: Path) -> None:
    """Remove all but the newest snapshots; one that an ontology folder points to always stays."""
    needed = {
        known.digest
        for path in (state / "ontologies").glob("*.json")
        if (known := _remembered(path)) is not None
    }
    others = [path for path in (state / "snapshots").glob("*.zip") if path.stem not in needed]
    for path in sorted(others, key=lambda one: one.stat().st_mtime, reverse=True)[KEPT:]:
        with suppress(OSError):  # one file too many harms nobody
            path.unlink()
