"""Our service against other SPARQL services.

Same data, same queries, same machine, same run, in alternating rounds.

Usage, from the top folder of the checkout:

    python -m benchmarks.serving --peer-bin PEERS/bin --peer-bin JARS   (about an hour with all; see --help)
    python -m benchmarks.serving --quick                                (our service only, some seconds)

What gives every peer; a peer that is missing is named, and the run goes on without it:

    apt-get install wrk virtuoso-opensource-7 default-jre-headless maven
    python3 -m venv PEERS && PEERS/bin/pip install oxigraph rdflib-endpoint uvicorn
    mvn dependency:copy -Dartifact=org.apache.jena:jena-fuseki-server:5.2.0 -DoutputDirectory=JARS
    pip install matplotlib                                                 (for the picture)

Each service is started on a free port of loopback, filled with the same generated graph, and ended by its id.
First every service has to give the same rows for every question. Then wrk asks (a generator in Python where
it is missing: its figures are for trying out only). Printed are requests per second with ratios, p50, p99,
memory (PSS of the process tree); written are results.json, serving.md and serving.png. Nothing is asserted of
times: they depend on the machine, which should have nothing else to do.

It needs Linux: processes, memory and CPU are read from /proc, and the attacker comes from 127.0.0.2.

wrk waits for each answer before it asks again over that connection: p99 is that of a polite client. It shares
the machine's cores with the service that it asks. Peers run as installed, but for Virtuoso, which gets memory
and threads enough for the clients, and no limits.
"""

from __future__ import annotations

import contextlib
import os
import platform
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from rich.console import Console

from benchmarks.serving import graph, hazards, machine, questions, report, services
from benchmarks.serving.load import Generator
from benchmarks.serving.run import Plan, Results, Run, WrongAnswerError, numbers

if TYPE_CHECKING:
    from collections.abc import Sequence

    from benchmarks.serving.services import Kind, Service

_RESULTS = Path(__file__).parent.parent / "results"


@click.command()
@click.option(
    "--peer-bin",
    "folders",
    metavar="DIR",
    multiple=True,
    type=click.Path(path_type=Path, resolve_path=True),
    help="Where programs of peers are, before PATH.",
)
@click.option("--only", metavar="NAME", multiple=True, help="Of the peers, only this one; may be repeated.")
@click.option(
    "--ours",
    metavar="OPTION",
    multiple=True,
    help="One more option for `r2p serve`, such as --ours=--workers=2; may be repeated.",
)
@click.option("--triples", default=100_000, show_default=True, type=click.IntRange(100))
@click.option("--rounds", default=5, show_default=True, type=click.IntRange(1))
@click.option(
    "--seconds",
    default=3.0,
    show_default=True,
    type=click.FloatRange(0.1, 15),
    help="Of one measurement; wrk knows whole ones only.",
)
@click.option(
    "--slow",
    default=10.0,
    show_default=True,
    type=click.FloatRange(0.1, 60),
    help="The same, where a client does not get two answers in it.",
)
@click.option(
    "--warm",
    default=2.0,
    show_default=True,
    type=click.FloatRange(0),
    help="Seconds of each question, unmeasured, before the first round.",
)
@click.option(
    "--clients", default="1,8,32", show_default=True, help="Numbers of clients, with commas between."
)
@click.option(
    "--question",
    "asked",
    metavar="TEXT",
    multiple=True,
    help="Only questions whose name contains this; may be repeated.",
)
@click.option(
    "--limit",
    default=5400.0,
    show_default=True,
    type=click.FloatRange(1),
    help="Seconds after which no more measurement is begun.",
)
@click.option(
    "--out",
    default=_RESULTS,
    show_default="benchmarks/results",
    type=click.Path(path_type=Path),
    help="Folder for what is written.",
)
@click.option("--python-generator", is_flag=True, help="Do not use wrk.")
@click.option("--no-attack", is_flag=True, help="Leave attack, deadlines and killed workers out.")
@click.option("--no-real", is_flag=True, help="Leave out the memory of our service with its own graph.")
@click.option(
    "--quick", is_flag=True, help="Our service only, a small graph, one short round, the generator in Python."
)
def main(
    *,
    folders: tuple[Path, ...],
    only: tuple[str, ...],
    ours: tuple[str, ...],
    triples: int,
    rounds: int,
    seconds: float,
    slow: float,
    warm: float,
    clients: str,
    asked: tuple[str, ...],
    limit: float,
    out: Path,
    python_generator: bool,
    no_attack: bool,
    no_real: bool,
    quick: bool,
) -> None:
    """Measure our SPARQL service against others on this machine, alternating; stops by itself."""
    if quick:
        triples, rounds, seconds, warm, clients, only, python_generator, no_real = (
            2_000,
            1,
            0.3,
            0.0,
            "2",
            ("none",),
            True,
            True,
        )
    console = Console(width=None if sys.stdout.isatty() else 200)
    plan = Plan(
        rounds, seconds, slow, warm, tuple(int(each) for each in clients.split(",")), time.monotonic() + limit
    )
    out.mkdir(parents=True, exist_ok=True)
    # A stop signal ends the run as Ctrl-C does, so that every service that was started is ended.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    with tempfile.TemporaryDirectory(prefix="r2p-bench-") as temporary, contextlib.ExitStack() as stack:
        status = stack.enter_context(Console(stderr=True).status("starting"))
        folder = Path(temporary)
        data = folder / "graph.nt"
        count = graph.write(data, triples)
        wrk = None if python_generator else shutil.which("wrk")
        about = _about(count, plan, wrk)
        console.print(
            f"{count:,} triples, {about['generator']}, {about['cores']} cores, Python {about['python']}"
        )
        results = Results()
        found = [
            question
            for question in questions.all_questions(graph.situations(triples))
            if not asked or any(text in question.name for text in asked)
        ]
        up = _start(_chosen(ours, only), folders, data, folder, results)
        try:
            run = Run(Generator(wrk, folder), list(up), found, plan, results, _Say(status.update), numbers())
            run.measure()
            if not no_attack:
                _attack_all(run, up, data)
            if not no_real:
                _real(run, folder)
        except WrongAnswerError as error:
            raise click.ClickException(str(error)) from error
        finally:
            for service, ending in up.items():
                status.update(f"ending {service.name}")
                ending.close()
    if plan.over:
        results.notes.append(f"the time of --limit {limit:g} s was used up: what is missing was not measured")
    _write(console, results, [service.name for service in up], about, out)


class _Say:
    """Tells what is being done: as a changing line on a terminal, else as one line each on standard error."""

    def __init__(self, update: Any) -> None:
        self._update = update

    def __call__(self, text: str) -> None:
        self._update(text)
        if not sys.stderr.isatty():
            print(time.strftime("%H:%M:%S"), text, file=sys.stderr, flush=True)


def _about(count: int, plan: Plan, wrk: str | None) -> dict[str, Any]:
    generator = "wrk" if wrk else "generator in Python: for trying out, not for figures"
    rounds = {"rounds": plan.rounds, "seconds": plan.seconds, "clients": plan.clients}
    versions = {name: version(name) for name in ("granian", "pyoxigraph", "flask")}
    return {
        "triples": count,
        "generator": generator,
        **rounds,
        "cores": os.cpu_count(),
        "python": platform.python_version(),
        "versions": versions,
    }


def _chosen(ours: tuple[str, ...], only: tuple[str, ...]) -> list[Kind]:
    return [
        kind for kind in services.kinds(ours) if kind.name == services.OURS or not only or kind.name in only
    ]


def _start(
    kinds: Sequence[Kind], folders: tuple[Path, ...], data: Path, folder: Path, results: Results
) -> dict[Service, contextlib.ExitStack]:
    """The services that came up, each with what ends it.

    Peers that are missing or fail are noted. Raises ClickException where ours fails.
    """
    up: dict[Service, contextlib.ExitStack] = {}
    try:
        for kind in kinds:
            programs = services.find(kind.needs, folders)
            missing = [name for name in kind.needs if name not in programs]
            if missing:
                results.notes.append(
                    f"missing: {kind.name} (no {', '.join(missing)}); to have it: {kind.install}"
                )
                continue
            ending = contextlib.ExitStack()
            try:
                up[ending.enter_context(services.started(kind, programs, data, folder / kind.name))] = ending
            except (services.StartError, OSError, subprocess.SubprocessError) as error:
                if kind.name == services.OURS:
                    raise click.ClickException(str(error)) from error
                results.notes.append(f"missing: {kind.name}: {error}")
    except BaseException:
        for ending in up.values():
            ending.close()
        raise
    return up


def _attack_all(run: Run, up: dict[Service, contextlib.ExitStack], data: Path) -> None:
    """Ours first. Each peer is ended right after its turn: it may go on evaluating what nobody waits for."""
    small = next(
        (question for question in run.questions if question.varies and question.name.startswith("small")),
        None,
    )
    if small is None:
        run.results.notes.append("no attack: the small never-repeated question was left out")
        return
    for service, ending in up.items():
        run.attack(service, small)
        if service.name == services.OURS:
            run.endure(service, small)
            run.results.roles[data.name] = hazards.roles(service)
        else:
            run.say(f"ending {service.name}")
            ending.close()


def _real(run: Run, folder: Path) -> None:
    """The memory of our service over its own graph, after two seconds of large answers to eight clients."""
    if run.plan.over:
        return
    run.say("our service with its own graph (the first time, that is built)")
    kind = services.own_graph(Path(os.environ.get("R2P_STATE", folder / "state")).resolve())
    with services.started(kind, {}, folder, folder / "real") as service:
        run.generator.run(service.endpoint, questions.ANYTHING, clients=8, seconds=2, start=0)
        machine.settle(service.process.pid, 5)
        run.results.roles["our own graph"] = hazards.roles(service)


def _write(console: Console, results: Results, names: list[str], about: dict[str, Any], out: Path) -> None:
    (out / "results.json").write_text(report.record(results, about) + "\n", "utf-8")
    made = report.sheets(results, names)
    for sheet in made:
        sheet.show(console)
    for note in results.notes:
        console.print(f"- {note}", markup=False, highlight=False)
    notes = "".join(f"- {note}\n" for note in results.notes)
    (out / "serving.md").write_text("\n".join(sheet.markdown() for sheet in made) + f"\n{notes}", "utf-8")
    drawn = report.plot(results, names, out / "serving.png")
    console.print(
        f"written to {out}: results.json, serving.md"
        + (", serving.png" if drawn else "; no picture, because matplotlib is missing")
    )


if __name__ == "__main__":
    main()
