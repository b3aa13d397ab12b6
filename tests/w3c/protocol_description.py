"""What SPARQL 1.1 Service Description says of its vocabulary, as tables, and what of a description does not agree with it.

https://www.w3.org/TR/sparql11-service-description/, section 3: classes, properties with what they stand
between, named individuals.
"""

from __future__ import annotations

from typing import Any, Final

from r2p_kg.graph import vocab

_FORMATS: Final = "http://www.w3.org/ns/formats/"

CLASSES: Final = frozenset(
    {
        "Service",
        "Language",
        "Function",
        "Aggregate",
        "EntailmentRegime",
        "EntailmentProfile",
        "GraphCollection",
        "Dataset",
        "Graph",
        "NamedGraph",
        "Feature",
    }
)
INDIVIDUALS: Final = {
    **dict.fromkeys(("SPARQL10Query", "SPARQL11Query", "SPARQL11Update"), "Language"),
    **dict.fromkeys(
        ("DereferencesURIs", "UnionDefaultGraph", "RequiresDataset", "EmptyGraphs", "BasicFederatedQuery"),
        "Feature",
    ),
}
#: Property → the class of its subject, the class of its object ("" for any IRI, "Format" for those of the
#: formats' namespace).
PROPERTIES: Final = {
    "endpoint": ("Service", ""),
    "feature": ("Service", "Feature"),
    "defaultEntailmentRegime": ("Service", "EntailmentRegime"),
    "entailmentRegime": ("NamedGraph", "EntailmentRegime"),
    "defaultSupportedEntailmentProfile": ("Service", "EntailmentProfile"),
    "supportedEntailmentProfile": ("NamedGraph", "EntailmentProfile"),
    "extensionFunction": ("Service", "Function"),
    "extensionAggregate": ("Service", "Aggregate"),
    "languageExtension": ("Service", "Feature"),
    "supportedLanguage": ("Service", "Language"),
    "propertyFeature": ("Service", "Feature"),
    "defaultDataset": ("Service", "Dataset"),
    "availableGraphs": ("Service", "GraphCollection"),
    "resultFormat": ("Service", "Format"),
    "inputFormat": ("Service", "Format"),
    "defaultGraph": ("Dataset", "Graph"),
    "namedGraph": ("GraphCollection", "NamedGraph"),
    "name": ("NamedGraph", ""),
    "graph": ("NamedGraph", "Graph"),
}
_ABOVE: Final = {"Dataset": "GraphCollection"}

#: (class, property, least, most): how many values each thing of the class has.
_NUMBERS: Final = (
    ("Service", "endpoint", 1, 1),
    ("Service", "defaultDataset", 0, 1),
    ("Service", "availableGraphs", 0, 1),
    ("Service", "defaultEntailmentRegime", 0, 1),
    ("Dataset", "defaultGraph", 1, 1),
    ("NamedGraph", "name", 1, 1),
    ("NamedGraph", "graph", 0, 1),
)


def disagreements(quads: list[Any]) -> list[str]:
    """Each statement of a description that does not agree with the vocabulary, in words."""
    types: dict[Any, set[str]] = {}
    for quad in quads:
        if quad.predicate.value == vocab.RDF_TYPE and quad.object.value.startswith(vocab.SD):
            name = quad.object.value.removeprefix(vocab.SD)
            types.setdefault(quad.subject, set()).update({name, _ABOVE.get(name, name)})
    found = [f"there is no class sd:{name}" for names in types.values() for name in sorted(names - CLASSES)]
    if not any("Service" in names for names in types.values()):
        found.append("nothing is a sd:Service")
    for quad in quads:
        if quad.predicate.value.startswith(vocab.SD):
            found += _misplaced(quad, types)
    for kind, name, least, most in _NUMBERS:
        for subject in (thing for thing, names in types.items() if kind in names):
            number = sum(
                quad.subject == subject and quad.predicate.value == vocab.SD + name for quad in quads
            )
            if not least <= number <= most:
                found.append(f"{subject} has {number} values of sd:{name}, must have {least} to {most}")
    return found


def _misplaced(quad: Any, types: dict[Any, set[str]]) -> list[str]:
    name = quad.predicate.value.removeprefix(vocab.SD)
    if name not in PROPERTIES:
        return [f"there is no property sd:{name}"]
    before, after = PROPERTIES[name]
    found = (
        []
        if before in types.get(quad.subject, ())
        else [f"{quad.subject} has sd:{name} and is no sd:{before}"]
    )
    if not _fits(quad.object, after, types):
        found.append(f"{quad.object} is the value of sd:{name} and is no {after or 'IRI'}")
    return found


def _fits(thing: Any, kind: str, types: dict[Any, set[str]]) -> bool:
    if type(thing).__name__ == "Literal":
        return False
    if not kind:
        return type(thing).__name__ == "NamedNode"
    if kind == "Format":
        return str(thing.value).startswith(_FORMATS)
    return kind in types.get(thing, ()) or INDIVIDUALS.get(str(thing.value).removeprefix(vocab.SD)) == kind
