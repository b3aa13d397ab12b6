"""The package stands alone, so that it could be published by itself."""

from __future__ import annotations

import ast
import sys
from pathlib import Path

import r2p_kg.sparql

ROOM = Path(r2p_kg.sparql.__file__).parent


def test_the_package_imports_nothing_but_itself_and_the_standard_library() -> None:
    imported = {
        name
        for path in ROOM.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        for name in _names(node)
        if not name.startswith("r2p_kg.sparql") and name.partition(".")[0] not in sys.stdlib_module_names
    }
    assert set() == imported


def _names(node: ast.AST) -> list[str]:
    if isinstance(node, ast.ImportFrom):
        return ["." * node.level + (node.module or "")]
    return [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
