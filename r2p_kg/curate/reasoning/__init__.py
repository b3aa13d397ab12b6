"""Asserted → entailed graph by the rules of OWL 2 RL, and consistency by a reasoner for all of OWL 2 DL."""

from __future__ import annotations

from r2p_kg.curate.reasoning.closure import Closure, Contradiction, closure
from r2p_kg.curate.reasoning.compiler import SKOLEM, Pattern
from r2p_kg.curate.reasoning.consistency import Verdict, verdict
from r2p_kg.curate.reasoning.derivations import Derivation, support

__all__ = [
    "SKOLEM",
    "Closure",
    "Contradiction",
    "Derivation",
    "Pattern",
    "Verdict",
    "closure",
    "support",
    "verdict",
]
