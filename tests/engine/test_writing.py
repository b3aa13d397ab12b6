"""A change gives a new snapshot or an error that says why.

It never touches the old one, and nothing it asks for is fetched.
"""

from __future__ import annotations

import socket
import subprocess
import sys
import threading
import time
from typing import TYPE_CHECKING, Final

import pytest
from pyoxigraph import RdfFormat

from r2p_kg.engine import changes, frames, writing
from r2p_kg.engine.changes import GraphChange, Payload, Update
from r2p_kg.errors import (
    BodySyntaxError,
    QueryError,
    QueryRefusedError,
    QuerySyntaxError,
    QueryTimeoutError,
    SnapshotError,
    WorkerDiedError,
)
from r2p_kg.graph import rdf, snapshot

if TYPE_CHECKING:
    from pathlib import Path

EX: Final = "http://example.org/"
WORLD: Final = """
@prefix ex: <http://example.org/> .
ex:a ex:p 01 , 1.50 , "x"@en .
ex:g { ex:b ex:p ex:c . [] ex:q 007 . }
ex:h { ex:d ex:p <<( ex:a ex:p 01 )>> . }
"""


def lines(path: Path) -> set[str]:
    """The quads of a snapshot file, as written."""
    return set(snapshot.read(path).quads.decode().splitlines())


@pytest.fixture
def current(tmp_path: Path) -> Path:
    quads = rdf.canonical(rdf.parse_text(WORLD, RdfFormat.TRIG))
    return snapshot.write(snapshot.Snapshot.of(quads, {"ex": EX}, {"quads": quads.count(b"\n")}), tmp_path)


def test_an_update_gives_a_new_snapshot_beside_the_old_one(current: Path) -> None:
    before = current.read_bytes()
    done = writing.apply(current, Update(f'INSERT DATA {{ <{EX}n> <{EX}p> "new" }}'), current.parent)
    assert done.changed
    assert f"{done.digest}.zip" == done.path.name
    assert {f'<{EX}n> <{EX}p> "new" .'} == lines(done.path) - lines(current)
    assert set() == lines(current) - lines(done.path)
    assert 7 == done.quads
    assert before == current.read_bytes()
    assert {"ex": EX} == snapshot.read(done.path).prefixes
    assert sorted({current, done.path}) == sorted(current.parent.iterdir())


def test_an_update_that_changes_nothing_leaves_the_snapshot_as_it_is(current: Path) -> None:
    done = writing.apply(current, Update("DELETE WHERE { ?s <http://example.org/none> ?o }"), current.parent)
    assert not done.changed
    assert current == done.path
    assert [current] == list(current.parent.iterdir())


def test_literals_that_an_update_does_not_touch_stay_as_they_were_written(current: Path) -> None:
    done = writing.apply(
        current, Update("DELETE { ?s ?p ?o } WHERE { ?s ?p ?o FILTER(LANG(?o) = 'en') }"), current.parent
    )
    assert {f'<{EX}a> <{EX}p> "x"@en .'} == lines(current) - lines(done.path)
    assert set() == lines(done.path) - lines(current)


def test_a_literal_can_be_deleted_in_any_of_its_spellings(current: Path) -> None:
    done = writing.apply(current, Update(f"DELETE DATA {{ <{EX}a> <{EX}p> 1 }}"), current.parent)
    assert {f'<{EX}a> <{EX}p> "01"^^<http://www.w3.org/2001/XMLSchema#integer> .'} == lines(current) - lines(
        done.path
    )


def test_operations_of_one_update_are_applied_together_or_not_at_all(current: Path) -> None:
    with pytest.raises(QueryError, match="could not be applied"):
        writing.apply(
            current, Update(f"CLEAR ALL ; CREATE GRAPH <{EX}g> ; CREATE GRAPH <{EX}g>"), current.parent
        )
    assert [current] == list(current.parent.iterdir())


def test_a_syntax_error_is_reported_where_it_stands_also_with_a_dataset(current: Path) -> None:
    text = "INSERT { } WHERE { } ;\nDELETE { } WHERE { } ; CLEAR XYZ"
    for dataset in ((), (f"{EX}g",)):
        with pytest.raises(QuerySyntaxError) as caught:
            writing.apply(current, Update(text, dataset), current.parent)
        assert (2, 33) == (caught.value.line, caught.value.column)


def test_a_name_with_any_number_of_dots_can_be_written_and_sent_as_turtle(current: Path) -> None:
    expected = f'<{EX}a.b..c.d> <{EX}1.2.3> "x" '
    text = f"PREFIX e: <{EX}> INSERT DATA {{ e:a.b..c.d e:1.2.3 'x' }} ; DELETE {{ ?s ?p ?o }} WHERE {{ e:a.b..c.d ?p ?o . ?s ?p ?o . e:none.of.these ?p ?o }}"
    done = writing.apply(current, Update(text), current.parent)
    assert {f"{expected}."} == lines(done.path) - lines(current)
    turtle = (Payload("text/turtle", f"@prefix e: <{EX}> . e:a.b..c.d e:1.2.3 'x' .".encode()),)
    put = writing.apply(current, GraphChange("replace", f"{EX}n", turtle, EX), current.parent)
    assert {f"{expected}<{EX}n> ."} == lines(put.path) - lines(current)


def test_a_syntax_error_behind_such_a_name_is_reported_where_it_stands(current: Path) -> None:
    text = f"PREFIX e: <{EX}>\nINSERT DATA {{ e:a.b.c e:d.e.f 'x' }} ; CLEAR XYZ"
    for dataset in ((), (f"{EX}g",)):
        with pytest.raises(QuerySyntaxError) as caught:
            writing.apply(current, Update(text, dataset), current.parent)
        assert (2, 48) == (caught.value.line, caught.value.column)


def test_relative_iris_of_an_update_are_resolved(current: Path) -> None:
    done = writing.apply(current, Update("CLEAR ALL ; INSERT DATA { <s> <p> <test> }"), current.parent)
    assert {
        "<https://w3id.org/r2p-kg/s> <https://w3id.org/r2p-kg/p> <https://w3id.org/r2p-kg/test> ."
    } == lines(done.path)


COPY: Final = "INSERT { GRAPH <http://example.org/new> { ?s ?p ?o } } WHERE { ?s ?p ?o }"


def test_the_dataset_of_the_protocol_is_what_where_sees(current: Path) -> None:
    done = writing.apply(current, Update(COPY, (f"{EX}h",)), current.parent)
    assert {
        f'<{EX}d> <{EX}p> <<( <{EX}a> <{EX}p> "1"^^<http://www.w3.org/2001/XMLSchema#integer> )>> <{EX}new> .'
    } == lines(done.path) - lines(current)
    named = COPY.replace("WHERE { ?s ?p ?o }", "WHERE { GRAPH ?g { ?s ?p ?o } }")
    done = writing.apply(current, Update(named, (), (f"{EX}none",)), current.parent)
    assert not done.changed
    done = writing.apply(
        current, Update(f"DELETE WHERE {{ GRAPH <{EX}g> {{ ?s ?p ?o }} }}", (), (f"{EX}h",)), current.parent
    )
    assert not done.changed
    done = writing.apply(
        current, Update(f"DELETE WHERE {{ GRAPH <{EX}g> {{ ?s ?p ?o }} }}", (), (f"{EX}g",)), current.parent
    )
    assert 4 == done.quads


@pytest.mark.parametrize("iri", ["relative", "", "a:b> WHERE {} ; CLEAR ALL #", "a: b"])
def test_a_graph_parameter_that_is_no_absolute_iri_is_refused(current: Path, iri: str) -> None:
    with pytest.raises(QueryRefusedError, match="no absolute IRI"):
        writing.apply(current, Update("INSERT {} WHERE {}", (iri,)), current.parent)


#: The process as it is, but for a policy that lets everything through.
WITHOUT_POLICY: Final = """
import sys
from r2p_kg.engine import writing
from r2p_kg.sparql import updates
updates.check = lambda text: ()
sys.exit(writing.main(sys.argv[1:]))
"""


def test_the_process_has_no_network_even_where_policy_lets_a_fetch_through(current: Path) -> None:
    ours, theirs = socket.socketpair()
    with socket.socket() as listener, ours, theirs:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        head, body = changes.pack(Update(f"LOAD <http://127.0.0.1:{listener.getsockname()[1]}/x>"))
        with subprocess.Popen(
            [sys.executable, "-c", WITHOUT_POLICY, str(theirs.fileno())], pass_fds=[theirs.fileno()]
        ) as process:
            frames.send(
                ours,
                {**head, "current": str(current), "folder": str(current.parent), "memory": writing.MEMORY},
                body,
            )
            reply, _ = frames.receive(ours, time.monotonic() + 30)
            assert 0 == process.wait(30)
        assert "Operation not permitted" in reply["message"]
        listener.settimeout(0.2)
        with pytest.raises(TimeoutError):
            listener.accept()


def test_a_graph_is_replaced_merged_and_removed(current: Path) -> None:
    turtle = (Payload("text/turtle", b"<#x> <p> 010 , _:b ."),)
    base = f"{EX}g"
    put = writing.apply(current, GraphChange("replace", base, turtle, base), current.parent)
    assert put.existed
    added = {
        f'<{EX}g#x> <{EX}p> "010"^^<http://www.w3.org/2001/XMLSchema#integer> <{EX}g> .',
        f"<{EX}g#x> <{EX}p> _:c14n0 <{EX}g> .",
    }
    assert added == lines(put.path) - lines(current)
    assert 2 == len(lines(current) - lines(put.path))
    merged = writing.apply(put.path, GraphChange("merge", base, turtle, base), current.parent)
    assert 1 == merged.quads - put.quads  # the blank node of each body is another
    removed = writing.apply(merged.path, GraphChange("remove", base), current.parent)
    assert removed.existed
    assert not any(f"<{EX}g> ." in line for line in lines(removed.path))
    again = writing.apply(removed.path, GraphChange("remove", base), current.parent)
    assert (False, False) == (again.existed, again.changed)


def test_the_default_graph_is_a_graph_like_any_other_and_always_exists(current: Path) -> None:
    emptied = writing.apply(current, GraphChange("remove", None), current.parent)
    assert emptied.existed
    assert 3 == emptied.quads
    filled = writing.apply(
        emptied.path,
        GraphChange("merge", None, (Payload("application/n-triples", b"<a:a> <a:b> <a:c> ."),)),
        current.parent,
    )
    assert {"<a:a> <a:b> <a:c> ."} == lines(filled.path) - lines(emptied.path)


BODIES: Final = {
    "text/turtle": (b"<a:a> <a:b> <a:c> .\n<a:a> <a:b> .", 2),
    "application/rdf+xml": (b"<rdf", None),
    "application/trig": (b"<a:g> { <a:a> <a:b> <a:c> }", None),
    "application/ld+json": (b'{"@context": "http://127.0.0.1/context", "@id": "a:a"}', None),
    "application/n-triples": (b"\xff\xfe", 1),
}


@pytest.mark.parametrize("media_type", BODIES)
def test_a_body_with_an_error_changes_nothing(current: Path, media_type: str) -> None:
    body, line = BODIES[media_type]
    with pytest.raises(BodySyntaxError, match="the body is not") as caught:
        writing.apply(
            current,
            GraphChange(
                "replace", f"{EX}g", (Payload("text/turtle", b"<a:a> <a:b> 1 ."), Payload(media_type, body))
            ),
            current.parent,
        )
    assert line == caught.value.line
    assert [current] == list(current.parent.iterdir())


def test_a_body_of_another_type_and_a_graph_without_a_name_are_refused(current: Path) -> None:
    with pytest.raises(QueryRefusedError, match="no RDF format") as caught:
        writing.apply(current, GraphChange("merge", None, (Payload("text/plain+x", b""),)), current.parent)
    assert 415 == caught.value.status
    with pytest.raises(QueryRefusedError, match="no absolute IRI"):
        writing.apply(current, GraphChange("remove", "relative"), current.parent)


ENDLESS: Final = "INSERT { <a:a> <a:b> ?c0 } WHERE { PRODUCT }".replace(
    "PRODUCT", " ".join(f"?a{n} ?b{n} ?c{n} ." for n in range(14))
)
DOUBLING: Final = " ".join(f"BIND(CONCAT(?b{n}, ?b{n}) AS ?b{n + 1})" for n in range(40))


def test_a_change_past_its_deadline_is_killed_and_leaves_nothing(current: Path) -> None:
    started = time.monotonic()
    with pytest.raises(QueryTimeoutError, match="longer than 1 seconds"):
        writing.apply(current, Update(ENDLESS), current.parent, seconds=1)
    assert time.monotonic() - started < 3
    assert [current] == list(current.parent.iterdir())


def test_a_change_that_brings_its_process_down_is_an_error_of_its_own(current: Path) -> None:
    text = "INSERT { <a:a> <a:b> ?b40 } WHERE { BIND('0123456789' AS ?b0) DOUBLING }".replace(
        "DOUBLING", DOUBLING
    )
    with pytest.raises(WorkerDiedError, match="its process died"):
        writing.apply(current, Update(text), current.parent, memory=256 * 1024 * 1024)
    assert [current] == list(current.parent.iterdir())


def test_a_damaged_snapshot_and_a_folder_that_is_not_there_are_said(current: Path, tmp_path: Path) -> None:
    with pytest.raises(SnapshotError, match="cannot write a snapshot"):
        writing.apply(current, Update("CLEAR ALL"), tmp_path / "none")
    current.write_bytes(b"damaged")
    with pytest.raises(SnapshotError, match="not a readable snapshot"):
        writing.apply(current, Update("CLEAR ALL"), current.parent)


@pytest.mark.parametrize(
    "change",
    [
        Update("CLEAR ALL"),
        Update("\ud800", ("a:a",), ("a:b", "a:c")),
        GraphChange("remove", None),
        GraphChange("merge", "a:a", (Payload("text/turtle", b"x"), Payload("a/b", b"")), "a:c"),
    ],
)
def test_a_change_travels_between_processes(change: changes.Change) -> None:
    assert change == changes.unpack(*changes.pack(change))


def test_changes_at_once_do_not_disturb_each_other(current: Path) -> None:
    found: list[int] = []
    texts = [f'INSERT DATA {{ <a:a> <a:b> "{number}" }}' for number in range(4)]
    threads = [
        threading.Thread(
            target=lambda text=text: found.append(writing.apply(current, Update(text), current.parent).quads)
        )
        for text in texts
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert [7] * 4 == found
