"""One process owns the pool, and every front process asks it.

Limits, fairness and counters hold for the whole service.

:func:`start_broker` runs :mod:`r2p_kg.engine.broker.server`; :class:`Client` asks it, and
:class:`r2p_kg.engine.borrower.Borrower` is lent workers by it.
"""

from __future__ import annotations

from r2p_kg.engine.broker.client import Client
from r2p_kg.engine.broker.process import Broker, served_last, start_broker

__all__ = ["Broker", "Client", "served_last", "start_broker"]
