"""Whether the asserted graph has a model at all, judged by Pellet in a child process and remembered by digest."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from r2p_kg import vocab

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from pyoxigraph import Triple

#: Namespaces whose properties mean something to a reasoner; everything else is annotation and is not handed over.
_MEANINGFUL = (vocab.NS, vocab.OWL, vocab.RDF, vocab.RDFS)
_ANNOTATIONS = {vocab.RDFS + name for name in ("label", "comment", "isDefinedBy", "seeAlso")} | {
    vocab.OWL + name for name in ("versionIRI", "versionInfo", "deprecated")
}


@dataclass(frozen=True)
class Verdict:
    """What the reasoner found.

    ``consistent``: None where it gave no answer. ``unsatisfiable``: IRIs of the classes that can have no members.
    ``said``: its own words, or why there is no answer.
    """

    consistent: bool | None
    unsatisfiable: tuple[str, ...]
    said: str


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
    found = _ask(text, seconds)
    if page is not None and found.consistent is not None:
        page.parent.mkdir(parents=True, exist_ok=True)
        page.write_text(json.dumps(asdict(found)), encoding="utf-8")
    return found


def _text(asserted: Iterable[Triple]) -> bytes:
    """N-Triples of what matters to the verdict, in an order that does not depend on the files'."""
    lines = {f"{triple} .\n" for triple in asserted if triple.predicate.value.startswith(_MEANINGFUL) and triple.predicate.value not in _ANNOTATIONS}
    return "".join(sorted(lines)).encode()


def _recall(page: Path) -> Verdict | None:
    """The verdict on a page of the memory; None where there is none or it cannot be read, so that it is asked for again."""
    try:
        fields = json.loads(page.read_text(encoding="utf-8"))
        return Verdict(fields["consistent"], tuple(fields["unsatisfiable"]), fields["said"])
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _ask(text: bytes, seconds: float) -> Verdict:
    command = [sys.executable, "-m", "r2p_kg.reasoning.pellet"]
    try:
        done = subprocess.run(command, input=text, capture_output=True, timeout=seconds, check=False)
    except subprocess.TimeoutExpired:
        return Verdict(None, (), f"Pellet gave no answer in {seconds:g} seconds")
    try:
        fields = json.loads(done.stdout)
    except ValueError:
        last = done.stderr.decode(errors="replace").strip().splitlines()[-1:] or ["no message"]
        return Verdict(None, (), f"Pellet could not be asked: {last[0]}")
    return Verdict(fields["consistent"], tuple(fields["unsatisfiable"]), _plain(fields["said"]))


def _plain(said: str) -> str:
    """Pellet's last line without the log entries before it."""
    lines = [line for line in said.splitlines() if "ERROR: " in line]
    return lines[-1].partition("ERROR: ")[2].partition(", run ")[0] if lines else said
