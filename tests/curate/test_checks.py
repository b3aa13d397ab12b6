"""Each check fires on its bad file and is silent on its good one, beside a world that is otherwise without fault."""

from __future__ import annotations

import re
import shutil
from dataclasses import replace
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
import rdflib
from pyoxigraph import BlankNode, NamedNode, Triple
from rdflib.namespace import RDF, SH

from r2p_kg.curate import build, checks, reasoning, sources
from r2p_kg.curate.checks import queries
from r2p_kg.errors import UsageError
from r2p_kg.graph import vocab

HERE = Path(__file__).parent.parent
ONTOLOGY = build.ontology_folder()
CASES = sorted(path.name for path in (HERE / "checks").iterdir())
QUERIES = sorted(path.stem for path in (ONTOLOGY / "checks").glob("*.rq"))
IN_PYTHON = [
    "changed-literal",
    "control-character",
    "dangling",
    "foreign-term",
    "ill-typed-literal",
    "prefix",
    "syntax",
    "undeclared-term",
]


@cache
def shapes_graph() -> rdflib.Graph:
    graph = rdflib.Graph()
    for path in (ONTOLOGY / "shapes").glob("*.ttl"):
        graph.parse(path, format="turtle")
    return graph


def shape_names() -> list[str]:
    return sorted(str(shape).rpartition("/")[2] for shape in shapes_graph().subjects(RDF.type, SH.NodeShape))


def file_of(case: str, kind: str) -> Path:
    """The case's file; one that is no Turtle at all does not end in .ttl, so that no formatter trips over it."""
    return next((HERE / "checks" / case).glob(f"{kind}.ttl*"))


@cache
def world() -> sources.Corpus:
    return sources.read(ONTOLOGY, HERE / "world")


@cache
def findings(case: str, kind: str) -> tuple[checks.Finding, ...]:
    """What the checks find in the world with the case's file added.

    To the schema where it holds axioms, else to the facts.
    """
    where = (
        "schema" if re.search(r"\[ a owl:|propertyChainAxiom", file_of(case, kind).read_text()) else "facts"
    )
    with TemporaryDirectory() as folder:
        (Path(folder) / where).mkdir()
        shutil.copy(file_of(case, kind), Path(folder) / where / "fixture.ttl")
        shutil.copy(ONTOLOGY / "prefixes.ttl", folder)
        added = sources.read(Path(folder))
    fixture = [source for source in added.sources if source.path == f"{where}/fixture.ttl"]
    together = sorted([*world().sources, *fixture], key=lambda source: source.path)
    return checks.run(replace(world(), sources=tuple(together), findings=added.findings), ONTOLOGY)


def named(case: str, found: tuple[checks.Finding, ...]) -> list[checks.Finding]:
    return [finding for finding in found if finding.check.split()[0] == case]


def test_every_check_owns_a_pair_of_files() -> None:
    assert sorted([*QUERIES, *IN_PYTHON, *shape_names()]) == CASES


def test_the_cases_are_all_collected() -> None:
    assert (52, 8, 27) == (len(QUERIES), len(IN_PYTHON), len(shape_names()))
    assert {"bad.ttl", "bad.ttl.broken", "good.ttl"} == {
        path.name for case in CASES for path in (HERE / "checks" / case).iterdir()
    }


@pytest.mark.parametrize("case", CASES)
def test_a_check_fires_on_its_bad_file_and_names_a_line_of_it(case: str) -> None:
    fired = named(case, findings(case, "bad"))
    assert fired
    length = len(file_of(case, "bad").read_text().splitlines())
    assert all(finding.path.endswith("/fixture.ttl") and 1 <= finding.line <= length for finding in fired), (
        fired
    )


@pytest.mark.parametrize("case", CASES)
def test_a_check_is_silent_on_its_good_file_and_so_are_all_others(case: str) -> None:
    assert [] == [
        str(finding)
        for finding in findings(case, "good")
        if finding.severity == "error" or finding.check == case
    ]


@pytest.mark.parametrize("shape", shape_names())
def test_every_constraint_of_a_shape_fires_on_its_bad_file(shape: str) -> None:
    graph = shapes_graph()
    node = next(one for one in graph.subjects(RDF.type, SH.NodeShape) if str(one).endswith(f"/{shape}"))
    constraints = list(graph.objects(node, SH.property))
    fired = named(shape, findings(shape, "bad"))
    silent = {
        str(graph.value(one, SH.message))
        for one in constraints
        if not any(str(graph.value(one, SH.message)) in finding.message for finding in fired)
    }
    assert set() == silent
    assert {str(graph.value(one, SH.description)) for one in constraints} == {
        finding.repair for finding in fired
    }


def test_every_branch_of_the_check_on_dates_fires() -> None:
    fired = named("dates-incomplete", findings("dates-incomplete", "bad"))
    assert ["r2p:datePrecision", "r2p:latest", "r2p:earliest"] == [
        finding.message.rpartition(" ")[2] for finding in fired
    ]


def test_an_undeclared_term_is_answered_with_the_nearest_known_one() -> None:
    fired = named("undeclared-term", findings("undeclared-term", "bad"))
    assert ["r2p:concernsTool", "r2p:Topic", "rdfs:label"] == [
        finding.repair.partition("did you mean ")[2].partition("?")[0] for finding in fired
    ]


def test_a_passage_that_does_not_exist_is_answered_with_the_nearest_one() -> None:
    fired = named("dangling", findings("dangling", "bad"))
    assert "id:blue-report.para-11 is described nowhere" == fired[0].message
    assert "did you mean id:blue-report.para-1?" in fired[0].repair
    assert "did you mean id:mediation?" in fired[1].repair


def test_a_finding_stands_on_the_line_of_the_triple_that_is_wrong() -> None:
    text = (HERE / "checks" / "wrong-class" / "bad.ttl").read_text().splitlines()
    (finding,) = named("wrong-class", findings("wrong-class", "bad"))
    assert "r2p:concernsTool id:arvania" in text[finding.line - 1]
    assert "r2p:concernsTool of id:fixture.one takes a r2p:Tool and id:arvania is none" == finding.message


def test_a_name_used_for_two_statements_is_suspected_with_both_lines(tmp_path: Path) -> None:
    shutil.copytree(HERE / "world", tmp_path / "facts")
    head = "".join(f"@prefix {name}: <{space}> .\n" for name, space in world().prefixes.items())
    one = "id:twice a r2p:Finding ; r2p:cites id:blue-report.para-1 ; r2p:modality modality:stated ; r2p:about id:mediation"
    path = tmp_path / "facts" / "twice.ttl"
    path.write_text(
        f'{head}{one} ; r2p:says "One thing that the passage says of mediation."@en .\n\n{one} ; r2p:says "Another thing that the passage says of mediation."@en .\n'
    )
    findings = checks.run(sources.read(ONTOLOGY, tmp_path / "facts"), ONTOLOGY)
    (finding,) = named("StatementShape", findings)
    first = head.count("\n") + 1
    lines = f"facts/twice.ttl:{first}, facts/twice.ttl:{first + 2}"
    assert (
        f"needs exactly one sentence (r2p:says) ({lines}: is one name used for two things?)"
        in finding.message
    )


def test_a_missing_triple_is_reported_where_its_subject_is_declared() -> None:
    text = (HERE / "checks" / "StatementShape" / "bad.ttl").read_text().splitlines()
    (finding,) = [
        one
        for one in named("StatementShape", findings("StatementShape", "bad"))
        if "needs at least one citation" in one.message
    ]
    assert "id:fixture.nothing a r2p:Finding" in text[finding.line - 1]


def test_the_small_world_is_without_any_finding() -> None:
    assert () == checks.run(world(), ONTOLOGY)


def test_findings_come_by_file_and_line_without_repetition() -> None:
    def at(path: str, line: int) -> checks.Finding:
        return checks.Finding("error", "x", "", path, line, "m", "r")

    assert (at("a", 2), at("a", 10), at("b", 1)) == checks.in_order(
        [at("b", 1), at("a", 10), at("a", 2), at("a", 10)]
    )


def test_a_finding_on_one_line_is_clickable() -> None:
    assert "facts/x.ttl:3: error: it is wrong — mend it [name]" == str(
        checks.Finding("error", "name", "", "facts/x.ttl", 3, "it is wrong", "mend it")
    )


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("SELECT ?focus {}", "has no header '# Problem: …'"),
        ("# Problem: a\n# Severity: error\nSELECT ?focus {}", "has no header '# Solution: …'"),
        ("# Problem: a\n# Solution: b\n# Severity: bad\nSELECT ?focus {}", "severity 'bad'"),
        (
            "# Problem: a\n# Solution: b\n# Severity: error\nSELECT ?focus {",
            "not SPARQL: error at 4:16; mend the query",
        ),
        (
            "# Problem: {who}\n# Solution: b\n# Severity: error\nSELECT ?focus { ?focus a ?x }",
            "can name {focus}, and not 'who'",
        ),
        (
            "# Problem: a {\n# Solution: b\n# Severity: error\nSELECT ?focus { ?focus a ?x }",
            "Problem and Solution can name",
        ),
        ("# Problem: a\n# Solution: b\n# Severity: error\nSELECT ?x { ?x ?y ?z }", "?focus"),
        ("# Problem: a\n# Solution: b\n# Severity: error\nASK {}", "?focus"),
    ],
)
def test_a_bad_check_query_is_refused_with_its_path(text: str, complaint: str, tmp_path: Path) -> None:
    (tmp_path / "mine.rq").write_text(text)
    corpus = world()
    with pytest.raises(UsageError, match=r"mine\.rq") as caught:
        list(queries.check(checks.store_of(corpus), tmp_path, checks.Locations.in_corpus(corpus)))
    assert complaint in str(caught.value)


def test_a_contradiction_names_both_classes_and_the_line_of_the_thing(tmp_path: Path) -> None:
    shutil.copytree(HERE / "world", tmp_path / "facts")
    (tmp_path / "facts" / "clash.ttl").write_text(
        "@prefix id: <https://w3id.org/r2p-kg/id/> .\n@prefix r2p: <https://w3id.org/r2p-kg/ns#> .\n\nid:arvania a r2p:Situation .\n"
    )
    corpus = sources.read(ONTOLOGY, tmp_path / "facts")
    closed = reasoning.closure(triple for source in corpus.sources for triple in source.triples)
    (finding,) = checks.clashes(closed, checks.Locations.in_corpus(corpus))
    assert ("facts/clash.ttl", 4, "cax-adc") == (finding.path, finding.line, finding.check)
    said, *statements = re.split(r"(?<=\w): |; ", finding.message)
    assert "id:arvania is both r2p:Actor and r2p:Situation, which are disjoint" == said
    assert [
        "id:arvania a r2p:Situation (facts/clash.ttl:4)",
        "id:arvania a r2p:State (facts/things.ttl:13)",
    ] == statements[:2]
    assert all(re.search(r"\(schema/\w+\.ttl:\d+\)$", statement) for statement in statements[2:])


def judged(**verdict: Any) -> tuple[checks.Finding, ...]:
    return checks.judged(reasoning.Verdict(**verdict), checks.Locations.in_corpus(world()))


def test_a_verdict_without_answer_is_a_warning_and_an_inconsistency_an_error() -> None:
    (unknown,) = judged(consistent=None, unsatisfiable=(), said="late")
    assert ("warning", "consistency-unknown") == (unknown.severity, unknown.check)
    (refused,) = judged(consistent=False, unsatisfiable=(), said=f"Individual {vocab.ID}arvania is forced")
    assert ("error", "facts/things.ttl", "the graph contradicts itself: Individual id:arvania is forced") == (
        refused.severity,
        refused.path,
        refused.message,
    )
    (unsaid,) = judged(consistent=False, unsatisfiable=(), said="no reason given")
    assert ("error", "r2p.ttl", 1) == (unsaid.severity, unsaid.path, unsaid.line)
    (empty,) = judged(consistent=True, unsatisfiable=(vocab.NS + "Tool",), said="")
    assert ("schema/tools.ttl", "r2p:Tool can have no members") == (empty.path, empty.message)
    assert () == judged(consistent=True, unsatisfiable=(), said="")


def test_locations_fall_back_from_triple_to_pair_to_subject() -> None:
    source = sources.parse("<urn:a> a <urn:C> ;\n <urn:p> <urn:b> ,\n <urn:c> .\n", "facts/x.ttl")
    assert isinstance(source, sources.Source)
    locations = checks.Locations.in_corpus(sources.Corpus(Path(), (source,), (), {"u": "urn:"}, ()))
    a, p, c = NamedNode("urn:a"), NamedNode("urn:p"), NamedNode("urn:c")
    assert Triple(a, p, c) in locations.triples
    assert [3, 2, 1, 3] == [
        locations.find(*about)[1]
        for about in ((a, p, c), (a, p, NamedNode("urn:d")), (a, NamedNode("urn:q"), None), (c, None, None))
    ]
    assert ("u:a", '"x"', "a blank node") == (
        locations.name(a),
        locations.name_written('"x"'),
        locations.name(BlankNode("b")),
    )
