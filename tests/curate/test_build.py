"""The pipeline gives the same snapshot for the same files, builds only when something changed, and never replaces good by bad."""

from __future__ import annotations

import errno
import os
import shutil
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from r2p_kg.curate import build, reasoning
from r2p_kg.curate.findings import FindingsError
from r2p_kg.curate.state import KEPT
from r2p_kg.errors import SnapshotError, UsageError
from r2p_kg.graph import snapshot
from tests.curated import FOREIGN, HEAD, PREFIXES, SCHEMA

WORLD = Path(__file__).parent.parent / "world"


@pytest.fixture(autouse=True)
def _no_java(monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> None:
    """Pellet takes seconds: only the tests marked java ask it."""
    if request.node.get_closest_marker("java") is None:
        monkeypatch.setattr(
            reasoning, "verdict", lambda *_: reasoning.Verdict(consistent=True, unsatisfiable=(), said="")
        )


@pytest.fixture
def ontology(tmp_path: Path) -> Path:
    folder = tmp_path / "ontology"
    for name, text in {
        "prefixes": PREFIXES,
        "schema/tools": SCHEMA,
        "schema/foreign": FOREIGN,
        "facts/a": HEAD + 'id:a a r2p:Tool ; rdfs:label "a"@en .\n',
        "facts/b": HEAD + 'id:b a r2p:Tool ; rdfs:label "b"@en .\n',
    }.items():
        path = folder / f"{name}.ttl"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return folder


@pytest.fixture
def state(tmp_path: Path) -> Path:
    return tmp_path / "state"


def spoil(ontology: Path) -> None:
    with (ontology / "facts" / "b.ttl").open("a") as file:
        file.write("id:c a r2p:Toll .\n")


def test_the_first_call_builds_and_the_second_starts_from_the_file(ontology: Path, state: Path) -> None:
    steps: list[str] = []
    first = build.current(ontology, state, lambda step, _what: steps.append(step))
    assert first.fresh
    assert list(build.STEPS) == list(dict.fromkeys(steps))
    second = build.current(ontology, state, lambda step, _what: steps.append(step))
    assert not second.fresh
    assert list(build.STEPS) == list(dict.fromkeys(steps))
    assert (first.snapshot, first.path, first.findings) == (second.snapshot, second.path, second.findings)
    assert first.path == state / "snapshots" / f"{first.snapshot.digest}.zip"
    assert first.snapshot == snapshot.read(first.path)


def test_asserted_and_entailed_stand_in_graphs_of_their_own(ontology: Path, state: Path) -> None:
    lines = build.current(ontology, state).snapshot.quads.decode().splitlines()
    tool = "<https://w3id.org/r2p-kg/id/a> <http://www.w3.org/1999/02/22-rdf-syntax-ns#type>"
    graphs = {line.removeprefix(tool) for line in lines if line.startswith(tool)}
    expected = {
        " <https://w3id.org/r2p-kg/ns#Tool> <https://w3id.org/r2p-kg/graph/facts/a> .",
        " <https://w3id.org/r2p-kg/ns#Thing> <https://w3id.org/r2p-kg/graph/entailed> .",
    }
    assert expected == graphs


def test_a_change_of_one_object_changes_the_digest_and_taking_it_back_brings_the_old_one(
    ontology: Path, state: Path
) -> None:
    first = build.current(ontology, state).snapshot.digest
    path = ontology / "facts" / "a.ttl"
    before = path.read_text()
    path.write_text(before.replace('"a"@en', '"aa"@en'))
    second = build.current(ontology, state)
    assert second.fresh
    assert first != second.snapshot.digest
    path.write_text(before)
    assert first == build.current(ontology, state).snapshot.digest


def test_the_digest_does_not_depend_on_the_folder_or_on_the_split_of_lines(
    ontology: Path, state: Path, tmp_path: Path
) -> None:
    other = tmp_path / "elsewhere" / "under another name"
    shutil.copytree(ontology, other)
    for path in other.rglob("*.ttl"):
        path.write_text("# a comment\n" + path.read_text().replace(" ; ", " ;\n    "))
    assert (
        build.current(ontology, state).snapshot.digest
        == build.current(other, tmp_path / "state2").snapshot.digest
    )


def test_the_digest_does_not_depend_on_the_hash_seed_or_the_order_of_files() -> None:
    script = (
        "import random, sys\nfrom pathlib import Path\nfrom r2p_kg.curate import build, reasoning, sources\n"
        "corpus = sources.read(build.ontology_folder(), Path(sys.argv[1]))\nshuffled = list(corpus.sources)\nrandom.Random(sys.argv[2]).shuffle(shuffled)\n"
        "corpus = sources.Corpus(corpus.folder, tuple(shuffled), (), corpus.prefixes, ())\n"
        "print(build.freeze(corpus, reasoning.closure(t for s in shuffled for t in s.triples)).digest)"
    )
    digests = set()
    for seed in ("0", "1", "4242"):
        environment = {
            **os.environ,
            "PYTHONHASHSEED": seed,
            "PYTHONPATH": os.pathsep.join(path for path in sys.path if path),
        }
        done = subprocess.run(
            [sys.executable, "-c", script, str(WORLD), seed],
            capture_output=True,
            text=True,
            check=True,
            env=environment,
        )
        digests.add(done.stdout.strip())
    assert [64] == [len(digest) for digest in digests]


def test_errors_stop_the_build_and_the_last_good_snapshot_stays(ontology: Path, state: Path) -> None:
    good = build.current(ontology, state)
    spoil(ontology)
    with pytest.raises(FindingsError, match="1 error in the curated files") as caught:
        build.current(ontology, state)
    assert ["undeclared-term"] == [
        finding.check for finding in caught.value.findings if finding.severity == "error"
    ]
    assert good.snapshot == build.last_good(ontology, state)
    assert good.path == build.last_good_path(ontology, state)


def test_a_file_that_cannot_be_parsed_is_told_alone_without_what_is_missed_because_of_it(
    ontology: Path, state: Path
) -> None:
    spoil(ontology)
    (ontology / "facts" / "broken.ttl").write_text("oops")
    with pytest.raises(FindingsError) as caught:
        build.current(ontology, state)
    assert ["syntax"] == [finding.check for finding in caught.value.findings]


def test_there_is_no_last_good_snapshot_before_the_first(ontology: Path, state: Path) -> None:
    assert build.last_good(ontology, state) is None
    assert build.last_good_path(ontology, state) is None


def test_a_damaged_snapshot_is_built_again_and_never_served(
    ontology: Path, state: Path, caplog: pytest.LogCaptureFixture
) -> None:
    first = build.current(ontology, state)
    first.path.write_bytes(first.path.read_bytes()[:-40])
    assert build.last_good(ontology, state) is None
    again = build.current(ontology, state)
    assert again.fresh
    assert first.snapshot == again.snapshot == snapshot.read(again.path)
    assert "run r2p build again; doing so now" in caplog.text


DAMAGED = [
    "",
    "{",
    "[]",
    '{"fingerprint": "x"}',
    '{"fingerprint": "x", "digest": "../../x", "findings": []}',
    '{"fingerprint": 1, "digest": 2, "findings": 3}',
    '{"fingerprint": "x", "digest": "' + "0" * 64 + '", "findings": [{"x": 1}]}',
    '{"fingerprint": "x", "digest": "' + "0" * 64 + '", "findings": "["}',
]


@pytest.mark.parametrize("content", DAMAGED)
def test_a_damaged_pointer_is_forgotten(ontology: Path, state: Path, content: str) -> None:
    first = build.current(ontology, state)
    (pointer,) = (state / "ontologies").iterdir()
    pointer.write_text(content)
    assert build.last_good(ontology, state) is None
    assert first.snapshot == build.current(ontology, state).snapshot


def test_warnings_are_kept_with_the_snapshot(ontology: Path, state: Path) -> None:
    (ontology / "facts" / "a.ttl").write_text(
        HEAD + 'id:a a r2p:Tool ; rdfs:label "a"@en ; r2p:size 1.50 .\n'
    )
    (ontology / "schema" / "tools.ttl").write_text(SCHEMA + "r2p:size a owl:DatatypeProperty .\n")
    first = build.current(ontology, state)
    assert ["changed-literal"] == [finding.check for finding in first.findings]
    assert first.findings == build.current(ontology, state).findings


def test_two_that_start_at_once_build_once(ontology: Path, state: Path) -> None:
    built: list[build.Built] = []
    threads = [
        threading.Thread(target=lambda: built.append(build.current(ontology, state))) for _ in range(3)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert [False, False, True] == sorted(one.fresh for one in built)
    assert 1 == len({one.snapshot.digest for one in built})


def test_old_snapshots_are_removed_but_never_one_that_is_in_use(
    ontology: Path, state: Path, tmp_path: Path
) -> None:
    other = tmp_path / "other"
    shutil.copytree(ontology, other)
    in_use = build.current(other, state)
    os.utime(in_use.path, (1, 1))
    for number in range(KEPT + 3):
        (ontology / "facts" / "a.ttl").write_text(HEAD + f'id:a a r2p:Tool ; rdfs:label "{number}"@en .\n')
        build.current(ontology, state)
    assert KEPT + 2 == len(list((state / "snapshots").iterdir()))
    assert in_use.path.is_file()


def test_the_fingerprint_knows_turtle_and_check_queries_and_nothing_else(ontology: Path) -> None:
    before = build.fingerprint(ontology)
    (ontology / "README.md").write_text("words")
    assert before == build.fingerprint(ontology)
    (ontology / "checks").mkdir()
    (ontology / "checks" / "a.rq").write_text("x")
    assert before != build.fingerprint(ontology)


def test_folders_that_cannot_be_used_are_told_in_one_sentence(
    ontology: Path, state: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def closed(path: str, *_: object) -> int:
        raise PermissionError(13, "Permission denied", path)

    with pytest.raises(UsageError, match="no such folder"):
        build.current(tmp_path / "none", state)
    (tmp_path / "file").write_text("")
    with pytest.raises(UsageError, match="choose another folder with --state"):
        build.current(ontology, tmp_path / "file")
    monkeypatch.setattr(os, "open", closed)
    with pytest.raises(UsageError, match=r"Permission denied\); choose another folder with --state"):
        build.current(ontology, state)


def test_a_snapshot_in_a_folder_that_can_only_be_read_is_served_and_a_new_one_is_refused(
    ontology: Path, state: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = build.current(ontology, state)
    real = os.open

    def reads_only(
        path: str, flags: int, *mode: int, **options: int
    ) -> int:  # permissions mean nothing to root, as whom tests may run
        if flags & (os.O_RDWR | os.O_WRONLY | os.O_CREAT):
            raise OSError(errno.EROFS, "Read-only file system", path)
        return real(path, flags, *mode, **options)

    monkeypatch.setattr(os, "open", reads_only)
    assert first.snapshot == build.current(ontology, state).snapshot
    (ontology / "facts" / "more.ttl").write_text("")
    with pytest.raises(SnapshotError, match=r"Read-only file system; choose another folder with --state"):
        build.current(ontology, state)


def test_a_pointer_that_cannot_be_written_is_told_in_one_sentence(ontology: Path, state: Path) -> None:
    state.mkdir()
    (state / "ontologies").write_text("")
    with pytest.raises(UsageError, match="choose another folder with --state"):
        build.current(ontology, state)


def test_a_snapshot_folder_that_is_a_file_is_told_in_one_sentence(ontology: Path, state: Path) -> None:
    state.mkdir()
    (state / "snapshots").write_text("")
    with pytest.raises(SnapshotError, match="--state"):
        build.current(ontology, state)


def test_the_state_folder_can_be_named_in_the_environment(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("R2P_STATE", str(tmp_path))
    assert tmp_path == build.state_folder()
    monkeypatch.delenv("R2P_STATE")
    assert "r2p-kg" == build.state_folder().name


def test_the_ontology_of_this_checkout_is_found() -> None:
    assert (build.ontology_folder() / "prefixes.ttl").is_file()


@pytest.mark.java
def test_the_small_world_is_built_without_a_finding_and_pellet_agrees() -> None:
    made = build.assemble(build.ontology_folder(), facts=WORLD)
    assert () == made.findings
    assert made.snapshot is not None
    census = made.snapshot.census
    assert (28, 7, 6, 1, 0) == tuple(
        census[name]
        for name in (
            "class: statement",
            "passages",
            "passages cited",
            "passages with a reason",
            "passages open",
        )
    )


@pytest.mark.java
def test_an_inconsistency_that_no_rule_names_is_found_by_pellet(ontology: Path) -> None:
    axioms = "r2p:size a owl:ObjectProperty , owl:FunctionalProperty . "
    axioms += (
        "r2p:Tool rdfs:subClassOf [ a owl:Restriction ; owl:onProperty r2p:size ; owl:minCardinality 2 ] .\n"
    )
    (ontology / "schema" / "tools.ttl").write_text(SCHEMA + axioms)
    made = build.assemble(ontology)
    assert made.snapshot is None
    assert "inconsistent" in {finding.check for finding in made.findings}
