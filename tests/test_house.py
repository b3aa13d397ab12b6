"""The picture of the package in docs/design.md is drawn from what its modules import, and has no circle."""

from __future__ import annotations

import ast
import re
from graphlib import TopologicalSorter
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parent.parent
PACKAGE: Final = ROOT / "r2p_kg"

#: A room is a folder, or a module beside the folders.
ROOMS: Final = {
    path.stem for path in PACKAGE.iterdir() if (path / "__init__.py").is_file() or path.suffix == ".py"
} - {"__init__"}


def imported(file: Path) -> set[str]:
    """The rooms from which a module imports, also where it does so only for types or late."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module and node.module.partition(".")[0] == "r2p_kg":
            inside = node.module.split(".")[1:2]
            found |= set(inside) if inside else {alias.name for alias in node.names}
    return found & ROOMS


def arrows() -> set[tuple[str, str]]:
    """(from, to) for each room that imports from another."""
    drawn: set[tuple[str, str]] = set()
    for file in PACKAGE.rglob("*.py"):
        room = file.relative_to(PACKAGE).parts[0].removesuffix(".py")
        if room in ROOMS:
            drawn |= {(room, other) for other in imported(file) if other != room}
    return drawn


def test_the_rooms_are_few_and_their_arrows_go_one_way() -> None:
    assert len(ROOMS) <= 12
    below: dict[str, set[str]] = {room: set() for room in ROOMS}
    for room, other in arrows():
        below[room].add(other)
    order = list(TopologicalSorter(below).static_order())  # raises CycleError for a circle
    assert ROOMS == set(order)


def test_the_picture_of_the_package_shows_every_arrow_and_no_other() -> None:
    page = (ROOT / "docs" / "design.md").read_text(encoding="utf-8")
    picture = next(text for text in re.findall(r"```mermaid\n(.*?)```", page, re.DOTALL) if "sparql" in text)
    drawn = {(left, right) for left, right in re.findall(r"^ +(\w+) --> (\w+)$", picture, re.MULTILINE)}
    assert arrows() == drawn
