"""How each entailed triple follows: by which rule, from which triples, the shortest way first.

The length of a way is the number of conclusions on it down to what was asserted. The shortest is found as
Knuth generalised Dijkstra's algorithm (https://doi.org/10.1016/0020-0190(77)90002-3): triples are settled
from the shortest way to the longest.
"""

from __future__ import annotations

import heapq
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from r2p_kg.curate.reasoning.compiler import Compiled, Pattern, put_in, select, text_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from pyoxigraph import Store

#: How many ways to one triple are kept.
KEPT = 5


@dataclass(frozen=True, order=True)
class Derivation:
    """One step.

    Attributes:
        length: of the whole way that ends with it.
        rule: its name in the standard.
        premises: the triples from which it concludes.

    """

    length: int
    rule: str
    premises: tuple[Pattern, ...]


def derivations(
    store: Store, rules: Iterable[Compiled], concluded: Iterable[Pattern]
) -> Mapping[Pattern, tuple[Derivation, ...]]:
    """Each triple that was ``concluded`` in a closed store → its derivations.

    The shortest first, at most KEPT, each resting on something else. No triple is its own reason: the
    premises of every derivation have shorter ways than the triple.
    """
    wanted = frozenset(concluded)
    steps = [step for step in set(_instances(store, rules)) if step[2] in wanted and step[2] not in step[1]]
    length = _lengths(steps, wanted)
    ways: dict[Pattern, set[Derivation]] = {}
    for rule, premises, head in steps:
        own = length[head]
        if all(length.get(premise, 0) < own for premise in premises):
            ways.setdefault(head, set()).add(
                Derivation(1 + sum(length.get(premise, 0) for premise in premises), rule, premises)
            )
    return _telling({head: sorted(several) for head, several in ways.items()})


def _telling(ways: Mapping[Pattern, list[Derivation]]) -> dict[Pattern, tuple[Derivation, ...]]:
    """The shortest ways, without those that rest on all that a shorter one rests on: they add nothing."""
    ends: dict[Pattern, frozenset[Pattern]] = {}
    for fact in sorted(ways, key=lambda one: (ways[one][0].length, one)):
        ends[fact] = frozenset().union(*(ends.get(premise, {premise}) for premise in ways[fact][0].premises))
    kept: dict[Pattern, tuple[Derivation, ...]] = {}
    for fact, several in ways.items():
        chosen, rests = [several[0]], [ends[fact]]
        for way in several[1:]:
            if len(chosen) == KEPT:
                break
            rest = frozenset().union(*(ends.get(premise, {premise}) for premise in way.premises))
            if not any(one <= rest for one in rests):
                chosen.append(way)
                rests.append(rest)
        kept[fact] = tuple(chosen)
    return kept


def support(facts: Iterable[Pattern], why: Mapping[Pattern, tuple[Derivation, ...]]) -> tuple[Pattern, ...]:
    """The asserted triples at the ends of the shortest ways to some triples, each once."""
    asserted: dict[Pattern, None] = {}
    todo, seen = list(facts)[::-1], set()
    while todo:
        fact = todo.pop()
        if fact in seen:
            continue
        seen.add(fact)
        if fact in why:
            todo += why[fact][0].premises[::-1]
        else:
            asserted[fact] = None
    return tuple(asserted)


def _lengths(
    steps: list[tuple[str, tuple[Pattern, ...], Pattern]], wanted: frozenset[Pattern]
) -> dict[Pattern, int]:
    """Triple → length of the shortest way to it, for those that were not asserted."""
    waiting = [sum(premise in wanted for premise in set(premises)) for _, premises, _ in steps]
    total = [1] * len(steps)
    users: dict[Pattern, list[int]] = {}
    for number, (_, premises, _) in enumerate(steps):
        for premise in set(premises):
            if premise in wanted:
                users.setdefault(premise, []).append(number)
    heap = [(1, steps[number][2]) for number, missing in enumerate(waiting) if not missing]
    heapq.heapify(heap)
    length: dict[Pattern, int] = {}
    while heap:
        reached, fact = heapq.heappop(heap)
        if fact in length:
            continue
        length[fact] = reached
        for number in users.get(fact, ()):
            waiting[number] -= 1
            total[number] += reached * steps[number][1].count(fact)
            if not waiting[number] and steps[number][2] not in length:
                heapq.heappush(heap, (total[number], steps[number][2]))
    return length


def _instances(store: Store, rules: Iterable[Compiled]) -> Iterator[tuple[str, tuple[Pattern, ...], Pattern]]:
    """(rule, premises, conclusion) of every way in which a rule applies to the closed store."""
    shared: dict[tuple[tuple[Pattern, ...], str], list[Compiled]] = {}
    for rule in rules:
        shared.setdefault((rule.body, rule.where), []).append(rule)
    for (body, where), alike in shared.items():
        for bound in _rows(store, body, where):
            known = put_in(body, bound, {})
            for rule in alike:
                yield rule.name, known + rule.axioms, put_in((rule.head,), bound, {})[0]


def _rows(store: Store, body: tuple[Pattern, ...], where: str) -> Iterator[dict[str, str]]:
    names = sorted({token for pattern in body for token in pattern if re.match(r"\?\w", token)})
    if not names:
        if not body or next(iter(select(store, f"SELECT * {{ {text_of(body)} }}")), None) is not None:
            yield {}
        return
    for row in select(store, f"SELECT {' '.join(names)} {{ {text_of(body)} {where} }}"):
        yield {name: str(row[number]) for number, name in enumerate(names)}
