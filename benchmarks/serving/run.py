"""The order of a run: check that all services give the same rows, warm up, measure in turns, attack."""

from __future__ import annotations

import http.client
import subprocess
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from benchmarks.serving import client, hazards, machine
from benchmarks.serving.services import OURS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from benchmarks.serving.hazards import Attack, Replacement
    from benchmarks.serving.load import Generator, Load
    from benchmarks.serving.questions import Question
    from benchmarks.serving.services import Service

#: Running numbers of one measurement never meet those of another: this many lie between their beginnings.
_APART = 1_000_000


class WrongAnswerError(Exception):
    """Our own service does not answer as it must, so that there is nothing to measure."""


@dataclass(frozen=True)
class Plan:
    """How much is measured. ``seconds``: of one measurement, ``slow``: of one where answers take long.

    ``warm``: seconds of each question before the first round. ``until``: the moment (time.monotonic) after
    which none is begun.
    """

    rounds: int
    seconds: float
    slow: float
    warm: float
    clients: tuple[int, ...]
    until: float

    @property
    def over(self) -> bool:
        """True where the time that the run may take is used up."""
        return time.monotonic() > self.until


@dataclass(eq=False)
class Results:
    """What was measured so far.

    ``loads``: (question, clients, service) → one Load for each round. ``memory``: PSS in MiB at rest, at the
    end.
    """

    loads: dict[tuple[str, int, str], list[Load]] = field(default_factory=dict)
    memory: dict[str, tuple[float, float]] = field(default_factory=dict)
    attacks: dict[tuple[str, int], Attack] = field(default_factory=dict)
    late: list[tuple[float, int]] = field(default_factory=list)
    replaced: list[Replacement] = field(default_factory=list)
    roles: dict[str, dict[str, tuple[int, machine.Memory]]] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Run:
    """One run over services that are up.

    ``say`` gets what is done at the moment; ``numbers`` gives each measurement its own running numbers.

    ``slow`` grows: the cases (question, clients, service) that need more time.
    """

    generator: Generator
    services: Sequence[Service]
    questions: Sequence[Question]
    plan: Plan
    results: Results
    say: Callable[[str], None]
    numbers: Iterator[int]
    slow: set[tuple[str, int, str]] = field(default_factory=set)

    def fair(self) -> dict[str, frozenset[str]]:
        """Question → services that give the rows that ours gives.

        Each other one is noted. Raises WrongAnswerError where ours gives wrong counts.
        """
        return {question.name: frozenset(self._agreeing(question)) for question in self.questions}

    def _agreeing(self, question: Question) -> Iterator[str]:
        expected: dict[int, object] = {}
        for service in self.services:
            self.say(f"checking {service.name}: {question.name}")
            for number in (7, 12_345):
                try:
                    reply = client.ask(service.endpoint, question.render(number), timeout=120)
                    rows = (
                        client.rows(reply.body)
                        if reply.status == http.client.OK
                        else f"status {reply.status}"
                    )
                except (OSError, http.client.HTTPException, ValueError) as error:
                    rows = repr(error)
                wrong = isinstance(rows, str) or question.rows not in {None, len(rows)}
                if wrong and service.name == OURS:
                    given = rows if isinstance(rows, str) else len(rows)
                    message = f"{question.name}: our service gave {given}, not {question.rows} rows"
                    raise WrongAnswerError(message)
                if rows != expected.setdefault(number, rows):
                    what = rows if isinstance(rows, str) else f"{len(rows)} rows, not the same as ours"
                    self.results.notes.append(f"left out: {service.name}, {question.name}: {what}")
                    break
            else:
                yield service.name

    def measure(self) -> None:
        """Every question, number of clients and service in turn, round by round.

        Another service begins in each round.
        """
        fair = self.fair()
        cases = [(question, clients) for question in self.questions for clients in self.plan.clients]
        self._warm(fair)
        self._note_revalidation()
        for service in self.services:
            self.results.memory[service.name] = (machine.memory(machine.tree(service.process.pid)).pss, 0.0)
        for turn in range(self.plan.rounds):
            for question, clients in cases:
                shift = turn % len(self.services)
                for service in [*self.services[shift:], *self.services[:shift]]:
                    if service.name in fair[question.name] and not self.plan.over:
                        self.say(
                            f"round {turn + 1} of {self.plan.rounds}: "
                            f"{question.name}, {clients} clients, {service.name}"
                        )
                        self._keep(service, question, clients)
        for service in self.services:
            at_rest, _ = self.results.memory[service.name]
            self.results.memory[service.name] = (
                at_rest,
                machine.memory(machine.tree(service.process.pid)).pss,
            )

    def _warm(self, fair: dict[str, frozenset[str]]) -> None:
        """Each question to each service, unmeasured.

        Compilers of bytecode and caches of pages shall have done their work.
        """
        for service in self.services:
            for question in self.questions:
                if service.name in fair[question.name] and self.plan.warm and not self.plan.over:
                    self.say(f"warming up {service.name}: {question.name}")
                    self._load(service, question, max(self.plan.clients), self.plan.warm)

    def _keep(self, service: Service, question: Question, clients: int) -> None:
        """Measure once and keep it; a failure, such as a service that died, is noted.

        Where not every client got two answers it is measured again for longer, in this and all later rounds:
        what is still under way when the time is over counts for nothing, which would be unjust to the slow.
        """
        case = (question.name, clients, service.name)
        seconds = self.plan.slow if case in self.slow else self.plan.seconds
        try:
            load = self._load(service, question, clients, seconds)
            if load.requests < 2 * clients and seconds < self.plan.slow:
                self.slow.add(case)
                load = self._load(service, question, clients, self.plan.slow)
        except (OSError, http.client.HTTPException, subprocess.SubprocessError) as error:
            self.results.notes.append(
                f"failed: {service.name}, {question.name}, {clients} clients: {error!r}"
            )
        else:
            self.results.loads.setdefault(case, []).append(load)

    def _load(self, service: Service, question: Question, clients: int, seconds: float) -> Load:
        if not machine.settle(service.process.pid, 30):
            self.results.notes.append(
                f"{service.name} was still busy before: {question.name}, {clients} clients"
            )
        etag = ""
        if question.revalidated:
            # Whatever a service names as the tag of this answer; one that names none is sent a tag all the
            # same, and answers in full.
            etag = client.ask(service.endpoint, question.render(0), timeout=60).headers.get("etag", '"none"')
        return self.generator.run(
            service.endpoint, question, clients=clients, seconds=seconds, start=next(self.numbers), etag=etag
        )

    def attack(self, service: Service, small: Question) -> None:
        """Attack one service, of which nothing is measured afterwards; but ours must be as before."""
        if self.plan.over:
            return
        self.say(f"attacking {service.name}")
        try:
            for clients, found in hazards.attack(
                self.generator,
                service,
                small,
                rounds=self.plan.rounds,
                seconds=self.plan.seconds,
                numbers=self.numbers,
            ):
                self.results.attacks[service.name, clients] = found
        except subprocess.SubprocessError as error:
            self.results.notes.append(f"failed: {service.name} under attack: {error!r}")

    def endure(self, service: Service, small: Question) -> None:
        """Deadlines and replaced workers of our service."""
        self.say("deadlines")
        self.results.late += hazards.lateness(service, self.plan.rounds)
        for _ in range(self.plan.rounds):
            machine.settle(service.process.pid, 5)
            self.say("a worker that is killed")
            try:
                self.results.replaced.append(hazards.replacement(service, small, next(self.numbers)))
            except TimeoutError as error:
                self.results.notes.append(f"failed: replacement of a killed worker: {error}")

    def _note_revalidation(self) -> None:
        """Note which services answer 304 to their own tag; raise WrongAnswerError where ours does not."""
        small = self.questions[0]
        kept = [service.name for service in self.services if _revalidates(service, small)]
        if OURS not in kept:
            message = "our service did not answer 304 to its own ETag"
            raise WrongAnswerError(message)
        self.results.notes.append(
            f"304 to their own ETag: {', '.join(kept)}; the others send the whole answer again"
        )


def _revalidates(service: Service, question: Question) -> bool:
    etag = client.ask(service.endpoint, question.render(0), timeout=60).headers.get("etag", "")
    target = service.endpoint.target(question.render(0))
    return (
        bool(etag)
        and client.get(service.endpoint, target, timeout=60, etag=etag).status == http.client.NOT_MODIFIED
    )


def numbers() -> Iterator[int]:
    """Beginnings of running numbers, far apart."""
    number = _APART
    while True:
        yield number
        number += _APART
