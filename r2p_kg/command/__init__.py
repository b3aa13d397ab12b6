"""The ``r2p`` command: the place at which the curators' half and the readers' half meet.

Importing the three modules registers their commands.
"""

from r2p_kg.command import curators, operators, readers
from r2p_kg.command.app import main

__all__ = ["curators", "main", "operators", "readers"]
