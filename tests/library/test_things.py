"""A value that names a thing must name one of the data, of the class of its parameter."""

from __future__ import annotations

import pytest

from r2p_kg import library
from r2p_kg.errors import LibraryError
from r2p_kg.graph import vocab

QUERY = library.read(
    """\
#+ title: t
#+ question: q
#+ params:
#+   situation: {type: class-instance, of: r2p:Situation, label: Situation, default: id:unknown-default}
#+   thing: {type: iri, label: Thing, default: r2p:Tool}
#+   text: {type: string, label: Text, default: x}
#+ returns: [{s: it}]
#+ expect: rows
PREFIX r2p: <https://w3id.org/r2p-kg/ns#>
PREFIX id: <https://w3id.org/r2p-kg/id/>
SELECT ?s WHERE { ?s ?p $situation , $thing , $text }
""",
    "queries/t/one.rq",
)
PREFIXES = {"wp08": "https://w3id.org/r2p-kg/id/wilton-park-2008/"}


class Data:
    """Two situations, a tool, a passage and the class of situations."""

    classes = {  # noqa: RUF012 - never changed
        f"{vocab.ID}libya-2011": {f"{vocab.NS}Situation"},
        f"{vocab.ID}libya-2015": {f"{vocab.NS}Situation"},
        f"{vocab.ID}lybia": {f"{vocab.NS}Tool"},
        f"{vocab.ID}wilton-park-2008/para-36": {f"{vocab.NS}Passage"},
        f"{vocab.NS}Situation": set(),
    }

    def knows(self, iri: str) -> bool:
        """True for the five."""
        return iri in self.classes

    def subjects(self) -> tuple[str, ...]:
        """The five."""
        return tuple(self.classes)

    def types(self, iri: str) -> frozenset[str]:
        """The class of each."""
        return frozenset(self.classes[iri])


@pytest.mark.parametrize(
    "values",
    [
        {"situation": "libya-2011", "thing": "lybia"},
        {"situation": "<https://w3id.org/r2p-kg/id/libya-2015>", "thing": "r2p:Situation"},
        {"thing": "wp08:para-36", "text": "no thing at all"},
        {"situation": "", "thing": ""},
        {},
    ],
)
def test_things_of_the_data_and_defaults_are_taken(values: dict[str, str]) -> None:
    assert library.bind(QUERY, values, PREFIXES) == library.bind(QUERY, values, PREFIXES, Data())


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (
            {"situation": "lybia-2011"},
            "parameter situation: there is no lybia-2011 in the data; did you mean libya-2011",
        ),
        ({"thing": "r2p:situation"}, "there is no r2p:situation in the data; did you mean r2p:Situation?"),
        ({"thing": "wp08:para-63"}, "did you mean wp08:para-36?"),
        ({"thing": "libia"}, "did you mean lybia?"),
        ({"thing": "http://example.org/x"}, "no <http://example.org/x> in the data; check its spelling"),
        ({"thing": "q" * 200}, f"there is no {'q' * 79}\u2026 in the data; check its spelling"),
        (
            {"situation": "lybia"},
            "parameter situation: lybia is not in the class r2p:Situation; give it a thing that is",
        ),
    ],
)
def test_another_thing_is_refused_with_the_nearest_names(values: dict[str, str], message: str) -> None:
    with pytest.raises(LibraryError) as caught:
        library.bind(QUERY, values, PREFIXES, Data())
    assert message in str(caught.value)


def test_only_things_of_the_parameters_class_are_suggested() -> None:
    with pytest.raises(LibraryError) as caught:
        library.bind(QUERY, {"situation": "libia"}, PREFIXES, Data())
    assert "lybia" not in str(caught.value)
