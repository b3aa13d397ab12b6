"""Every triple knows its file and line, and every syntax error its repair."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING
from urllib.parse import unquote

import pytest
from pyoxigraph import DefaultGraph, NamedNode, Quad, RdfFormat

from r2p_kg.curate import sources
from r2p_kg.curate.build import ontology_folder
from r2p_kg.curate.findings import Finding
from r2p_kg.errors import UsageError
from r2p_kg.graph import rdf

if TYPE_CHECKING:
    from pathlib import Path

PREFIXES = """@prefix sh: <http://www.w3.org/ns/shacl#> .
@prefix xsd: <http://www.w3.org/2001/XMLSchema#> .

<http://e/ns> sh:declare [ sh:prefix "e" ; sh:namespace "http://e/"^^xsd:anyURI ] .
<http://e/ns> sh:declare [ sh:prefix "sh" ; sh:namespace "http://www.w3.org/ns/shacl#"^^xsd:anyURI ] .
<http://e/ns> sh:declare [ sh:prefix "xsd" ; sh:namespace "http://www.w3.org/2001/XMLSchema#"^^xsd:anyURI ] .
"""
DECLARED = {"e": ("http://e/", 4), "xsd": ("http://www.w3.org/2001/XMLSchema#", 6)}
HEAD = "@prefix e: <http://e/> .\n"

TEXT = (
    HEAD
    + """# a comment with a "quote
e:x a e:C ;  # another
  e:p e:y , # e:z ,
     e:z ;
  e:q \"\"\"first # no comment
  second \\"\"\" . \"\"\" ,
   01 , -1.50, 1e3, true ,
   'b'@en-GB , [ e:r 2 ;
      e:s ( 3
      e:b ) ] ;;
  e:t "3"^^e:date .
e:y e:q 4.

[] e:q _:l .
_:l e:q e:\u00e9\\/x . e:y e:q 5 , 4 .
PREFIX f: <http://f/>
f:x e:q 6 .
"""
)


def folder(tmp_path: Path, **files: str) -> Path:
    """An ontology folder with a prefix file and the given ones, ``__`` standing for the slash in their names."""
    for name, text in {"prefixes": PREFIXES, **files}.items():
        path = tmp_path / (name.replace("__", "/") + ".ttl")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return tmp_path


def parsed(text: str | bytes, path: str = "facts/x.ttl") -> sources.Source:
    source = sources.parse(text, path, DECLARED)
    assert isinstance(source, sources.Source)
    return source


def refused(text: str | bytes) -> Finding:
    finding = sources.parse(text, "facts/x.ttl", DECLARED)
    assert isinstance(finding, Finding)
    assert ("error", "syntax", "facts/x.ttl") == (finding.severity, finding.check, finding.path)
    return finding


def test_every_triple_has_the_line_on_which_its_object_begins() -> None:
    source = parsed(TEXT)
    at = {str(triple.object): line for triple, line in source.lines.items()}
    integer = "^^<http://www.w3.org/2001/XMLSchema#integer>"
    assert 3 == at["<http://e/C>"]
    assert (4, 5) == (at["<http://e/y>"], at["<http://e/z>"])
    assert [6] == [line for value, line in at.items() if value.startswith('"first')]
    assert {8} == {
        at[f'"01"{integer}'],
        at['"-1.50"^^<http://www.w3.org/2001/XMLSchema#decimal>'],
        at['"1e3"^^<http://www.w3.org/2001/XMLSchema#double>'],
    }
    assert 9 == at['"b"@en-gb'] == at[f'"2"{integer}']
    assert 10 == at[f'"3"{integer}']
    assert 12 == at['"3"^^<http://e/date>']
    assert 16 == at["<http://e/\u00e9/x>"] == at[f'"5"{integer}']
    assert 18 == at[f'"6"{integer}']


def test_the_triples_are_those_of_a_strict_parser() -> None:
    expected = rdf.parse_text(TEXT, RdfFormat.TURTLE)
    source = parsed(TEXT)
    assert rdf.canonical(expected) == rdf.canonical(quad_of(source))
    assert len(set(expected)) == len(source.triples)


def quad_of(source: sources.Source) -> list[Quad]:
    return [
        Quad(triple.subject, triple.predicate, triple.object, DefaultGraph()) for triple in source.triples
    ]


def test_a_triple_written_twice_keeps_its_first_line() -> None:
    source = parsed(HEAD + "e:a e:p e:b .\ne:a e:p e:b .\n")
    assert [2] == list(source.lines.values())


@pytest.mark.parametrize("path", sources.find(ontology_folder()))
def test_our_own_files_are_read_as_a_strict_parser_reads_them(path: str) -> None:
    data = (ontology_folder() / path).read_bytes()
    source = parsed(data, path)
    assert rdf.canonical(rdf.parse_text(data, RdfFormat.TURTLE)) == rdf.canonical(quad_of(source))
    lines = data.decode().splitlines()
    for triple, line in source.lines.items():
        local = (
            getattr(triple.object, "value", "")
            .rstrip("/#")
            .replace("\\", "")
            .replace('"', "")
            .rpartition("/")[2]
            .rpartition("#")[2]
        )
        if isinstance(triple.object, NamedNode) and triple.object.value.startswith(
            "https://w3id.org/r2p-kg/"
        ):
            assert local in lines[line - 1].replace("\\", ""), (path, line, str(triple))


ERRORS = [
    (
        "e:a b:p e:c .",
        2,
        "The prefix b: has not been declared",
        "no prefix of that name is declared in prefixes.ttl",
    ),
    (
        "e:a xsd:p e:c .",
        2,
        "The prefix xsd: has not been declared",
        "add @prefix xsd: <http://www.w3.org/2001/XMLSchema#> . at the top",
    ),
    ("e:a xds:p e:c .", 2, "xds:", "(did you mean xsd:?)"),
    (
        "e:a e:p e:b # .\n\n# e:x\ne:c e:p e:d .",
        2,
        "noticed in line 5: A dot is expected",
        "end a statement with .",
    ),
    ("e:a e:p e:b\n  e:q e:d .", 2, "noticed in line 3: A dot is expected", "separate properties with ;"),
    ("e:a e:p e:b e:c .", 2, "A dot is expected", "objects with ,"),
    ("e:a e:p e:b .\n\u00a7 e:q 1 .", 3, "'\u00a7'", "take the sign away"),
    ("e:a e:p e:b .\re:c e:p 1 .", 2, "carriage return", "line ends of Unix or Windows"),
    ('e:a e:p "one ;\n  e:q "two" .', 2, "no closing quote on its line", 'close it with "'),
    ('e:a e:p """one\n  two .', 2, "no closing quote", '"""'),
    ("e:a e:p 'one ;\n e:q 1 .", 2, "no closing quote", "close it"),
    ("e:a e:p e:b", 2, "Unexpected end", "end the last statement with ."),
    ("e:a e:p e:b ; , e:c .", 2, "", "a property with its prefix"),
    ("e:a e:p e:b ,, e:c .", 2, "not a valid RDF object", "superfluous"),
    ("e:a e:p [ e:q 1 .", 2, "should end with a ']'", "close the square bracket"),
    ("e:a/b e:p 1 .", 2, "'/'", "a local name has no / in it"),
    ("<a> e:p 1 .", 2, "No scheme found", "relative IRIs"),
    ("<http://e/ a> e:p 1 .", 2, "Invalid IRI", "no blanks"),
    ('e:a e:p "x"@ .', 2, "language", "@en"),
    ('e:a e:p "\\q" .', 2, "escape", r"\\ for a backslash"),
    ("@prefix f <http://f/> .", 2, "PREFIX", "write @prefix name:"),
    ("e:a is e:b .", 2, "is is not a valid predicate", "rdfs:label"),
    ("a e:p e:b .", 2, "not a valid subject", "give the name a prefix"),
]


@pytest.mark.parametrize(("text", "line", "message", "repair"), ERRORS)
def test_a_syntax_error_says_where_what_and_what_to_do(
    text: str, line: int, message: str, repair: str
) -> None:
    finding = refused(HEAD + text)
    assert line == finding.line
    assert message in finding.message
    assert repair in finding.repair


def test_a_byte_order_mark_is_dropped_and_changes_no_line() -> None:
    text = HEAD + "e:a e:p 1 .\n"
    assert parsed(text) == parsed(b"\xef\xbb\xbf" + text.encode())
    assert refused(text + "oops").line == refused("\ufeff" + text + "oops").line


def test_another_encoding_is_named_with_its_line() -> None:
    finding = refused(HEAD.encode() + b'e:a e:p "caf\xe9" .')
    assert (2, "byte 0xe9 is not UTF-8", "save the file as UTF-8") == (
        finding.line,
        finding.message,
        finding.repair,
    )
    assert "is not UTF-8" in refused("e:a".encode("utf-16")).message


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("e:a e:p 1 .\n<<<<<<< HEAD\ne:a e:p 2 .\n=======\ne:a e:p 3 .\n>>>>>>> other\n", 3),
        ("e:a e:p 1 ;\n<<<<<<< HEAD\n  e:p 2 .\n=======\n  e:p 3 .\n>>>>>>> other\n", 3),
        ("e:a e:p 2 .\n=======\ne:a e:p 3 .\n", 3),
        ("e:a e:p 2 .\n|||||||\ne:a e:p 3 .\n", 3),
        ('e:a e:p """one\n<<<<<<< HEAD\ntwo\n>>>>>>> other""" .\n', 3),
    ],
)
def test_what_a_merge_left_behind_is_called_so_even_inside_a_text(text: str, line: int) -> None:
    finding = refused(HEAD + text)
    assert (line, "a merge left a conflict here") == (finding.line, finding.message)
    assert "<<<<<<<, ======= and >>>>>>>" in finding.repair


def test_a_line_of_equals_signs_may_stand_in_a_text() -> None:
    assert 1 == len(parsed(HEAD + 'e:a e:p """Head\n=======\nbody""" .').triples)


@pytest.mark.parametrize("name", ["Copy of x.ttl", 'a"<b>.ttl', "é%20.ttl", "a#b?c.TTL", "x{y}|^`.ttl"])
def test_a_file_of_any_printable_name_is_read_into_a_graph_of_its_own(tmp_path: Path, name: str) -> None:
    folder(tmp_path)
    (tmp_path / "facts").mkdir()
    (tmp_path / "facts" / name).write_text(HEAD + "e:a e:p e:b .")
    corpus = sources.read(tmp_path)
    assert () == corpus.findings
    (source,) = (source for source in corpus.sources if source.path == f"facts/{name}")
    graph = NamedNode(source.graph)  # raises ValueError for what is not an IRI
    assert f"facts/{name[:-4]}" == unquote(graph.value).partition("/graph/")[2]


def test_line_ends_of_windows_change_neither_triples_nor_lines() -> None:
    text = HEAD + 'e:a e:p """one\ntwo""" ;\n  e:q 1 .\n'
    assert parsed(text) == parsed(text.replace("\n", "\r\n"))
    assert refused(text + "oops").line == refused((text + "oops").replace("\n", "\r\n")).line


def test_all_files_with_errors_are_reported_at_once_and_the_rest_is_read(tmp_path: Path) -> None:
    corpus = sources.read(
        folder(tmp_path, facts__a=HEAD + "e:a e:p", facts__b=HEAD + "e:a e:p e:b .", shapes__c="nonsense")
    )
    assert ["facts/a.ttl", "shapes/c.ttl"] == [finding.path for finding in corpus.findings]
    assert ["facts/b.ttl", "prefixes.ttl"] == [source.path for source in corpus.sources]


def test_facts_schema_and_reference_data_have_their_graphs_and_asides_have_none(tmp_path: Path) -> None:
    text = HEAD + "e:a e:p e:b ."
    names = (
        "align__a",
        "attic",
        "examples__a",
        "facts__reference__r",
        "facts__situations__a",
        "r2p",
        "schema__a",
        "schemes__a",
        "shapes__a",
    )
    corpus = sources.read(folder(tmp_path, **dict.fromkeys(names, text)))
    graphs = {source.path: source.graph.rpartition("/graph/")[2] for source in corpus.sources}
    expected = {
        "attic.ttl": "schema",
        "facts/reference/r.ttl": "reference",
        "facts/situations/a.ttl": "facts/situations/a",
        "prefixes.ttl": "schema",
        "r2p.ttl": "schema",
        "schema/a.ttl": "schema",
        "schemes/a.ttl": "schema",
    }
    assert expected == graphs
    assert ["align/a.ttl", "examples/a.ttl", "shapes/a.ttl"] == [source.path for source in corpus.asides]


def test_blank_nodes_of_two_files_are_never_the_same() -> None:
    first, second = (parsed(HEAD + "[] e:p _:x .", path) for path in ("facts/a.ttl", "facts/b.ttl"))
    assert not set(first.triples) & set(second.triples)
    assert first == parsed(HEAD + "[] e:p _:x .", "facts/a.ttl")


def test_a_prefix_that_differs_from_the_prefix_file_is_a_finding_with_its_line(tmp_path: Path) -> None:
    text = "# one\n@prefix e: <http://other/> .\nPREFIX zz: <http://zz/>\n@prefix xsd: <http://www.w3.org/2001/XMLSchema#> .\ne:a e:p zz:b ."
    first, second = sources.read(folder(tmp_path, facts__a=text)).findings
    assert (2, "write @prefix e: <http://e/> .") == (first.line, first.repair)
    assert "stands for <http://other/> here and for <http://e/> in prefixes.ttl:4" in first.message
    assert (3, "prefix zz: is not declared in prefixes.ttl") == (second.line, second.message)


def test_a_prefix_is_not_looked_for_inside_a_text(tmp_path: Path) -> None:
    text = HEAD + 'e:a e:p """\n  @prefix zz: <http://zz/> .\n""" .'
    assert () == sources.read(folder(tmp_path, facts__a=text)).findings


def test_other_facts_may_stand_for_the_folders_own(tmp_path: Path) -> None:
    ontology = folder(tmp_path / "o", facts__a=HEAD + "e:a e:p e:b .", schema__a=HEAD + "e:s e:p e:b .")
    (tmp_path / "world").mkdir()
    (tmp_path / "world" / "w.ttl").write_text(HEAD + "e:w e:p e:b .")
    corpus = sources.read(ontology, tmp_path / "world")
    assert ["facts/w.ttl", "prefixes.ttl", "schema/a.ttl"] == [source.path for source in corpus.sources]
    assert corpus.overlaid
    assert not sources.read(ontology).overlaid


def test_a_folder_that_is_missing_or_no_ontology_is_told_in_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no such folder"):
        sources.read(tmp_path / "none")
    with pytest.raises(UsageError, match=r"no prefixes\.ttl in it"):
        sources.read(tmp_path)


def test_a_broken_prefix_file_is_the_only_finding(tmp_path: Path) -> None:
    (finding,) = sources.read(
        folder(tmp_path, prefixes=PREFIXES + "oops", facts__a=HEAD + "e:a e:p e:b .")
    ).findings
    assert ("prefixes.ttl", 7) == (finding.path, finding.line)


def test_lines_hold_under_random_layout() -> None:
    # Each token on a random line: the object's line is known because we put it there.
    luck = random.Random(7)
    text, line, expected = HEAD, 2, {}
    for number in range(200):
        for token in (f"e:s{number}", f"e:p{number}"):
            breaks = luck.randrange(3)
            text += token + " " + "# x\n" * breaks
            line += breaks
        expected[f"<http://e/o{number}>"] = line
        breaks = luck.randrange(3)
        text += f"e:o{number} " + "\n" * breaks + ". "
        line += breaks
    assert expected == {str(triple.object): at for triple, at in parsed(text).lines.items()}
