"""The quality report knows every published rule, fires on none of the grave ones, and is what docs/quality.md shows."""

from __future__ import annotations

import ast
import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from click.testing import CliRunner

from r2p_kg.command import main
from r2p_kg.curate import build, checks, reasoning, sources
from r2p_kg.curate.checks import quality, queries
from r2p_kg.curate.findings import Finding
from r2p_kg.errors import UsageError
from tests.curate.test_reasoning import CLASHING

if TYPE_CHECKING:
    from r2p_kg.curate.build import Built

ROOT = Path(__file__).parents[2]
ONTOLOGY = build.ontology_folder()

# The rules with their grades, as ROBOT's report profile and the catalogue of OOPS! give them.
ROBOT = {
    "ERROR": "deprecated_boolean_datatype deprecated_class_reference deprecated_property_reference duplicate_definition duplicate_label "
    "illegal_use_of_built_in_vocabulary label_formatting label_whitespace missing_label missing_ontology_description missing_ontology_license "
    "missing_ontology_title misused_obsolete_label misused_replaced_by multiple_definitions multiple_equivalent_class_definitions multiple_labels",
    "WARN": "annotation_whitespace equivalent_pair equivalent_class_axiom_no_genus missing_definition missing_obsolete_label "
    "multiple_equivalent_classes invalid_xref invalid_entity_uri",
    "INFO": "lowercase_definition missing_superclass",
}
OOPS = {
    "critical": "P03 P05 P06 P19 P27 P28 P29 P31 P37 P39 P40",
    "important": "P10 P11 P12 P24 P25 P26 P30 P35 P38 P41",
    "minor": "P02 P04 P07 P08 P13 P20 P21 P22 P32 P33 P34 P36",
}
FOOPS = "OM1 OM2 OM3 VER1 VER2 VOC1 VOC2 VOC3 VOC4 CN1 RDF1 DOC1 PURL1 URI1 URI2 FIND1 FIND2 FIND3 HTTP1"


def origins() -> list[queries.Origin]:
    return [origin for rule in quality.rules(ONTOLOGY) for origin in rule.origins] + [
        one.origin for one in quality.elsewhere(ONTOLOGY)
    ]


def test_every_published_rule_is_held_by_a_check_or_stands_elsewhere_with_its_reason() -> None:
    known = {(one.tool, one.code, one.grade) for one in origins()}
    wanted = {
        (tool, code, grade)
        for tool, lists in (("ROBOT", ROBOT), ("OOPS", OOPS))
        for grade, codes in lists.items()
        for code in codes.split()
    }
    assert set() == wanted - known
    assert set() == {("FOOPS", code, "") for code in FOOPS.split()} - known
    assert (27, 33) == (
        len({one for one in wanted if one[0] == "ROBOT"}),
        len({one for one in wanted if one[0] == "OOPS"}),
    )


def test_what_holds_a_rule_elsewhere_is_a_test_that_exists_or_a_reason() -> None:
    held = {origin for rule in quality.rules(ONTOLOGY) for origin in rule.origins}
    for one in quality.elsewhere(ONTOLOGY):
        named = re.fullmatch(r"(tests/\S+): (test_\w+)", one.how)
        if named is not None:
            assert f"def {named[2]}(" in (ROOT / named[1]).read_text("utf-8"), one.how
        else:
            assert one.how.startswith(("not applied: ", "not held yet: ", "in part: ", "the ")), one.how
            assert not one.how.startswith("in part: ") or one.origin in held, (
                f"no check holds any part of {one.origin}"
            )
        if one.origin.grade in quality.BAR:
            assert one.origin in held or named is not None, f"{one.origin} is grave and is held by no test"


def test_no_critical_important_or_error_rule_fires_on_the_real_graph(snapshot_of_the_checkout: Built) -> None:
    counts = quality.fired(quality.rules(ONTOLOGY), snapshot_of_the_checkout.findings)
    assert () == quality.failing(counts)
    assert len([rule for rule in counts if rule.grade in quality.BAR]) > 20


def test_a_rule_above_the_bar_that_fires_fails_and_is_named_in_the_report() -> None:
    finding = Finding("error", "hierarchy-cycle", "", "schema/x.ttl", 1, "m", "r")
    counts = quality.fired(quality.rules(ONTOLOGY), [finding, finding])
    assert ["hierarchy-cycle"] == [rule.name for rule in quality.failing(counts)]
    assert "**Fired above the bar: hierarchy-cycle.**" in quality.report(counts, ())
    mild = Finding("warning", "short-chain", "", "schema/x.ttl", 1, "m", "r")
    assert () == quality.failing(quality.fired(quality.rules(ONTOLOGY), [mild]))


def test_every_check_that_can_fire_has_a_row() -> None:
    # What owns files on which it fires, what the tests of the rules make clash, and what Pellet may say.
    owned = {path.name for path in (ROOT / "tests" / "checks").iterdir()}
    clashes = {name for name, _, _ in CLASHING}
    said = {"consistency-unknown", "inconsistent", "unsatisfiable-class"}
    assert owned | clashes | said == {rule.name for rule in quality.rules(ONTOLOGY)}


def test_no_finding_is_made_under_a_name_that_is_not_declared() -> None:
    """Only queries and shapes, named after their files, and declared checks make findings."""
    package = ROOT / "r2p_kg" / "curate"
    makers = {
        path.relative_to(package).as_posix()
        for path in package.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "Finding"
    }
    # state.py makes those again that it remembers.
    assert {"checks/queries.py", "checks/shapes.py", "findings.py", "state.py"} == makers


def test_a_contradiction_has_a_row_that_counts_it() -> None:
    source = sources.parse(
        "<urn:x> a <urn:A> , <urn:B> . <urn:A> <http://www.w3.org/2002/07/owl#disjointWith> <urn:B> .",
        "facts/x.ttl",
    )
    assert isinstance(source, sources.Source)
    locations = checks.Locations.in_corpus(sources.Corpus(ROOT, (source,), (), {}, ()))
    clashes = checks.clashes(reasoning.closure(source.triples), locations)
    counts = quality.fired(quality.rules(ONTOLOGY), clashes)
    assert {"cax-dw": 1} == {rule.name: count for rule, count in counts.items() if count}
    assert "| cax-dw | *x* is both *c* and *d*, which are disjoint | error | 1 |" in quality.report(
        counts, ()
    )


def test_the_page_is_what_the_command_prints(snapshot_of_the_checkout: Built) -> None:
    printed = quality.report(
        quality.fired(quality.rules(ONTOLOGY), snapshot_of_the_checkout.findings), quality.elsewhere(ONTOLOGY)
    )
    assert printed == (ROOT / "docs" / "quality.md").read_text("utf-8"), (
        "docs/quality.md is stale: r2p check --report > docs/quality.md"
    )


def test_the_command_prints_the_report_and_ends_with_1_where_there_is_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        reasoning, "verdict", lambda *_: reasoning.Verdict(consistent=True, unsatisfiable=(), said="")
    )
    (tmp_path / "prefixes.ttl").write_text("# none\n")
    (tmp_path / "r2p.ttl").write_text("this is no Turtle")
    (tmp_path / "checks").mkdir()
    (tmp_path / "checks" / "own.rq").write_text(
        "# Problem: {focus} is bad\n# Solution: mend it\n# Severity: error\nSELECT ?focus { ?focus ?p ?o }"
    )
    ran = CliRunner().invoke(
        main, ["check", "--report", "--ontology", str(tmp_path), "--state", str(tmp_path / "state")]
    )
    assert 1 == ran.exit_code, ran.output
    assert "| syntax | a file that is no Turtle | error | 1 |" in ran.output
    assert "| own | *focus* is bad | error | 0 |" in ran.output


def test_an_origin_that_no_tool_has_is_refused_with_the_file(tmp_path: Path) -> None:
    path = tmp_path / "mine.rq"
    path.write_text(
        "# Problem: a\n# Solution: b\n# Severity: error\n# Origin: OOPS P08 terrible\nSELECT ?focus {}"
    )
    with pytest.raises(UsageError, match=r"mine\.rq: the origin 'OOPS P08 terrible' is none"):
        queries.read(path)


@pytest.mark.parametrize("row", ["OOPS P08 minor\tonly two", "nobody\ta\tb", "OOPS P08; OOPS P09\ta\tb"])
def test_a_bad_row_of_elsewhere_is_refused_with_its_line(row: str, tmp_path: Path) -> None:
    (tmp_path / "checks").mkdir()
    (tmp_path / "checks" / "elsewhere.tsv").write_text(f"OOPS P13 minor\twants\tnot applied: x\n{row}\n")
    with pytest.raises(UsageError, match=r"elsewhere\.tsv:2: not a row"):
        quality.elsewhere(tmp_path)
