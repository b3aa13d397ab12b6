"""What is wrong with a text that is not SPARQL, where, and what to write instead.

These are rules for the mistakes that people make. Each looks at the :class:`~r2p_kg.sparql.hints.scene.Scene`
of the first mistake and returns advice or nothing; the first advice counts. Nothing here decides anything:
the engine has refused the text already, or policy has.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from r2p_kg.sparql.hints import (
    brackets,
    characters,
    expressions,
    meaning,
    order,
    patterns,
    prefixes,
    projection,
)
from r2p_kg.sparql.hints.scene import EXPECTED, Advice, Scene

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from r2p_kg.sparql.tree import Tree

#: Characters of a sentence that repeats what the query says.
_LONGEST: Final = 400

_RULES: Final[tuple[Callable[[Scene], Advice | None], ...]] = (
    *characters.RULES,
    *prefixes.RULES,
    *brackets.RULES,
    *order.RULES,
    *projection.RULES,
    *expressions.RULES,
    *patterns.RULES,
)


def advice(tree: Tree, known: Mapping[str, str]) -> Advice | None:
    """What the first mistake is and what to write; None if the text is SPARQL as far as this module can see.

    ``known``: prefix → namespace, of the data.
    """
    if tree.mistake is None:
        return meaning.advice(tree)
    if not tree.mistake.expected:
        return None
    scene = Scene(tree, tree.mistake, known)
    said = next((said for rule in _RULES if (said := rule(scene))), None) or _plain(scene)
    start = said.start if said.start >= 0 else scene.token.start
    return Advice(_short(said.detail), said.hint and _short(said.hint), start)


def _short(sentence: str) -> str:
    return sentence if len(sentence) <= _LONGEST else sentence[:_LONGEST] + " …"


def _plain(scene: Scene) -> Advice:
    """What can be said of any mistake: what stands there, and what could."""
    what = (
        f"{scene.token.text[:60]!r} is not allowed here"
        if scene.token.kind != "end"
        else "the query ends too early"
    )
    return Advice(
        what,
        f"Expected here: {EXPECTED[scene.expected]}." if scene.expected in EXPECTED else None,
        scene.token.start,
    )
