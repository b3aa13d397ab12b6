"""Asserted → entailed graph by the rules of OWL 2 RL, and consistency by a reasoner for all of OWL 2 DL."""

from __future__ import annotations

from r2p_kg.reasoning.closure import Closure, Contradiction, closure
from r2p_kg.reasoning.consistency import Verdict, verdict

__all__ = ["Closure", "Contradiction", "Verdict", "closure", "verdict"]
