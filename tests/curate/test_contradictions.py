"""What contradicts itself stops the build, and the statements that clash are named with file and line.

Shapes find the rest.
"""

from __future__ import annotations

import re
import shutil
from dataclasses import dataclass
from pathlib import Path

import pytest

from r2p_kg.curate import build, checks, reasoning, sources
from r2p_kg.curate.checks import clashing, quality
from r2p_kg.curate.reasoning import consistency, justification

HERE = Path(__file__).parent.parent

PREFIXES = """@prefix dcterms: <http://purl.org/dc/terms/> .
@prefix id: <https://w3id.org/r2p-kg/id/> .
@prefix modality: <https://w3id.org/r2p-kg/id/modality/> .
@prefix owl: <http://www.w3.org/2002/07/owl#> .
@prefix polarity: <https://w3id.org/r2p-kg/id/polarity/> .
@prefix r2p: <https://w3id.org/r2p-kg/ns#> .
@prefix rdfs: <http://www.w3.org/2000/01/rdf-schema#> .
@prefix skos: <http://www.w3.org/2004/02/skos/core#> .
@prefix xsd: <http://www.w3.org/2001/XMLSchema#> .
"""


@dataclass(frozen=True)
class Plant:
    """One contradiction.

    Attributes:
        rule: the name of the rule that it breaks.
        axioms: what is added to the schema, a triple a line.
        facts: what clashes under them; the last alone is one too many.
        blamed: the check that blames that one already, so that the clash steps back.

    """

    rule: str
    axioms: tuple[str, ...]
    facts: tuple[str, ...]
    blamed: str = ""


def prop(name: str, kind: str = "owl:ObjectProperty") -> str:
    """A property with all that the checks want of one."""
    return f"""r2p:{name} a {kind} ; rdfs:label "{name}"@en ; skos:definition "Relates a thing to what is planted with it as {name}."@en ;
  skos:scopeNote "Any number."@en ; skos:example "None outside the tests of {name}."@en ; dcterms:source <https://www.w3.org/TR/prov-o/> ;
  rdfs:isDefinedBy <https://w3id.org/r2p-kg/ns> ; rdfs:domain r2p:Actor{" ; rdfs:range r2p:Actor" if kind == "owl:ObjectProperty" else ""} ."""


def group(name: str, above: str = " ; rdfs:subClassOf r2p:Actor") -> str:
    """A class with all that the checks want of one."""
    return f"""r2p:{name} a owl:Class ; rdfs:label "{name}"@en ; skos:definition "An actor that is planted as {name}."@en ; skos:scopeNote "Any number."@en ;
  skos:example "None outside the tests of {name}."@en ; dcterms:source <https://www.w3.org/TR/prov-o/> ;
  rdfs:isDefinedBy <https://w3id.org/r2p-kg/ns>{above} ."""


UNION, LEAGUE, DELEGATES = "id:harbour-union", "id:northern-league", "id:some-delegates"

PLANTS = {
    "disjoint classes": Plant("cax-adc", (), ("id:mediation a r2p:Crime .",)),
    "disjoint classes by a range": Plant(
        "cax-adc", (), ("id:arvania-2020.response.embargo r2p:usedTool id:war-crimes .",), "wrong-class"
    ),
    "a functional data property with two values": Plant(
        "prp-fp", (), ("id:arvania-2020.statistic.killed-blue r2p:value 401 .",)
    ),
    "a functional object property with two individuals declared different": Plant(
        "eq-diff1",
        (prop("plantedHead"), "r2p:plantedHead a owl:FunctionalProperty ."),
        (
            f"{LEAGUE} owl:differentFrom {DELEGATES} .",
            f"{UNION} r2p:plantedHead {LEAGUE} .",
            f"{UNION} r2p:plantedHead {DELEGATES} .",
        ),
    ),
    "an irreflexive property": Plant(
        "prp-irp",
        (prop("plantedFoe"), "r2p:plantedFoe a owl:IrreflexiveProperty ."),
        (f"{UNION} r2p:plantedFoe {UNION} .",),
    ),
    "an asymmetric property": Plant(
        "prp-asyp",
        (prop("plantedHeir"), "r2p:plantedHeir a owl:AsymmetricProperty ."),
        (f"{UNION} r2p:plantedHeir {LEAGUE} .", f"{LEAGUE} r2p:plantedHeir {UNION} ."),
    ),
    "a datatype clash": Plant(
        "dt-not-type",
        (prop("plantedDay", "owl:DatatypeProperty"), "r2p:plantedDay rdfs:range xsd:date ."),
        (f'{UNION} r2p:plantedDay "soon" .',),
        "wrong-datatype",
    ),
    "a complement": Plant(
        "cls-com",
        (
            group("PlantedRest", ' ; skos:editorialNote "No disjointness: all that is no armed group."@en'),
            "r2p:PlantedRest owl:complementOf r2p:NonStateArmedGroup .",
        ),
        (f"{LEAGUE} a r2p:PlantedRest .",),
    ),
    "the same and different": Plant(
        "eq-diff1", (), (f"{DELEGATES} owl:differentFrom {UNION} .", f"{UNION} owl:sameAs {DELEGATES} .")
    ),
    "disjoint properties": Plant(
        "prp-pdw",
        (
            prop("plantedFriend"),
            prop("plantedEnemy"),
            "r2p:plantedFriend owl:propertyDisjointWith r2p:plantedEnemy .",
        ),
        (f"{UNION} r2p:plantedFriend {LEAGUE} .", f"{UNION} r2p:plantedEnemy {LEAGUE} ."),
    ),
    "a class that takes no value": Plant(
        "cls-maxc1",
        (
            prop("plantedChild"),
            group("PlantedBarren"),
            "r2p:PlantedBarren rdfs:subClassOf [ a owl:Restriction ; owl:onProperty r2p:plantedChild ; owl:maxCardinality 0 ] .",
        ),
        (
            'id:planted-barren a r2p:PlantedBarren ; rdfs:label "planted barren"@en .',
            f"id:planted-barren r2p:plantedChild {LEAGUE} .",
        ),
    ),
}

#: What the rules of OWL 2 RL do not see and Pellet does.
FOR_PELLET = Plant(
    "inconsistent",
    (
        prop("plantedSeat"),
        group("PlantedWith"),
        group("PlantedWithout"),
        "r2p:PlantedWith rdfs:subClassOf [ a owl:Restriction ; owl:onProperty r2p:plantedSeat ; owl:someValuesFrom r2p:State ] .",
        "r2p:PlantedWithout rdfs:subClassOf [ a owl:Restriction ; owl:onProperty r2p:plantedSeat ; owl:allValuesFrom r2p:Person ] .",
    ),
    (
        'id:planted-seat a r2p:PlantedWith ; rdfs:label "planted seat"@en .',
        "id:planted-seat a r2p:PlantedWithout .",
    ),
)


def planted(folder: Path, plants: list[Plant], *, whole: bool) -> build.Assembled:
    """The small world with contradictions planted in its schema and facts.

    Not ``whole``: without the last fact of each.
    """
    shutil.copytree(build.ontology_folder(), folder / "ontology", ignore=shutil.ignore_patterns("facts"))
    shutil.copytree(HERE / "world", folder / "facts")
    axioms = [line for plant in plants for line in plant.axioms]
    facts = [line for plant in plants for line in (plant.facts if whole else plant.facts[:-1])]
    (folder / "ontology" / "schema" / "planted.ttl").write_text(PREFIXES + "\n".join(axioms) + "\n")
    (folder / "facts" / "planted.ttl").write_text(PREFIXES + "\n".join(facts) + "\n")
    return build.assemble(folder / "ontology", facts=folder / "facts")


def lines_of(path: Path, texts: tuple[str, ...]) -> list[int]:
    written = path.read_text().splitlines()
    return [written.index(text) + 1 for text in texts]


@pytest.mark.parametrize("name", [name for name in PLANTS if PLANTS[name].blamed])
def test_a_clash_steps_back_behind_the_check_that_blames_the_same_statement(
    name: str, tmp_path: Path
) -> None:
    plant = PLANTS[name]
    made = planted(tmp_path, [plant], whole=True)
    assert made.snapshot is None
    line = lines_of(tmp_path / "facts" / "planted.ttl", plant.facts)[-1]
    at = [
        finding.check
        for finding in made.findings
        if (finding.path, finding.line) == ("facts/planted.ttl", line)
    ]
    assert [plant.blamed] == at
    assert plant.rule not in {finding.check for finding in made.findings}


def test_checks_behind_which_a_clash_steps_back_exist() -> None:
    names = {rule.name for rule in quality.rules(build.ontology_folder())}
    assert set() == clashing.BLAMING - names


@pytest.mark.parametrize("name", [name for name in PLANTS if not PLANTS[name].blamed])
def test_a_planted_contradiction_stops_the_build_and_each_clashing_statement_is_named_with_its_line(
    name: str, tmp_path: Path
) -> None:
    plant = PLANTS[name]
    made = planted(tmp_path, [plant], whole=True)
    assert made.snapshot is None
    (told,) = [finding for finding in made.findings if finding.check == plant.rule]
    assert ("error", "facts/planted.ttl") == (told.severity, told.path) or told.path.startswith("facts/")
    assert [] == [
        line
        for line in lines_of(tmp_path / "facts" / "planted.ttl", plant.facts)
        if f"(facts/planted.ttl:{line})" not in told.message
    ]
    last = plant.axioms[-1:]
    assert [] == [
        line
        for line in lines_of(tmp_path / "ontology" / "schema" / "planted.ttl", last)
        if f"(schema/planted.ttl:{line})" not in told.message
    ]
    assert "\n" not in told.message
    assert "Exception" not in told.message


@pytest.mark.java
def test_all_of_them_pass_when_one_statement_of_each_is_taken_out(tmp_path: Path) -> None:
    made = planted(tmp_path, [*PLANTS.values(), FOR_PELLET], whole=False)
    assert [] == [str(finding) for finding in made.findings if finding.severity == "error"]
    assert made.snapshot is not None


@pytest.mark.java
def test_what_only_pellet_sees_is_told_in_the_statements_that_clash_and_no_others(tmp_path: Path) -> None:
    made = planted(tmp_path, [FOR_PELLET], whole=True)
    assert made.snapshot is None
    (told,) = [finding for finding in made.findings if finding.severity == "error"]
    assert ("inconsistent", "facts/planted.ttl") == (told.check, told.path)
    facts = lines_of(tmp_path / "facts" / "planted.ttl", FOR_PELLET.facts)
    axioms = lines_of(tmp_path / "ontology" / "schema" / "planted.ttl", FOR_PELLET.axioms[-2:])
    statements = re.findall(r"\(([\w/]+\.ttl):(\d+)\)", told.message)
    expected = {("facts/planted.ttl", str(line)) for line in facts} | {
        ("schema/planted.ttl", str(line)) for line in axioms
    }
    assert expected == {place for place in statements if place[0] != "schema/axioms.ttl"}
    # That a State is no person is an axiom of ours.
    assert 1 == len([place for place in statements if place[0] == "schema/axioms.ttl"])


@pytest.mark.java
def test_where_pellet_breaks_while_it_explains_the_statements_are_found_all_the_same(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    ask = consistency._pellet

    def breaking(command: str, path: Path, seconds: float, *arguments: str) -> str:
        if command == "explain":
            raise consistency._NoAnswerError(command)
        return ask(command, path, seconds, *arguments)

    monkeypatch.setattr(consistency, "_pellet", breaking)
    # What is no league is an actor, then, and so is a crime.
    axioms = "r2p:Rest a owl:Class ; owl:complementOf r2p:League ; rdfs:subClassOf r2p:Actor . "
    axioms += "r2p:Crime a owl:Class ; owl:disjointWith r2p:Actor , r2p:League ."
    source = sources.parse(
        PREFIXES
        + axioms
        + "id:theft a owl:NamedIndividual , r2p:Crime . r2p:League a owl:Class . r2p:Actor a owl:Class .",
        "schema/x.ttl",
    )
    assert isinstance(source, sources.Source)
    assert 5 == len(reasoning.verdict(source.triples, None).because)


#: Ten things that OWL would not mind and shapes do: the line that is planted, the shape, what it says.
STATED = "r2p:cites id:blue-report.para-1 ; r2p:modality modality:stated"
SHAPES = [
    (
        'id:planted.a a r2p:Finding ; r2p:says "A sentence without a citation."@en ; r2p:modality modality:stated .',
        "StatementShape",
        "at least one citation",
    ),
    (
        f"id:planted.b a r2p:Finding ; {STATED} ; r2p:about id:mediation .",
        "StatementShape",
        "needs exactly one sentence",
    ),
    (
        f'id:planted.c a r2p:Finding ; r2p:says "A sentence with two."@en , "The other of two."@en ; {STATED} .',
        "StatementShape",
        "needs exactly one sentence",
    ),
    (
        'id:planted.d a r2p:Finding ; r2p:says "Without modality."@en ; r2p:cites id:blue-report.para-1 .',
        "StatementShape",
        "needs exactly one modality",
    ),
    (
        f'id:planted.e a r2p:Finding ; r2p:says "With two modalities."@en ; {STATED} , modality:possible .',
        "StatementShape",
        "needs exactly one modality",
    ),
    (
        f'id:planted.f a r2p:CrimeClaim ; r2p:says "A claim of no crime at all."@en ; {STATED} .',
        "CrimeClaimShape",
        "",
    ),
    (
        f'id:planted.g a r2p:Statistic ; r2p:says "A number of nothing at all."@en ; {STATED} .',
        "StatisticShape",
        "",
    ),
    ("id:planted-topic a r2p:Topic .", "EntityShape", ""),
    ("id:blue-report.para-9 a r2p:Passage .", "PassageShape", ""),
    ('id:planted-pillar a r2p:Pillar ; rdfs:label "pillar four"@en .', "PillarShape", ""),
]


def test_ten_faults_of_presence_counting_and_uniqueness_are_findings_with_file_and_line(
    tmp_path: Path,
) -> None:
    shutil.copytree(HERE / "world", tmp_path / "facts")
    path = tmp_path / "facts" / "planted.ttl"
    path.write_text(PREFIXES + "\n".join(text for text, _, _ in SHAPES) + "\n")
    corpus = sources.read(build.ontology_folder(), tmp_path / "facts")
    told = [
        (finding.path, finding.line, finding.check, finding.message)
        for finding in checks.run(corpus, build.ontology_folder())
    ]
    silent = [
        text
        for text, shape, says in SHAPES
        for line in lines_of(path, (text,))
        if not any(
            (where, number, check.split()[0]) == ("facts/planted.ttl", line, shape) and says in message
            for where, number, check, message in told
        )
    ]
    assert [] == silent
    assert 10 == len(SHAPES)


def test_ten_kinds_of_contradiction_are_planted() -> None:
    assert len(PLANTS) >= 10


def test_of_contradictions_on_the_same_statements_or_more_one_is_told() -> None:
    source = sources.parse(
        PREFIXES
        + "id:x a r2p:A , r2p:B .\nr2p:A owl:disjointWith r2p:C .\nr2p:B rdfs:subClassOf r2p:C , r2p:D .\n",
        "facts/x.ttl",
    )
    assert isinstance(source, sources.Source)
    more = sources.parse(PREFIXES + "r2p:D rdfs:subClassOf r2p:C .\n", "schema/y.ttl")
    assert isinstance(more, sources.Source)
    corpus = sources.Corpus(
        Path(),
        (source, more),
        (),
        {"id": "https://w3id.org/r2p-kg/id/", "r2p": "https://w3id.org/r2p-kg/ns#"},
        (),
    )
    closed = reasoning.closure([*source.triples, *more.triples])
    (told,) = checks.clashes(closed, checks.Locations.in_corpus(corpus))
    assert (
        "id:x is both r2p:A and r2p:C, which are disjoint: id:x a r2p:A (facts/x.ttl:10)"
        == told.message.partition(";")[0]
    )
    assert "schema/y.ttl" not in told.message


def test_only_lines_that_are_needed_are_kept_and_blank_nodes_hold_together() -> None:
    lines = ["<u:a> <u:p> _:x .", "_:x <u:q> <u:b> .", "<u:a> <u:p> <u:c> .", "<u:d> <u:p> <u:a> ."]
    asked: list[int] = []

    def holds(some: object) -> bool:
        asked.append(len(list(some)))  # type: ignore[call-overload]
        return "_:x <u:q> <u:b> ." in some  # type: ignore[operator]

    assert {"<u:a> <u:p> _:x .", "_:x <u:q> <u:b> ."} == set(
        justification.minimal(lines, "u:a u:b u:c u:p u:q", holds)
    )
    assert max(asked) < len(lines)
    assert {"<u:a> <u:p> _:x .", "_:x <u:q> <u:b> ."} == set(
        justification.minimal(lines, "no name of ours", holds)
    )
    assert () == justification.minimal(lines[2:], "u:a u:p", holds)
