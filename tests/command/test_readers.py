"""``r2p query``, ``r2p ask`` and ``r2p explain``.

Answers on the terminal, errors as one sentence, exit codes 0 and 2.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from click.testing import CliRunner

from r2p_kg.command import main, reload
from r2p_kg.graph import snapshot, vocab

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from click.testing import Result

    Runner = Callable[..., Result]

QUADS = (
    f"<{vocab.ID}arvania-2001> <{vocab.RDF_TYPE}> <{vocab.NS}Situation> <{vocab.GRAPH}facts> .\n"
    f'<{vocab.ID}arvania-2001> <{vocab.RDFS_LABEL}> "Arvania [bold]2001[/bold]"@en <{vocab.GRAPH}facts> .\n'
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
