"""What a hostile client does to a service.

P99 of the others, how late a deadline comes, how soon a killed worker is replaced, memory by role.
"""

from __future__ import annotations

import http.client
import json
import math
import statistics
import threading
import time
from collections import Counter
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from benchmarks.serving import client, machine, questions
from benchmarks.serving.services import OURS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from benchmarks.serving.load import Generator, Load
    from benchmarks.serving.questions import Question
    from benchmarks.serving.services import Service

#: The attacker comes from another address than the others, as on the net: all of 127.0.0.0/8 is loopback on
#: Linux.
_ATTACKER: Final = "127.0.0.2"
#: How many other clients there are.
OTHERS: Final = (1, 8)
#: Seconds after which the attacker leaves where the service does not end its query, and by which our service
#: is told to end it.
_GIVES_UP: Final = 3.0
_DEADLINE: Final = 1.0
_POLL: Final = 0.0005


@dataclass(frozen=True)
class Attack:
    """Small never-repeated queries over so many clients, alone and under attack, and what the attacker got.

    Status → how often.
    """

    clients: int
    alone: tuple[Load, ...]
    attacked: tuple[Load, ...]
    answers: dict[str, int]

    @property
    def ratio(self) -> float:
        """Median p99 under attack by median p99 alone.

        Infinite where no answer came under attack, not a number where none came alone.
        """
        attacked, alone = (
            statistics.median(one.p99 for one in loads) for loads in (self.attacked, self.alone)
        )
        return math.nan if math.isinf(alone) else attacked / alone

    @property
    def lost(self) -> int:
        """Small queries that got no good answer under attack."""
        return sum(one.lost for one in self.attacked)


@dataclass(frozen=True)
class Replacement:
    """Milliseconds after the end of a killed worker.

    Until another query had its answer, until a new worker was there (None: not seen).
    """

    next_answer: float
    new_worker: float | None


def attack(
    generator: Generator,
    service: Service,
    question: Question,
    *,
    rounds: int,
    seconds: float,
    numbers: Iterator[int],
) -> Iterator[tuple[int, Attack]]:
    """For one and for eight other clients, what an attack does to them.

    ``numbers``: beginnings of running numbers.

    Quiet and attacked rounds alternate. Where the service never ends a runaway all quiet ones come first, as
    it is never quiet again.
    """
    steps = [(clients, quiet) for clients in OTHERS for _ in range(rounds) for quiet in (True, False)]
    if service.name != OURS:
        steps.sort(key=lambda step: not step[1])
    loads: dict[tuple[int, bool], list[Load]] = {step: [] for step in steps}
    answers: dict[int, Counter[str]] = {clients: Counter() for clients in OTHERS}
    for clients, quiet in steps:
        if quiet:
            machine.settle(service.process.pid, 5)
        with nullcontext() if quiet else _attacker(service, answers[clients], next(numbers)):
            loads[clients, quiet].append(
                generator.run(
                    service.endpoint, question, clients=clients, seconds=seconds, start=next(numbers)
                )
            )
    for clients in OTHERS:
        yield (
            clients,
            Attack(
                clients, tuple(loads[clients, True]), tuple(loads[clients, False]), dict(answers[clients])
            ),
        )


@contextmanager
def _attacker(service: Service, answers: Counter[str], start: int) -> Iterator[None]:
    """One client that sends one runaway query after another, as long as the context lasts.

    The sorted product goes to our service only: it takes memory without bound, and the others have no bound.
    """
    over = threading.Event()
    ours = service.name == OURS
    runaways = questions.RUNAWAYS if ours else questions.RUNAWAYS[:1]

    def run() -> None:
        number = start
        while not over.is_set():
            number += 1
            target = service.endpoint.target(
                runaways[number % len(runaways)].render(number), **({"timeout": _DEADLINE} if ours else {})
            )
            try:
                got = str(client.get(service.endpoint, target, timeout=_GIVES_UP, source=_ATTACKER).status)
            except (OSError, http.client.HTTPException) as error:
                got = type(error).__name__
                time.sleep(0.01)
            answers[got] += 1

    thread = threading.Thread(target=run)
    thread.start()
    time.sleep(0.2)  # the first runaway shall run before the first small query is asked
    try:
        yield
    finally:
        over.set()
        thread.join()


def lateness(service: Service, rounds: int) -> list[tuple[float, int]]:
    """For each round: by how many milliseconds a runaway's answer missed its deadline, and its status."""
    found = []
    for number in range(rounds):
        reply = _runaway(service, number)
        found.append((1000 * (reply.seconds - _DEADLINE), reply.status))
    return found


def _runaway(service: Service, number: int) -> client.Reply:
    target = service.endpoint.target(questions.RUNAWAYS[0].render(number), timeout=_DEADLINE)
    return client.get(service.endpoint, target, timeout=60)


def replacement(service: Service, small: Question, number: int) -> Replacement:
    """What happens when the deadline of a runaway comes.

    The worker is killed, another answers, a new one takes its place.

    Which process evaluates the runaway is read from ``/status``; its end and the new one are seen in /proc,
    every half millisecond.
    """
    thread = threading.Thread(target=_runaway, args=(service, number))
    thread.start()
    try:
        victim = _evaluating(service)
        source = machine.parent(victim) or service.process.pid
        before = _children(source)
        while machine.runs(victim):
            time.sleep(_POLL)
        ended = time.perf_counter()
        born: list[float] = []
        watch = threading.Thread(target=_watch_birth, args=(source, before, born))
        watch.start()
        client.ask(service.endpoint, small.render(number), timeout=60)
        answered = time.perf_counter()
        watch.join()
    finally:
        thread.join()
    return Replacement(1000 * (answered - ended), 1000 * (born[0] - ended) if born else None)


def _evaluating(service: Service) -> int:
    """The id of the process that evaluates the one query that runs.

    Raises TimeoutError where ``/status`` names none.
    """
    until = time.monotonic() + _DEADLINE
    while time.monotonic() < until:
        status = client.get(service.endpoint, "/status", timeout=10, accept="application/json")
        running = json.loads(status.body)["engine"].get("running", [])
        if running:
            return int(running[0]["pid"])
        time.sleep(0.02)
    message = "/status showed no running query while a runaway was being evaluated"
    raise TimeoutError(message)


def _watch_birth(source: int, before: frozenset[int], born: list[float]) -> None:
    """Note the moment at which the process has a child that it did not have before.

    Give up after two seconds.
    """
    until = time.perf_counter() + 2
    while time.perf_counter() < until:
        if _children(source) - before:
            born.append(time.perf_counter())
            return
        time.sleep(_POLL)


def _children(pid: int) -> frozenset[int]:
    """The children of a single-threaded process (proc_pid_task(5), ``children``)."""
    return frozenset(
        int(each) for each in Path(f"/proc/{pid}/task/{pid}/children").read_text("utf-8").split()
    )


def roles(service: Service) -> dict[str, tuple[int, machine.Memory]]:
    """Role → number of processes and their memory together.

    Fronts are what is neither broker, zygote nor query worker.
    """
    found: dict[str, list[int]] = {}
    for pid in machine.tree(service.process.pid):
        found.setdefault(_role(pid), []).append(pid)
    return {role: (len(pids), machine.memory(pids)) for role, pids in sorted(found.items())}


def _role(pid: int) -> str:
    if "engine.broker" in _command(pid):
        return "broker"
    if "engine.zygote" in _command(pid):
        # A worker is forked and never executes another program: it has the command line of its zygote.
        return "worker" if "engine.zygote" in _command(machine.parent(pid) or 0) else "zygote"
    return "front"


def _command(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_text("utf-8", errors="replace")
    except OSError:
        return ""
