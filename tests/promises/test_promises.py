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
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

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
PATIENCE: Final = 300


def run(copy: Path, tests: Sequence[str], patience: float = PATIENCE) -> tuple[int, str]:
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
            printed, _ = process.communicate(timeout=patience)
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


def without(promise: dict[str, Any], folder: Path) -> tuple[int, str]:
    """The outcome of a promise's tests in a copy from which what keeps it was taken."""
    copy = copied(folder)
    file = copy / promise["file"]
    text = file.read_text(encoding="utf-8")
    if text.count(promise["take"]) != 1:
        return PASSED, f"{promise['file']} holds the text {text.count(promise['take'])} times, not once"
    file.write_text(text.replace(promise["take"], promise["put"]), encoding="utf-8")
    outcome = run(copy, promise["tests"])
    shutil.rmtree(copy / COPIED[1])
    return outcome


@pytest.fixture(scope="module")
def outcomes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[Future[tuple[int, str]]]]:
    """The outcome without each promise, in their order, worked out on every core.

    Fails unless every test named passes in a copy that keeps all promises.
    """
    tests = sorted({test for promise in PROMISES for test in promise["tests"]})
    status, printed = run(copied(tmp_path_factory.mktemp("whole")), tests, patience=5 * PATIENCE)
    assert status == PASSED, printed
    with ThreadPoolExecutor(os.cpu_count()) as cores:
        yield [cores.submit(without, promise, tmp_path_factory.mktemp("promise")) for promise in PROMISES]
        cores.shutdown(cancel_futures=True)


@pytest.mark.parametrize("number", range(len(PROMISES)), ids=[promise["says"] for promise in PROMISES])
def test_a_test_fails_without_the_promise(outcomes: list[Future[tuple[int, str]]], number: int) -> None:
    """Without the text that keeps it, at least one test of the promise fails, and none breaks off otherwise."""
    status, printed = outcomes[number].result()
    assert status == FAILED, printed
