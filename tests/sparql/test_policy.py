"""Policy before evaluation: what is refused wherever it hides, and what only looks like it is let through."""

from __future__ import annotations

import contextlib
import random
import socket
import subprocess
import sys
from typing import TYPE_CHECKING, Final

import pyoxigraph as ox
import pytest
from hypothesis import given
from hypothesis import strategies as st

from r2p_kg.engine import pool
from r2p_kg.errors import QueryRefusedError
from r2p_kg.graph import snapshot, vocab
from r2p_kg.sparql import policy
from r2p_kg.sparql.errors import SparqlError, SparqlRefusedError, SparqlSyntaxError
from r2p_kg.sparql.policy import Limits, inspect
from tests.growth import LINEAR, growth

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

SERVICES = [
    "SELECT * { SERVICE <http://x/> { ?s ?p ?o } }",
    "SELECT * { SERVICE SILENT <http://x/> {} }",
    "SELECT * { service ?x {} }",
    "SELECT * { SerVice ex:a {} }",
    "SELECT*{SERVICE<http://x/>{}}",
    "SELECT * { SERVICE#comment\n<http://x/> {} }",
    "SELECT * { SERVICE\t\r\n<http://x/> {} }",
    "SELECT * { FILTER(true)SERVICE<http://x/>{} }",
    "SELECT * { ?s ?p 1SERVICE<http://x/>{} }",
    "SELECT * { ?s ?p trueSERVICE<http://x/>{} }",
    "SELECT * { ?s ?p <a:a>SERVICE<http://x/>{} }",
    "SELECT * { ?s ?p 'a'SERVICE<http://x/>{} }",
    "PREFIX x: <http://x/> SELECT * { SERVICEx:a{} }",
    "PREFIX : <http://x/> SELECT * { SERVICE:a{} }",
    "PREFIX x: <http://x/> SELECT * { SERVICE SILENTx:a{} }",
    "SELECT * { SERVICESILENT<http://x/>{} }",
    "SELECT * { { SELECT * { OPTIONAL { SERVICE <http://x/> {} } } } }",
    "SELECT * { FILTER EXISTS { SERVICE <http://x/> {} } }",
    "CONSTRUCT { ?s ?p ?o } { SERVICE <http://x/> { ?s ?p ?o } }",
    "ASK { SERVICE <http://x/> {} }",
    "DESCRIBE ?s { SERVICE <http://x/> { ?s ?p ?o } }",
    "SELECT * { FILTER(1<'>')SERVICE?x{}FILTER(1<'>') }",
    "SELECT * { FILTER(1<<a:'>)SERVICE?x{}FILTER(1<<a:'>) }",
    "SELECT * { FILTER(1<1)SERVICE?x#>\n{} }",
    "SELECT * { FILTER(1<1#>'''\n)SERVICE?x{}#''' }\n}",
    r'SELECT * { ?s ?p "\u0022" SERVICE <http://x/> {} ?s ?p "" }',
    r"SELECT * { \u0053ERVICE <http://x/> {} }",
    r"SELECT * { \U00000053ERV\u0049CE <http://x/> {} }",
    r"SELECT * { ?s ?p '\u0027 SERVICE <http://x/> {} \u0023' }",
    r"SELECT * { # \u000A SERVICE <http://x/> {}" + "\n}",
    "SELECT * { SERVICE <http://x/> { SERVICE <http://y/> {} } }",
    "SELECT * { ?s ?p ?o MINUS { SERVICE <http://x/> {} } }",
    "SELECT * { ?s ?p ?o . GRAPH ?g { SERVICE <http://x/> {} } }",
    "SELECT (EXISTS { SERVICE <http://x/> {} } AS ?x) {}",
    "SELECT * { {} UNION { SERVICE <http://x/> {} } }",
    "SELECT * { ?s ?p ?o FILTER(?o IN (1,2))SERVICE<http://x/>{} }",
    "SELECT * { VALUES ?x {1}SERVICE<http://x/>{} }",
    "SELECT * { ?s ?p '''a'''SERVICE<http://x/>{} }",
    "SELECT * { ?s ?p 'a'@en SERVICE <http://x/> {} }",
    "SELECT * { ?s ?p 1.5e3SERVICE<http://x/>{} }",
    "SELECT * { ?s ?p ?o.SERVICE<http://x/>{} }",
    "SELECT * { LATERAL { SERVICE <http://x/> {} } }",
    "SELECT * { ?s ?p '\\\\'SERVICE<http://x/>{} }",
    "SELECT * { # '\n SERVICE <http://x/> {} # '\n}",
    "SELECT * { BIND(1<2 AS ?a) BIND('>' AS ?b) SERVICE <http://x/> {} }",
]


@pytest.mark.parametrize("text", SERVICES)
def test_service_is_refused_wherever_it_hides(text: str) -> None:
    with pytest.raises(SparqlRefusedError, match="SERVICE is not allowed"):
        inspect(text)


HARMLESS = [
    "SELECT ?service { ?service ?p ?o }",
    "SELECT $SERVICE { $SERVICE ?p ?o }",
    "SELECT * { ?s ex:service ?o }",
    "SELECT * { ?s service:endpoint ?o . ?o service:x [] }",
    "SELECT * { GRAPH service:a { ?s ?p ?o } }",
    "SELECT * { ?s ?p 'SERVICE <http://x/> {}' }",
    'SELECT * { ?s ?p """\nSERVICE <http://x/> {}\n""" }',
    "SELECT * { ?s ?p ?o } # SERVICE <http://x/> {}",
    "# DROP ALL\nSELECT * { ?s ?p ?o }",
    "SELECT * { ?s ?p <http://x/SERVICE> }",
    "SELECT * { ?s a <http://www.w3.org/ns/sparql-service-description#Service> . ?s ?p ?o }",
    "SELECT * { ?s ?p <http://x/service#a>\n}",
    "SELECT * { ?s ?p <http://x/it's> , 'SERVICE' }",
    "SELECT * { ?s ?p 'a'@service }",
    "SELECT * { ?s ?p _:service }",
    "SELECT ?insert ?load { ?insert ex:delete ?load ; ex:with 'CLEAR ALL' }",
    "SELECT * { ?a ?b ?c FILTER(?c<5 && ?c>1) }",
    "SELECT * { ?s a ex:Service , ex:WebService }",
    'SELECT * { ?s ?p "it\'s a SERVICE <http://x/> {}" }',
    "SELECT * { ?s ?p 'a\\' SERVICE <http://x/> {}' }",
    "SELECT * { ?s ?p ?o } # '\n# SERVICE <http://x/> {}",
    "SELECT * { ?s <http://x/a'> ?o . ?o <http://x/service'> 'x' }",
    "SELECT * { ?s ?p 'from <http://x/>' } # FROM <http://x/>",
    "SELECT ?from ?named { ?from ex:from ?named }",
    "SELECT * { ?load ?clear ?drop ; ex:insert 'DELETE WHERE { ?s ?p ?o }' }",
    "PREFIX load: <http://x/> SELECT * { ?s load:load load:drop }",
    "PREFIX service: <http://x/> SELECT * { ?s service:service ?o ; service:SILENT 1 }",
    "SELECT (REPLACE(?o, 'service', 'SERVICE <http://x/>') AS ?x) { ?s ?p ?o }",
]


@pytest.mark.parametrize("text", HARMLESS)
def test_what_only_looks_like_a_forbidden_word_is_let_through(text: str) -> None:
    assert "select" == inspect(text).form


UPDATES = [
    "INSERT DATA { <a:a> <a:a> 1 }",
    "DELETE WHERE { ?s ?p ?o }",
    "PREFIX ex: <a:a> DELETE { ?s ?p ?o } WHERE { ?s ?p ?o }",
    "WITH <a:g> DELETE { ?s ?p ?o } WHERE {}",
    "LOAD <http://x/>",
    "load silent <http://x/> into graph <a:a>",
    "CLEAR ALL",
    "DROP GRAPH <a:a>",
    "CREATE GRAPH <a:a>",
    "ADD <a:a> TO <a:b>",
    "MOVE <a:a> TO <a:b>",
    "COPY <a:a> TO <a:b>",
    "# comment\nBASE <a:a>\nDROP ALL",
    "SELECT * { ?s ?p ?o } ; DROP ALL",
    "SELECT * { ?s ?p ?o } LOAD <http://x/>",
    "INSERT { ?s ?p 1 } WHERE { ?s ?p ?o }",
    "DELETE DATA { <a:a> <a:a> 1 }",
    "insert#comment\ndata{}",
    "LOAD<http://x/>",
    "LOAD <http://x/> INTO GRAPH <a:a> ; SELECT * {}",
    "ASK { INSERT DATA { <a:a> <a:a> 1 } }",
    "CONSTRUCT { ?s ?p ?o } WHERE { ?s ?p ?o } ; CLEAR SILENT GRAPH <a:a>",
    "CREATE SILENT GRAPH <a:a>",
    "PREFIX a: <b:c> # x\nPREFIX b: <b:d>\nLOAD a:x",
]


@pytest.mark.parametrize("text", UPDATES)
def test_an_update_is_refused_as_such(text: str) -> None:
    with pytest.raises(SparqlRefusedError, match="read-only"):
        inspect(text)


def test_no_case_of_these_lists_is_lost() -> None:
    assert (45, 28, 24) == (len(set(SERVICES)), len(set(HARMLESS)), len(set(UPDATES)))


FORMS = [
    ("SELECT * {}", "select", "select"),
    ("ask {}", "ask", "ask"),
    ("CONSTRUCT WHERE { ?s ?p ?o }", "construct", "graph"),
    ("DESCRIBE <a:a>", "describe", "graph"),
    ("PREFIX select: <a:a> PREFIX : <a:b> BASE <a:c> ASK {}", "ask", "ask"),
    ("VERSION '1.2' SELECT * {}", "select", "select"),
    ("# SELECT\nASK { SELECT * {} }", "ask", "ask"),
    ("SELECTDISTINCT?s{?s ?p ?o}", "select", "select"),
]


@pytest.mark.parametrize(("text", "form", "kind"), FORMS)
def test_the_form_is_the_first_keyword_after_the_prologue(text: str, form: str, kind: str) -> None:
    found = inspect(text)
    assert (form, kind) == (found.form, found.kind)


@pytest.mark.parametrize(
    ("text", "line", "column", "hint"),
    [
        ("", 1, 1, "Write for example SELECT * { ?s ?p ?o } LIMIT 10."),
        ("# nothing", 1, 10, "Write for example SELECT * { ?s ?p ?o } LIMIT 10."),
        ("\n SELCT * {}", 2, 2, "Did you mean SELECT?"),
        ("PREFIX ex <a:a> SELECT * {}", 1, 8, "Write PREFIX ex: <…>."),
        ("{ ?s ?p ?o }", 1, 1, "Write SELECT * before the {, or ASK."),
    ],
)
def test_a_text_without_a_form_is_a_syntax_error_with_its_place(
    text: str, line: int, column: int, hint: str | None
) -> None:
    with pytest.raises(SparqlSyntaxError) as caught:
        inspect(text)
    assert (line, column, hint) == (caught.value.line, caught.value.column, caught.value.hint)


def test_a_refusal_knows_line_and_column() -> None:
    with pytest.raises(SparqlRefusedError) as caught:
        inspect("SELECT *\n{\n  SERVICE <http://x/> {}\n}")
    assert (3, 3) == (caught.value.line, caught.value.column)


OWN: Final = Limits(graphs=frozenset({"http://x/g/a", "http://x/g/b"}))


@pytest.mark.parametrize(
    "text",
    [
        "SELECT * FROM <http://x/g/a> FROM NAMED <http://x/g/b> {}",
        "PREFIX g: <http://x/g/> SELECT * FROM g:a FROM NAMED g:b {}",
        "BASE <http://x/g/> SELECT * FROM <a> from named <b> {}",
    ],
)
def test_own_graphs_may_stand_in_from(text: str) -> None:
    found = inspect(text, OWN)
    assert (("http://x/g/a",), ("http://x/g/b",)) == (found.default, found.named)


@pytest.mark.parametrize(
    "text",
    [
        "SELECT * FROM <http://elsewhere/data.ttl> {}",
        "ASK FROM NAMED <http://x/g/c> {}",
        "PREFIX g: <http://x/> DESCRIBE <a:a> FROM g:c",
        "SELECT * from<http://elsewhere/> {}",
        "SELECT * FROM#comment\n<http://elsewhere/> {}",
        "SELECT ?s FROMNAMED<http://elsewhere/> {}",
        "SELECT * FROM <http://x/g/a> FROM <http://elsewhere/> {}",
        "BASE <http://elsewhere/> SELECT * FROM <a> {}",
        r"SELECT * FROM <http://x/g/\u0063> {}",
        "PREFIX g: <http://x/g/> SELECT * FROM NAMED g:b\\,c {}",
    ],
)
def test_a_graph_from_elsewhere_is_refused(text: str) -> None:
    with pytest.raises(SparqlRefusedError, match="is not served here"):
        inspect(text, OWN)


@pytest.mark.parametrize(
    "text",
    [
        "PREFIX g: <http://x/g#> SELECT * FROM g:a {}",
        "SELECT * FROM <graph#a> {}",
        "BASE <http://x/> SELECT * FROM <g#a> {}",
    ],
)
def test_a_graph_whose_name_has_a_fragment_is_known_by_its_whole_name(text: str) -> None:
    graphs = frozenset({"http://x/g#a", vocab.BASE + "graph#a"})
    assert set(inspect(text, Limits(graphs=graphs), vocab.BASE).default) <= graphs


def test_a_graph_of_the_protocol_is_held_to_the_same_rule() -> None:
    policy.refuse_unknown_graphs(["http://x/g/a"], OWN.graphs or frozenset())
    with pytest.raises(SparqlRefusedError, match=r"did you mean <http://x/g/a>\?"):
        policy.refuse_unknown_graphs(["http://x/g/aa"], OWN.graphs or frozenset())


@pytest.mark.parametrize(
    "text",
    [
        "SELECT * " + "{" * 5000 + "}" * 5000,
        "SELECT (" + "(" * 5000 + "1" + ")" * 5000 + " AS ?x) {}",
        "SELECT * { FILTER(" + "!" * 20000 + "true) }",
        "SELECT (" + "- " * 300 + "1 AS ?x) {}",
        "SELECT * { ?s ?p " + "[ ?p " * 300 + "1" + "]" * 300 + " }",
        "SELECT * { FILTER(" + "||".join(["?a"] * 3000) + ") }",
        "SELECT * {" + "UNION".join(["{}"] * 3000) + "}",
        "SELECT * { ?s " + "/".join(["a:b"] * 3000) + " ?o }",
        "SELECT * { " + "BIND(1 AS ?a)" * 3000 + " }",
    ],
)
def test_a_text_that_would_overflow_the_stack_is_refused(text: str) -> None:
    with pytest.raises(SparqlRefusedError, match=r"nests deeper|operators"):
        inspect(text)


def test_a_long_list_is_no_nesting() -> None:
    assert "select" == inspect("SELECT * { VALUES ?x { " + "1 " * 20000 + "} }").form


def test_a_text_over_the_length_is_refused_with_413() -> None:
    with pytest.raises(SparqlRefusedError, match="has 65,5") as caught:
        inspect("SELECT * {} #" + "é" * 32_768)
    assert 413 == caught.value.status


def test_half_a_surrogate_pair_is_a_syntax_error() -> None:
    with pytest.raises(SparqlSyntaxError, match="surrogate"):
        inspect("SELECT * { ?s ?p '\ud800' }")


@pytest.mark.parametrize(
    ("text", "volatile"),
    [
        ("SELECT (NOW() AS ?t) {}", True),
        ("SELECT (rand() AS ?t) {}", True),
        ("SELECT ?now { ?now ex:rand 'UUID' }", False),
    ],
)
def test_a_query_for_time_or_chance_says_so(text: str, *, volatile: bool) -> None:
    assert volatile is inspect(text).volatile


_SLOW: Final[Mapping[str, tuple[Callable[[int], str], int]]] = {
    "prefixes that never end": (lambda count: "SELECT * { " + "a.a-" * count + " }", 16_000),
    "quotes that never close": (lambda count: "SELECT * { " + "\\'" * count, 32_000),
    "long quotes that never close": (lambda count: "SELECT * { " + '\\"""\n' * count, 13_000),
    "names full of dots": (lambda count: "SELECT * { " + ":a.....\n" * count + "}", 8_000),
    "comments inside what may be an IRI": (
        lambda count: "SELECT * { 'service' " + "1<a#> " * count + "}",
        10_000,
    ),
    "IRIs that may be comparisons": (lambda count: "SELECT * { ex:service " + "1<a:'> " * count + "}", 9_000),
}


@pytest.mark.parametrize(("make", "count"), _SLOW.values(), ids=_SLOW.keys())
def test_the_longest_text_is_judged_in_a_moment_whatever_it_holds(
    make: Callable[[int], str], count: int
) -> None:
    """The time grows with the length; quadratic work on such a text takes ten seconds and more."""
    assert growth(inspect, make, count) < LINEAR


def test_a_text_full_of_characters_that_begin_nothing_is_a_syntax_error_at_the_first() -> None:
    with pytest.raises(SparqlSyntaxError, match="is not SPARQL, like much") as caught:
        inspect("SELECT * {\n  " + "\\'" * 2000)
    assert (2, 3) == (caught.value.line, caught.value.column)


_TEXT: Final = st.lists(
    st.sampled_from(
        [
            *(
                "SELECT * {",
                "ASK{",
                "{",
                "}",
                "(",
                "!",
                "-",
                "+",
                " ",
                "\n",
                "#",
                "'",
                "<",
                "<a:a>",
                "?x",
                "a:b",
                "1",
                "SERVICE <a:a>{}",
                "FROM <a:a>",
            ),
            *(
                "DROP ALL",
                "NOW()",
                "PREFIX a: <b:c>",
                "BASE <a:b>",
                r"\u0053",
                "||",
                "UNION",
                "é",
                "SELECTDISTINCT",
            ),
        ]
    ),
    max_size=16,
).map("".join)


@given(_TEXT)
def test_a_text_that_passes_unread_would_pass_read_token_by_token(text: str) -> None:
    limits = Limits(depth=5, operators=30, graphs=frozenset())
    assert _judged(lambda: policy._read(text, limits, "")) == _judged(lambda: inspect(text, limits))


def _judged(judge: Callable[[], policy.Inspection]) -> object:
    try:
        return judge()
    except SparqlError as error:
        return type(error), str(error)


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as made:
        made.settimeout(0.3)
        yield made


def _calls_to(listener: socket.socket) -> int:
    """Connections that arrived until now."""
    count = 0
    with contextlib.suppress(TimeoutError):
        while True:
            listener.accept()[0].close()
            count += 1
    return count


def test_no_query_with_a_service_makes_the_pool_connect(listener: socket.socket, tmp_path: Path) -> None:
    here = f"http://127.0.0.1:{listener.getsockname()[1]}/"
    made = pool.Pool(snapshot.write(snapshot.Snapshot.of(b'<a:a> <a:p> "x" .\n', {}, {}), tmp_path))
    try:
        for text in [*SERVICES, *UPDATES, "SELECT * FROM <http://x/> { ?s ?p ?o }"]:
            with pytest.raises(QueryRefusedError):
                made.ask(text.replace("http://x/", here), media_type="application/sparql-results+json")
    finally:
        made.close()
    assert 0 == _calls_to(listener)


_CHILD: Final = """
import sys
import pyoxigraph
from r2p_kg.engine import Budget, Dataset, sandbox
from r2p_kg.engine.evaluate import evaluate
from r2p_kg.errors import QueryError
if sys.argv[1] == "sandboxed" and not sandbox.no_network():
    sys.exit(3)
try:
    evaluate(pyoxigraph.Store(), sys.argv[2], "application/sparql-results+json", Dataset(), Budget())
except QueryError:
    sys.exit(4)
"""


@pytest.mark.parametrize(("how", "arrived"), [("sandboxed", 0), ("free", 1)])
def test_what_slips_past_policy_meets_a_process_without_network(
    listener: socket.socket, how: str, arrived: int
) -> None:
    """The same query in a process without the filter does arrive."""
    query = f"SELECT * {{ SERVICE <http://127.0.0.1:{listener.getsockname()[1]}/> {{ ?s ?p ?o }} }}"
    with subprocess.Popen([sys.executable, "-c", _CHILD, how, query]) as child:
        try:
            with contextlib.suppress(
                subprocess.TimeoutExpired
            ):  # it may wait for an answer that nobody gives
                child.wait(2 if arrived else 20)
            found = _calls_to(listener)
        finally:
            child.kill()
    if child.returncode == 3:
        pytest.skip("the kernel offers no seccomp filter")
    assert arrived == found


_PIECES: Final = (
    *(
        "FILTER(1<",
        "FILTER(1<<a:",
        "'>",
        "'>'",
        "'",
        '"',
        "'''",
        "#",
        "#>",
        "\n",
        ">",
        ")",
        " ",
        "1",
        "true",
        "p:a.",
        "_:b.",
        "@en",
        "1.",
        r"\u0027",
    ),
    *("{", "}", "?x", "'a'", "<a:'b>", "<a:b#>", "BIND(1<", " AS ?q)", "GRAPH ?g", "OPTIONAL", "EXISTS{}"),
)
_CALLS: Final = (
    "SERVICE<http://127.0.0.1:1/>{}",
    "SERVICE p:x{}",
    "SERVICEp:x{}",
    "SERVICE#'\np:x{}",
    "SERVICE#>\np:x{}",
    "SERVICE SILENTp:x{}",
)


def test_no_random_text_makes_the_engine_call_a_service_that_policy_lets_through() -> None:
    """The engine refuses port 1 before it connects, which tells that it would have."""
    store = ox.Store()
    store.add(ox.Quad(ox.NamedNode("a:a"), ox.NamedNode("a:p"), ox.Literal("x")))
    chance = random.Random(5)
    called = 0
    for _ in range(6000):
        before, after = ("".join(chance.choices(_PIECES, k=chance.randint(0, 4))) for _ in range(2))
        text = f"PREFIX p: <http://127.0.0.1:1/>SELECT * {{{before}{chance.choice(_CALLS)}{after}}}"
        try:
            list(store.query(text))  # type: ignore[arg-type]
        except SyntaxError:
            continue
        except OSError as error:
            assert "port 1 is not allowed" in str(error), text  # noqa: PT017 - the loop goes on
            called += 1
            with pytest.raises(SparqlError):
                inspect(text)
    assert called > 10
