"""Ask a question within a budget.

Killable worker processes, policy before evaluation, the same contract elsewhere.

``pool`` lends the workers that ``zygote`` forks, as ``lending`` decides; ``broker`` gives one pool to many
front processes, each a ``borrower``; ``remote`` asks another SPARQL service.
"""

from __future__ import annotations

from r2p_kg.engine.contract import Answer, Budget, Dataset, Engine, Operated

__all__ = ["Answer", "Budget", "Dataset", "Engine", "Operated"]
