"""Tables, files and a plot of what was measured."""

from __future__ import annotations

import importlib
import json
import math
import statistics
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Final

from rich.table import Table

from benchmarks.serving.services import OURS

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from rich.console import Console

    from benchmarks.serving.load import Load
    from benchmarks.serving.run import Results

#: (question, peer, ratio of requests per second to aim at, clients).
AIMS: Final = (
    ("small, repeated", "oxigraph", 1.2),
    ("small, repeated", "virtuoso", 10.0),
    ("small, repeated", "rdflib-endpoint", 10.0),
    ("small, revalidated (If-None-Match)", "oxigraph", 1.2),
    *(
        ("large, repeated", peer, 12.0)
        for peer in ("oxigraph", "oxigraph-disk", "rdflib-endpoint", "virtuoso", "fuseki")
    ),
    ("small, never repeated", "oxigraph", 0.35),
    ("small, never repeated", "virtuoso", 4.0),
    ("small, never repeated", "rdflib-endpoint", 20.0),
    ("large, never repeated", "oxigraph", 0.9),
)
_AIMED_CLIENTS: Final = 8


@dataclass(frozen=True)
class Sheet:
    """A table as values: title, heads, rows of cells."""

    title: str
    heads: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]

    def show(self, console: Console) -> None:
        """Print it for people."""
        table = Table(title=self.title, title_justify="left")
        for index, head in enumerate(self.heads):
            table.add_column(head, justify="right" if index else "left", no_wrap=not index)
        for row in self.rows:
            table.add_row(*row)
        console.print(table)

    def markdown(self) -> str:
        """The same for a document."""
        lines = [
            f"**{self.title}**",
            "",
            _line(self.heads),
            _line(["---", *["---:"] * (len(self.heads) - 1)]),
            *(_line(row) for row in self.rows),
        ]
        return "\n".join(lines) + "\n"


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _number(value: float) -> str:
    """Three figures that count."""
    if not math.isfinite(value):
        return "no answer"
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"  # noqa: PLR2004


def _times_over(ratio: float) -> str:
    return f"{_number(ratio)}x" if math.isfinite(ratio) else "no answer"


def rate(loads: Sequence[Load]) -> float:
    """Median of the good answers in a second."""
    return statistics.median(one.rate for one in loads)


def _ratio(ours: float, theirs: float) -> str:
    return _times_over(ours / theirs if theirs else math.inf)


def sheets(results: Results, names: Sequence[str]) -> list[Sheet]:
    """Every table for which there are figures; ``names``: the services, ours first."""
    made = [
        _rates(results, names),
        _times(results, names),
        _aims(results),
        _memory(results),
        _attacks(results),
        _endured(results),
        _roles(results),
    ]
    return [sheet for sheet in made if sheet.rows]


def _cases(results: Results) -> list[tuple[str, int]]:
    """Question and number of clients, in the order in which they were measured."""
    return list(dict.fromkeys((question, clients) for question, clients, _ in results.loads))


def _rates(results: Results, names: Sequence[str]) -> Sheet:
    rows = []
    for question, clients in _cases(results):
        ours = rate(results.loads[question, clients, OURS])
        cells = [question, str(clients), _number(ours)]
        for name in names[1:]:
            theirs = results.loads.get((question, clients, name))
            cells.append(f"{_ratio(ours, rate(theirs))} ({_number(rate(theirs))})" if theirs else "-")
        rows.append(tuple(cells))
    return Sheet(
        "Requests per second: ours; then ours by theirs (theirs); medians of the rounds",
        ("question", "clients", *names),
        tuple(rows),
    )


def _times(results: Results, names: Sequence[str]) -> Sheet:
    rows = []
    for question, clients in _cases(results):
        cells = [question, str(clients)]
        for name in names:
            loads = results.loads.get((question, clients, name))
            lost = sum(one.lost for one in loads or ())
            cells.append(_pair(loads) + (f", {lost} lost" if lost else "") if loads else "-")
        rows.append(tuple(cells))
    return Sheet(
        "Milliseconds: p50 / p99, medians of the rounds", ("question", "clients", *names), tuple(rows)
    )


def _pair(loads: Sequence[Load]) -> str:
    half, nearly_all = (statistics.median(getattr(one, name) for one in loads) for name in ("p50", "p99"))
    return f"{_number(half)} / {_number(nearly_all)}"


def _aims(results: Results) -> Sheet:
    rows = []
    for question, peer, aim in AIMS:
        ours, theirs = (results.loads.get((question, _AIMED_CLIENTS, name)) for name in (OURS, peer))
        if ours and theirs:
            reached = rate(ours) / rate(theirs) if rate(theirs) else math.inf
            rows.append(
                (question, peer, f"{aim:g}x", _times_over(reached), "yes" if reached >= aim else "no")
            )
    return Sheet(
        f"Aims, at {_AIMED_CLIENTS} clients", ("question", "peer", "aim", "reached", "met"), tuple(rows)
    )


def _memory(results: Results) -> Sheet:
    rows = tuple(
        (name, _number(rest), _number(end) if end else "-") for name, (rest, end) in results.memory.items()
    )
    return Sheet(
        "Memory of the whole process tree, PSS in MiB", ("service", "warmed up", "after all rounds"), rows
    )


def _attacks(results: Results) -> Sheet:
    rows = []
    for (name, clients), one in results.attacks.items():
        alone, attacked = (
            _number(statistics.median(load.p99 for load in loads)) for loads in (one.alone, one.attacked)
        )
        rates = " → ".join(_number(rate(loads)) for loads in (one.alone, one.attacked))
        got = ", ".join(f"{number}x {answer}" for answer, number in sorted(one.answers.items()))
        rows.append((name, str(clients), alone, attacked, _times_over(one.ratio), rates, str(one.lost), got))
    heads = (
        "service",
        "clients",
        "p99 alone, ms",
        "p99 attacked, ms",
        "ratio",
        "requests/s",
        "lost",
        "the attacker got",
    )
    return Sheet(
        "Small never-repeated queries while one other client sends runaway queries without pause",
        heads,
        tuple(rows),
    )


def _endured(results: Results) -> Sheet:
    rows = []
    if results.late:
        statuses = ", ".join(str(status) for status in sorted({status for _, status in results.late}))
        rows.append(
            (
                f"answer to a runaway after its deadline (status {statuses})",
                *_spread([late for late, _ in results.late]),
            )
        )
    if results.replaced:
        rows.append(
            (
                "next answer after the end of a killed worker",
                *_spread([one.next_answer for one in results.replaced]),
            )
        )
    births = [one.new_worker for one in results.replaced if one.new_worker is not None]
    if births:
        rows.append(
            (f"new worker after that (seen {len(births)} times of {len(results.replaced)})", *_spread(births))
        )
    return Sheet(
        "Deadlines and killed workers of our service, ms", ("what", "median", "longest"), tuple(rows)
    )


def _spread(values: Sequence[float]) -> tuple[str, str]:
    return _number(statistics.median(values)), _number(max(values))


def _roles(results: Results) -> Sheet:
    rows = []
    for data, found in results.roles.items():
        rows += [
            (data, role, str(count), _number(memory.pss), _number(memory.own / count))
            for role, (count, memory) in found.items()
        ]
        rows.append(
            (
                data,
                "all",
                str(sum(count for count, _ in found.values())),
                _number(sum(memory.pss for _, memory in found.values())),
                "-",
            )
        )
    return Sheet(
        "Memory of our service by role, MiB",
        ("data", "role", "processes", "PSS together", "own, of one"),
        tuple(rows),
    )


def record(results: Results, about: dict[str, Any]) -> str:
    """Everything that was measured, round by round, as JSON."""
    loads = [
        {
            "question": question,
            "clients": clients,
            "service": service,
            "rounds": [asdict(one) for one in rounds],
        }
        for (question, clients, service), rounds in results.loads.items()
    ]
    attacks = [{"service": service, **asdict(one)} for (service, _), one in results.attacks.items()]
    roles = {
        data: {role: {"processes": count, **asdict(memory)} for role, (count, memory) in found.items()}
        for data, found in results.roles.items()
    }
    endured = {"late_ms_status": results.late, "replaced_ms": [asdict(one) for one in results.replaced]}
    return json.dumps(
        {
            **about,
            "loads": loads,
            "memory_pss_mib": results.memory,
            "attacks": attacks,
            **endured,
            "roles": roles,
            "notes": results.notes,
        },
        indent=1,
    )


def plot(results: Results, names: Sequence[str], path: Path) -> bool:
    """Write a picture of the ratios, ours by theirs, for the most usual number of clients.

    False where matplotlib is missing.
    """
    try:
        figures: Any = importlib.import_module("matplotlib.figure")
    except ModuleNotFoundError:
        return False
    all_clients = sorted({clients for _, clients in _cases(results)})
    clients = _AIMED_CLIENTS if _AIMED_CLIENTS in all_clients else all_clients[0]
    shown = [question for question, count in _cases(results) if count == clients]
    figure = figures.Figure(figsize=(9, 1.2 + 0.8 * len(shown)), layout="constrained")
    axes = figure.subplots()
    height = 0.8 / max(1, len(names) - 1)
    for index, name in enumerate(names[1:]):
        places, ratios = [], []
        for row, question in enumerate(shown):
            theirs = results.loads.get((question, clients, name))
            if theirs and rate(theirs):
                places.append(row + (index - (len(names) - 2) / 2) * height)
                ratios.append(rate(results.loads[question, clients, OURS]) / rate(theirs))
        bars = axes.barh(places, [ratio - 1 for ratio in ratios], height, left=1, label=name)
        axes.bar_label(bars, [f"{_number(ratio)}x" for ratio in ratios], padding=3, fontsize=7)
    axes.set_xscale("log")
    axes.axvline(1, color="black", linewidth=0.8)
    axes.set_yticks(range(len(shown)), shown)
    axes.invert_yaxis()
    axes.margins(x=0.15)
    axes.set_xlabel(f"requests per second, ours by theirs, {clients} clients (right of 1: ours is faster)")
    if len(names) > 1:
        axes.legend(fontsize=8)
    figure.savefig(path, dpi=150)
    return True
