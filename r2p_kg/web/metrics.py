"""Counters for Prometheus, over all front processes.

https://prometheus.io/docs/instrumenting/exposition_formats/
Each process counts in files of its own below ``PROMETHEUS_MULTIPROC_DIR``, which ``r2p serve`` sets;
whichever is asked adds them up.
"""

from __future__ import annotations

import os
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from prometheus_client import REGISTRY, CollectorRegistry, Counter, Histogram, generate_latest, values
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.multiprocess import MultiProcessCollector

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from prometheus_client.core import Metric

    from r2p_kg.engine import Answer

MEDIA_TYPE = "text/plain; version=0.0.4"


class _Counters:
    """What each front process counts."""

    def __init__(self) -> None:
        self.hits = Counter("r2p_cache_hits", "Requests answered from memory, before Flask and engine.")
        self.pages = Counter("r2p_pages", "Requests answered by Flask, by status.", ["status"])
        said = "Seconds from question to answer of queries that a worker answered."
        self.queries = Histogram(
            "r2p_query_seconds", said, buckets=(0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1, 3, 10, 30)
        )
        self.bytes = Counter("r2p_answer_bytes", "Bytes of answers that workers gave.")
        self.refused = Counter(
            "r2p_query_errors", "Queries that a worker did not answer, by kind of problem.", ["problem"]
        )


@lru_cache(maxsize=1)
def _counters() -> _Counters:
    """The counters of this process, made when it first counts.

    Only then is it known whether it shares a folder with others. A process that counts forks no other that
    does, so that it need not be asked at each count which process it is.
    """
    own = os.getpid()
    shared = "PROMETHEUS_MULTIPROC_DIR" in os.environ
    values.ValueClass = values.MultiProcessValue(lambda: own) if shared else values.MutexValue  # type: ignore[no-untyped-call]
    return _Counters()


def hits(number: int) -> None:
    """Count requests that were answered from memory."""
    _counters().hits.inc(number)


def answered(answer: Answer, seconds: float) -> None:
    """Count a query that was answered."""
    _counters().queries.observe(seconds)
    _counters().bytes.inc(len(answer.body))


def refused(problem: str) -> None:
    """Count a query that was not."""
    _counters().refused.labels(problem).inc()


def page(status: int) -> None:
    """Count a page."""
    _counters().pages.labels(str(status)).inc()


def text(stats: Mapping[str, Any]) -> bytes:
    """Everything that is counted, in the exposition format; ``stats`` are the pool's."""
    _counters()
    registry = CollectorRegistry()
    registry.register(_Pool(stats))
    if "PROMETHEUS_MULTIPROC_DIR" in os.environ:
        MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
        return generate_latest(registry)
    return generate_latest(registry) + generate_latest(REGISTRY)


class _Pool:
    """The pool's own numbers, as metrics."""

    def __init__(self, stats: Mapping[str, Any]) -> None:
        self._stats = stats

    def collect(self) -> Iterator[Metric]:
        """What :func:`text` writes first."""
        gauges = {
            "workers": "Queries that may be evaluated at once.",
            "idle": "Query workers at hand.",
            "waiting": "Queries that wait for a worker.",
        }
        for name, said in gauges.items():
            if name in self._stats:
                yield GaugeMetricFamily(f"r2p_pool_{name}", said, self._stats[name])
        yield GaugeMetricFamily(
            "r2p_pool_running",
            "Queries of over a tenth of a second under way.",
            len(self._stats.get("running", ())),
        )
        events = CounterMetricFamily(
            "r2p_pool_events", "Kills, deaths, answers and errors in the pool.", labels=["event"]
        )
        for name, number in sorted(self._stats.get("counts", {}).items()):
            events.add_metric([name], number)
        yield events
