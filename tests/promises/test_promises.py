"""Each promise of the service has a test that fails without it.

Take the promise out of a copy, and see the test fail.

A promise is a row of promises.toml: what it ``says``; the ``file`` that keeps it; the text to ``take`` out,
which must be in that file exactly once; what to ``put`` in its place; the ``tests`` of which at least one has
to fail then. All of them together must pass in a copy in which nothing was taken out, so that no test fails
for the sake of the copy.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pytest

if TYPE_CHECKING:
    from collections.abc import Sequence

ROOT: Final = Path(__file__).parents[2]
PROMISES: Final[list[dict[str, Any]]] = tomllib.loads(
    Path(__file__).with_name("promises.toml").read_text(encoding="utf-8")
)["promise"]

#: Copied: the package, because promises are taken out of it, and what finds it by its own place. The rest is
#: linked to.
COPIED: Final = ("r2p_kg", "tests", "server.py", "pyproject.toml")
LINKED: Final = ("ontology", "queries", "docs", "README.md", "constraints.txt")

#: pytest's exit codes (its reference, "Exit codes"): all tests passed, some failed.
PASSED, FAILED = 0, 1

#: Seconds after which a copy without its promise counts as hanging, which is a failure too.
PATIENCE: Final = 240


def run(copy: Path, tests: Sequence[str]) -> tuple[int, str]:
    """The exit code of pytest for these tests of a copy, and what it printed."""
    command = [sys.executable, "-m", "pytest", "-q", "-x", "--no-cov", "-p", "no:cacheprovider", *tests]
    environment = {**os.environ, "PYTHONPATH": str(copy), "PYTHONDONTWRITEBYTECODE": "1"}
    with subprocess.Popen(
        command,
        cwd=copy,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    ) as process:
        try:
            printed, _ = process.communicate(timeout=PATIENCE)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, 9)
            return FAILED, process.communicate()[0]
    return process.returncode, printed


def copied(folder: Path) -> Path:
    """A copy of the package and its tests in a folder, with links to the rest."""
    for name in COPIED:
        if (ROOT / name).is_dir():
            ignored = shutil.ignore_patterns("__pycache__", "node_modules")
            shutil.copytree(ROOT / name, folder / name, ignore=ignored)
        else:
            shutil.copy(ROOT / name, folder / name)
    for name in LINKED:
        (folder / name).symlink_to(ROOT / name)
    return folder


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Fails unless every test named passes in a copy that keeps all promises."""
    tests = sorted({test for promise in PROMISES for test in promise["tests"]})
    status, printed = run(copied(tmp_path_factory.mktemp("whole")), tests)
    assert status == PASSED, printed


@pytest.mark.usefixtures("whole")
@pytest.mark.parametrize("promise", PROMISES, ids=[promise["says"] for promise in PROMISES])
def test_a_test_fails_without_the_promise(promise: dict[str, Any], tmp_path: Path) -> None:
    """Without the text that keeps it, at least one test of the promise fails, and none breaks off otherwise."""
    copy = copied(tmp_path)
    file = copy / promise["file"]
    text = file.read_text(encoding="utf-8")
    assert text.count(promise["take"]) == 1, (
        f"{promise['file']} holds the text {text.count(promise['take'])} times"
    )
    file.write_text(text.replace(promise["take"], promise["put"]), encoding="utf-8")
    status, printed = run(copy, promise["tests"])
    assert status == FAILED, printed
