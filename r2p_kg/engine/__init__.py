"""Ask a question within a budget: killable worker processes, policy before evaluation, the same contract over a remote service.

``policy`` inspects the text; ``pool`` owns the workers that ``zygote`` forks; ``broker`` gives one pool to many front processes;
``remote`` asks another SPARQL service.
"""

from __future__ import annotations

from r2p_kg.engine.contract import Answer, Budget, Dataset, Engine

__all__ = ["Answer", "Budget", "Dataset", "Engine"]
