"""``r2p query``, ``r2p ask`` and ``r2p explain``.

Answers on the terminal, errors as one sentence, exit codes 0 and 2.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from io import StringIO
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from click.testing import CliRunner
from rich.console import Console
from werkzeug.serving import make_server

from r2p_kg.command import main, reload, terminal
from r2p_kg.engine import Answer, remote
from r2p_kg.engine.pool import Pool, PoolSettings
from r2p_kg.errors import NotAcceptableError
from r2p_kg.graph import media, snapshot, vocab

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from click.testing import Result

    Runner = Callable[..., Result]

QUADS = (
    f"<{vocab.ID}arvania-2001> <{vocab.RDF_TYPE}> <{vocab.NS}Situation> <{vocab.GRAPH}facts> .\n"
    f'<{vocab.ID}arvania-2001> <{vocab.RDFS_LABEL}> "Arvania [bold]2001[/bold]"@en <{vocab.GRAPH}facts> .\n'
    f"<{vocab.ID}mediation> <{vocab.RDF_TYPE}> <{vocab.NS}Tool> <{vocab.GRAPH}facts> .\n"
)

QUERY = """\
#+ title: Situations
#+ question: Which situations are there?
#+ params:
#+   label: {type: string, label: Label, default: "Arvania [bold]2001[/bold]"}
#+ returns:
#+   - s: the situation
#+ expect: rows
#+ note: Invented.
SELECT ?s WHERE { ?s <http://www.w3.org/2000/01/rdf-schema#label> ?l FILTER(STR(?l) = $label) }
"""
TYPES = """\
#+ title: Types of a situation
#+ question: Of which types is it?
#+ params:
#+   situation: {type: class-instance, of: r2p:Situation, label: Situation, default: id:arvania-2001}
#+   kind: {type: iri, label: Kind, default: r2p:Situation}
#+ returns:
#+   - type: the type
#+ expect: rows
PREFIX r2p: <https://w3id.org/r2p-kg/ns#>
PREFIX id: <https://w3id.org/r2p-kg/id/>
SELECT ?type WHERE { $situation a ?type FILTER(?type = $kind) }
"""


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Runner:
    """Run ``r2p`` over a snapshot of one situation, with one saved question."""
    path = snapshot.write(
        snapshot.Snapshot.of(QUADS.encode(), {"id": "https://w3id.org/r2p-kg/id/"}, {}), tmp_path
    )
    monkeypatch.setattr(reload, "build", lambda *_: (path, ()))
    folder = tmp_path / "queries" / "things"
    folder.mkdir(parents=True)
    (folder / "situations.rq").write_text(QUERY, "utf-8")
    (folder / "types.rq").write_text(TYPES, "utf-8")

    def runner(*arguments: str, given: str | None = None) -> Result:
        more = ["--queries", str(folder.parent)] if arguments[0] == "ask" else []
        return CliRunner().invoke(main, [*arguments, *more], input=given)

    return runner


SELECT = "SELECT ?s WHERE { ?s a <https://w3id.org/r2p-kg/ns#Situation> }"


def test_a_query_is_answered_as_a_table_with_labels(run: Runner) -> None:
    result = run("query", "-e", SELECT)
    assert 0 == result.exit_code
    assert "Arvania [bold]2001[/bold]" in result.output
    assert "1 row" in result.output


def test_a_query_may_come_from_a_file_or_standard_input(run: Runner, tmp_path: Path) -> None:
    (tmp_path / "my.rq").write_text(SELECT, "utf-8")
    assert "1 row" in run("query", str(tmp_path / "my.rq")).output
    assert "1 row" in run("query", "-", given=SELECT).output


def test_a_byte_order_mark_before_a_query_is_dropped(run: Runner, tmp_path: Path) -> None:
    (tmp_path / "my.rq").write_text(SELECT, "utf-8-sig")
    assert "1 row" in run("query", str(tmp_path / "my.rq")).output
    assert "1 row" in run("query", "-", given=f"\ufeff{SELECT}").output
    assert "1 row" in run("query", "-e", f"\ufeff{SELECT}").output


def test_what_a_query_probably_does_not_mean_is_said_on_standard_error(run: Runner) -> None:
    result = run("query", "-e", SELECT.replace("Situation", "Situaton"), "--format", "csv")
    assert (0, b"s\r\n") == (result.exit_code, result.stdout_bytes)
    (line,) = result.stderr.splitlines()
    assert line.startswith("r2p: warning: line 1, column 24: ")
    assert "Situation" in line
    assert line.endswith(" [unknown-term]")
    assert "" == run("query", "-e", SELECT).stderr
    assert "[unknown-term]" not in run("ask", "situations").stderr


@pytest.mark.parametrize("form", media.FORMATS, ids=lambda form: form.suffix)
@pytest.mark.parametrize(
    ("kind", "text"), [("select", SELECT), ("graph", "DESCRIBE <a:a>"), ("ask", "ASK {}")]
)
def test_formats_have_the_names_that_they_have_over_http(
    run: Runner, monkeypatch: pytest.MonkeyPatch, form: media.Format, kind: str, text: str
) -> None:
    monkeypatch.setattr(
        Pool, "ask", lambda _, __, media_type, **___: Answer(kind, media_type, media_type.encode(), 0)
    )
    for name in (form.media_type, form.media_type.upper(), *form.aliases):
        result = run("query", "-e", text, "--format", name)
        try:
            assert media.negotiate(None, kind, name).media_type == result.stdout.strip()
        except NotAcceptableError as error:
            assert (2, f"r2p: {error}\n") == (result.exit_code, result.stderr)  # noqa: PT017 - either is right


@pytest.mark.parametrize(
    ("form", "begin"),
    [("csv", "s\r\nhttps://"), ("tsv", "?s\n<https://"), ("xml", "<?xml"), ("json", '{"head"')],
)
def test_a_program_gets_the_format_it_asks_for(run: Runner, form: str, begin: str) -> None:
    result = run("query", "-e", SELECT, "--format", form)
    assert result.stdout_bytes.decode().startswith(begin)


def test_a_graph_is_turtle_or_a_table_of_three_columns(run: Runner) -> None:
    text = "CONSTRUCT { ?s a <http://example.org/X> } WHERE { ?s ?p ?o }"
    assert "a <http://example.org/X>" in run("query", "-e", text, "--format", "turtle").output
    assert "predicate" in run("query", "-e", text).output


def test_yes_and_no_are_words(run: Runner) -> None:
    assert "yes\n" == run("query", "-e", "ASK {}").output
    assert {"head": {}, "boolean": True} == json.loads(
        run("query", "-e", "ASK {}", "--format", "json").output
    )
    assert 2 == run("query", "-e", "ASK {}", "--format", "csv").exit_code


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("query", "-e", "SELECT ?s\nWHERE { ?s ?p }"), "WHERE { ?s ?p }\n"),
        (("query", "-e", "SELECT * { SERVICE <http://x/> { ?s ?p ?o } }"), "SERVICE"),
        (("query", "-e", "CLEAR ALL"), "line 1, column 1"),
        (("query", "-e", SELECT, "somefile.rq"), "give one query"),
        (("query",), "give one query"),
        (("query", "no/such/file.rq"), "no/such/file.rq: cannot be read"),
        (("query", "-e", SELECT, "--endpoint", "http://127.0.0.1:9/sparql"), "cannot be reached"),
        (("ask", "situation"), "did you mean situations?"),
        (("ask", "situations", "label"), "label is not name=value"),
        (("ask", "situations", "lable=x"), "parameter lable: situations has no such parameter"),
        (("ask", "situations", "label=x", "label=y"), "parameter label: given twice"),
        (("ask", "types", "situation=arvanai-2001"), "did you mean arvania-2001?"),
        (("ask", "types", "kind=r2p:Situaton"), "there is no r2p:Situaton in the data"),
        (("ask", "types", "situation=mediation"), "mediation is not in the class r2p:Situation"),
    ],
)
def test_a_mistake_is_one_sentence_and_exit_code_2(
    run: Runner, arguments: tuple[str, ...], said: str
) -> None:
    result = run(*arguments)
    assert 2 == result.exit_code
    assert said in result.output
    assert "Traceback" not in result.output


def test_a_query_over_its_deadline_is_an_error(run: Runner) -> None:
    many = " . ".join(f"?a{n} ?b{n} ?c{n}" for n in range(40))
    result = run("query", "-e", f"SELECT (COUNT(*) AS ?n) {{ {many} }}", "--timeout", "0.3")
    assert 2 == result.exit_code
    assert "0.3 seconds" in result.output


def test_the_saved_questions_are_listed_and_asked(run: Runner) -> None:
    listed = run("ask").output
    assert "situations [label=Arvania" in listed
    assert "Which situations are there?" in listed
    asked = run("ask", "situations").output
    assert "Which situations are there?" in asked
    assert "1 row" in asked
    assert "Invented." in asked
    assert "0 rows" in run("ask", "situations", "label=Nowhere").output
    assert b"s\r\n" == run("ask", "situations", "label=Nowhere", "--format", "csv").stdout_bytes


def test_a_triple_is_explained_as_text_json_and_turtle(run: Runner) -> None:
    triple = ("id:arvania-2001", "a", "<https://w3id.org/r2p-kg/ns#Situation>")
    result = run("explain", *triple)
    assert (0, f"id:arvania-2001 a <{vocab.NS}Situation>   [written: {vocab.GRAPH}facts]\n") == (
        result.exit_code,
        result.stdout,
    )
    assert "asserted" == json.loads(run("explain", *triple, "--format", "json").stdout)["kind"]
    assert "a rdf:Statement" in run("explain", *triple, "--format", "turtle").stdout


def test_a_triple_that_is_not_there_ends_with_one_and_a_text_that_is_no_term_with_two(run: Runner) -> None:
    result = run("explain", "id:arvania-2001", "a", "<https://w3id.org/r2p-kg/ns#Tool>")
    assert (1, "") == (result.exit_code, result.stdout)
    assert "does not hold id:arvania-2001 a" in result.stderr
    refused = run("explain", "arvania", "a", "id:b")
    assert 2 == refused.exit_code
    assert "'arvania' is no term" in refused.stderr


def test_a_remote_service_is_asked_whether_it_holds_a_thing(
    run: Runner, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = snapshot.write(snapshot.Snapshot.of(QUADS.encode(), {}, {}), tmp_path)
    pool = Pool(path, PoolSettings(workers=1, spares=0))
    monkeypatch.setattr(remote, "RemoteEngine", lambda _: pool)
    there = ("--endpoint", "http://127.0.0.1:9/sparql")
    try:
        assert "1 row" in run("ask", "types", "situation=arvania-2001", *there).output
        refused = run("ask", "types", "situation=arvanai-2001", *there)
    finally:
        pool.close()
    message = "r2p: parameter situation: there is no arvanai-2001 in the data; check its spelling\n"
    assert (2, message) == (refused.exit_code, refused.stderr)


def shown(width: int, columns: list[str], *rows: tuple[str, ...]) -> str:
    """A table on a terminal of that width."""
    bindings = [
        {name: {"type": "literal", "value": value} for name, value in zip(columns, row, strict=True)}
        for row in rows
    ]
    body = json.dumps({"head": {"vars": columns}, "results": {"bindings": bindings}}).encode()
    out = StringIO()
    terminal.show(Answer("select", "", body, 0), None, Console(file=out, width=width))
    return out.getvalue()


WORDS = ("military intervention", "authorized", "resurrected criticism of humanitarian intervention", "")


@pytest.mark.parametrize("width", [40, 60, 80, 200])
def test_no_word_is_split_on_a_terminal_of_any_width(width: int) -> None:
    text = shown(width, ["tool", "how", "outcome", "said in"], WORDS, WORDS)
    assert max(len(line) for line in text.splitlines()) <= width
    words = text.replace("\u2502", " ").replace("\u2503", " ").split()
    assert all(words.count(word) >= 2 for row in WORDS for word in row.split())
    assert "2 rows" in text


def test_a_table_becomes_blocks_of_lines_if_its_words_do_not_fit_beside_each_other() -> None:
    columns = ["tool", "how", "outcome", "said in"]
    assert "\u2503" in shown(80, columns, WORDS)
    assert "tool: military intervention\nhow: authorized\n" in shown(40, columns, WORDS)


def test_a_long_iri_is_broken_so_that_the_table_stays_one() -> None:
    text = shown(80, ["a", "b"], ("http://example.org/" + "a" * 90, "word"))
    assert "\u2503" in text
    assert max(len(line) for line in text.splitlines()) <= 80


def r2p(*arguments: str, **more: object) -> subprocess.CompletedProcess[str]:
    """``r2p`` in a process of its own."""
    script = "from r2p_kg.command import main; main(prog_name='r2p')"
    root = str(Path(__file__).parent.parent.parent)
    environment = {**os.environ, "PYTHONPATH": root}
    # As people have it: what is written waits in a buffer.
    environment.pop("PYTHONUNBUFFERED", None)
    return subprocess.run(  # type: ignore[call-overload, no-any-return]
        [sys.executable, "-c", script, *arguments],
        **{"stdout": subprocess.PIPE, **more},
        stderr=subprocess.PIPE,
        text=True,
        env=environment,
        check=False,
    )


@pytest.fixture
def question() -> Iterator[tuple[str, ...]]:
    """A query to a service that answers it with yes, once."""

    def yes(_environ: object, start: Callable[..., object]) -> list[bytes]:
        body = b'{"head": {}, "boolean": true}'
        start(
            "200 OK",
            [("Content-Type", "application/sparql-results+json"), ("Content-Length", str(len(body)))],
        )
        return [body]

    server = make_server("127.0.0.1", 0, yes)
    thread = threading.Thread(target=server.handle_request)
    thread.start()
    yield (
        *("query", "-e", "ASK {}", "--format", "json"),
        *("--endpoint", f"http://127.0.0.1:{server.server_port}/sparql"),
    )
    thread.join(10)
    server.server_close()


def full_disk(*arguments: str) -> None:
    with Path("/dev/full").open("w") as full:
        done = r2p(*arguments, stdout=full)
    assert (2, "r2p: the output: No space left on device\n") == (done.returncode, done.stderr)


@pytest.mark.parametrize("arguments", [("ask",), ("--help",), ("ask", "--help")])
def test_a_full_disk_is_one_sentence(arguments: tuple[str, ...]) -> None:
    full_disk(*arguments)


def test_an_answer_that_does_not_fit_on_the_disk_is_one_sentence(question: tuple[str, ...]) -> None:
    full_disk(*question)


def test_a_reader_that_leaves_a_pipe_is_no_error(question: tuple[str, ...]) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    done = r2p(*question, stdout=writing)
    os.close(writing)
    assert "" == done.stderr


@pytest.mark.usefixtures("run")
def test_a_terminal_without_unicode_gets_numbers_for_its_signs() -> None:
    result = CliRunner(charset="ascii").invoke(main, ["query", "-e", 'SELECT ("\u2014" AS ?x) {}'])
    assert (0, None) == (result.exit_code, result.exception)
    assert "\\u2014" in result.stdout
