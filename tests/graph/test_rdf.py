"""Reading, canonicalising and writing lose nothing and say where an error stands."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyoxigraph import BlankNode, DefaultGraph, Literal, NamedNode, Quad, RdfFormat

from r2p_kg.errors import UsageError
from r2p_kg.graph import rdf

if TYPE_CHECKING:
    from pathlib import Path

A, P, G = NamedNode("http://e/a"), NamedNode("http://e/p"), NamedNode("http://e/g")
SAME = {
    "x.ttl": '<http://e/a> <http://e/p> "b"@en .',
    "x.nt": '<http://e/a> <http://e/p> "b"@en .',
    "x.nq": '<http://e/a> <http://e/p> "b"@en .',
    "x.trig": '<http://e/a> <http://e/p> "b"@en .',
    "x.rdf": '<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#" xmlns:e="http://e/"><rdf:Description rdf:about="http://e/a">'
    '<e:p xml:lang="en">b</e:p></rdf:Description></rdf:RDF>',
}


@pytest.mark.parametrize("name", SAME)
def test_a_file_is_read_in_the_format_of_its_suffix(name: str, tmp_path: Path) -> None:
    (tmp_path / name).write_text(SAME[name])
    assert b'<http://e/a> <http://e/p> "b"@en .\n' == rdf.read_files([tmp_path / name])


def test_named_graphs_stay_named_and_triples_go_to_the_default_graph(tmp_path: Path) -> None:
    (tmp_path / "a.trig").write_text("<http://e/g> { <http://e/a> <http://e/p> <http://e/b> }")
    (tmp_path / "b.ttl").write_text("<http://e/a> <http://e/p> <http://e/c> .")
    expected = (
        b"<http://e/a> <http://e/p> <http://e/b> <http://e/g> .\n<http://e/a> <http://e/p> <http://e/c> .\n"
    )
    assert expected == rdf.read_files([tmp_path / "b.ttl", tmp_path / "a.trig"])


def test_blank_nodes_of_two_files_are_never_the_same(tmp_path: Path) -> None:
    for name in ("a.nt", "b.nt"):
        (tmp_path / name).write_text(f'_:x <http://e/{name[0]}> "1" .')
    first, second = rdf.read_files([tmp_path / "a.nt", tmp_path / "b.nt"]).splitlines()
    assert first.split()[0] != second.split()[0]


def test_a_relative_iri_is_resolved_against_the_file(tmp_path: Path) -> None:
    (tmp_path / "a.ttl").write_text("<#x> <http://e/p> 1 .")
    assert f"<{(tmp_path / 'a.ttl').as_uri()}#x>".encode() in rdf.read_files([tmp_path / "a.ttl"])


def test_a_syntax_error_names_file_line_and_column(tmp_path: Path) -> None:
    (tmp_path / "bad.ttl").write_text("<http://e/a> <http://e/p> 1 .\n<http://e/a> nonsense 2 .\n")
    with pytest.raises(
        rdf.RdfSyntaxError, match=r"bad\.ttl:2:14: nonsense is not a valid predicate"
    ) as caught:
        rdf.read_file(tmp_path / "bad.ttl")
    assert (2, 14, 2) == (caught.value.line, caught.value.column, caught.value.exit_code)


def test_a_missing_file_a_folder_and_an_unknown_suffix_are_told_in_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "folder.ttl").mkdir()
    for name, words in (
        ("none.ttl", "cannot be read"),
        ("folder.ttl", "cannot be read"),
        ("x.docx", "unknown suffix '.docx'"),
    ):
        with pytest.raises(UsageError, match=words):
            rdf.read_file(tmp_path / name)


@pytest.mark.parametrize("name", SAME)
def test_a_byte_order_mark_is_dropped_in_every_format(name: str, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(b"\xef\xbb\xbf" + SAME[name].encode())
    assert b'<http://e/a> <http://e/p> "b"@en .\n' == rdf.read_files([tmp_path / name])
    form = rdf.SUFFIXES[(tmp_path / name).suffix]
    assert 1 == len(rdf.parse_text("\ufeff" + SAME[name], form))


@pytest.mark.parametrize(
    ("name", "content", "repair"),
    [
        (
            "x.owl",
            b"# ours\n@prefix e: <http://e/> .\ne:a e:b e:c .",
            "looks like Turtle: end its name in .ttl",
        ),
        ("x.ttl", b'<?xml version="1.0"?><rdf:RDF/>', "looks like RDF/XML: end its name in .rdf"),
        ("x.rdf", b'{"@id": "http://e/a"}', "looks like JSON-LD: end its name in .jsonld"),
        (
            "x.ttl",
            b"<http://e/g> {\n <http://e/a> <http://e/b> 1 }",
            "looks like TriG: end its name in .trig",
        ),
        ("x.nt", b'<u:a> <u:b> "c" <u:g> .\n', "looks like N-Quads: end its name in .nq"),
        ("x.jsonld", b'<u:a> <u:b> "c" .\n', "looks like N-Triples: end its name in .nt"),
        ("x.ttl", b"<!DOCTYPE html><html></html>", "looks like a page of HTML: fetch the data"),
        ("x.ttl", b"\x1f\x8b\x08\x00", "looks like an archive: unpack it first"),
        ("x.ttl", "e:a".encode("utf-16"), "looks like UTF-16: save it as UTF-8"),
        ("x.ttl", b"<<<<<<< HEAD\n<u:a> <u:b> 1 .\n", "a merge left a conflict in the file"),
        ("x.ttl", b"@prefix e: <http://e/> .\nnonsense", "mend the file and try again"),
        ("x.ttl", b"nonsense", "mend the file and try again"),
    ],
)
def test_a_file_in_another_format_is_told_what_it_looks_like(
    name: str, content: bytes, repair: str, tmp_path: Path
) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(rdf.RdfSyntaxError) as caught:
        rdf.read_file(tmp_path / name)
    assert repair in str(caught.value).partition("; ")[2]


def test_bytes_that_are_not_utf8_are_a_syntax_error() -> None:
    with pytest.raises(rdf.RdfSyntaxError, match="UTF-8"):
        rdf.parse_text(b'<http://e/a> <http://e/p> "\xff" .', RdfFormat.TURTLE)


def test_canonical_text_does_not_depend_on_order_labels_or_repetition() -> None:
    one = '_:x <http://e/p> _:y . _:y <http://e/q> "1" . <http://e/a> <http://e/p> _:x .'
    two = (
        '<http://e/a> <http://e/p> _:m . _:k <http://e/q> "1" . _:m <http://e/p> _:k . _:m <http://e/p> _:k .'
    )
    texts = [rdf.canonical(rdf.parse_text(text, RdfFormat.TURTLE)) for text in (one, two)]
    assert texts[0] == texts[1]
    assert sorted(texts[0].splitlines()) == texts[0].splitlines()
    assert b"_:c14n0" in texts[0]


def test_canonical_text_keeps_lexical_forms_and_lower_cases_language_tags() -> None:
    quads = [
        Quad(
            A,
            P,
            Literal("01", datatype=NamedNode("http://www.w3.org/2001/XMLSchema#integer")),
            DefaultGraph(),
        ),
        Quad(A, P, Literal("x", language="en-GB"), G),
    ]
    assert (
        b'<http://e/a> <http://e/p> "01"^^<http://www.w3.org/2001/XMLSchema#integer> .\n<http://e/a> <http://e/p> "x"@en-gb <http://e/g> .\n'
        == rdf.canonical(quads)
    )


LITERALS = st.text(st.characters(exclude_categories=["Cs"])).map(Literal)
NODES = st.integers(0, 4).map(lambda n: NamedNode(f"http://e/{n}"))
QUADS = st.builds(
    Quad, NODES | st.integers(0, 2).map(lambda n: BlankNode(f"b{n}")), NODES, NODES | LITERALS, NODES
)


@given(st.lists(QUADS, max_size=12))
def test_whatever_is_written_canonically_reads_back_the_same(quads: list[Quad]) -> None:
    text = rdf.canonical(quads)
    assert text == rdf.canonical(rdf.quads_of(text))
    assert text == rdf.canonical(reversed(quads))


@pytest.mark.parametrize("media_type", ["application/trig", "application/n-quads", "application/ld+json"])
def test_formats_with_graphs_write_what_reads_back_the_same(media_type: str) -> None:
    quads = [
        Quad(A, P, Literal('"\n\\'), G),
        Quad(A, NamedNode("http://www.w3.org/1999/02/22-rdf-syntax-ns#type"), G, DefaultGraph()),
    ]
    form = RdfFormat.from_media_type(media_type)
    assert form is not None
    assert rdf.canonical(quads) == rdf.canonical(
        rdf.parse_text(rdf.write(quads, media_type, {"e": "http://e/"}), form)
    )


@pytest.mark.parametrize("media_type", ["text/turtle", "application/n-triples", "application/rdf+xml"])
def test_formats_without_graphs_write_each_triple_once(media_type: str) -> None:
    quads = [Quad(A, P, Literal("x"), G), Quad(A, P, Literal("x"), DefaultGraph())]
    form = RdfFormat.from_media_type(media_type)
    assert form is not None
    assert [Quad(A, P, Literal("x"), DefaultGraph())] == rdf.parse_text(rdf.write(quads, media_type), form)


def test_turtle_puts_types_first_and_declares_only_prefixes_in_use() -> None:
    text = "<http://e/b> <http://e/p> 1 . <http://e/a> <http://a/p> 2 ; a <http://e/C> ."
    written = rdf.write(
        rdf.parse_text(text, RdfFormat.TURTLE), "text/turtle", {"e": "http://e/", "z": "http://z/"}
    ).decode()
    assert "@prefix e: <http://e/> .\ne:a a e:C ;\n\t<http://a/p> 2 .\ne:b e:p 1 .\n" == written


def test_an_unknown_media_type_is_the_callers_mistake() -> None:
    with pytest.raises(ValueError, match="text/plain; charset"):
        rdf.write([], "text/plain; charset=x")
