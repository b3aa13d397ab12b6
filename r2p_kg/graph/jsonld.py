"""JSON-LD for people who read it: one list of nodes under a context of the snapshot's prefixes.

The engine's serialiser writes expanded JSON-LD; here IRIs become ``prefix:name`` and single values lose their
brackets, which JSON-LD 1.1 (https://www.w3.org/TR/json-ld11/, sections 4.1.5 and 4.3) reads back as the same
triples. No context is remote.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

from r2p_kg.graph import rdf, vocab
from r2p_kg.graph.prefixes import Prefixes

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

MEDIA_TYPE: Final = "application/ld+json"

#: A namespace can be shortened to a prefix only if it ends so (JSON-LD 1.1, section 4.1.5).
_ENDS = (":", "/", "?", "#", "[", "]", "@")


def write(quads: Iterable[Any], prefixes: Mapping[str, str]) -> bytes:
    """The triples of the quads, whatever their graph, as a document with ``@context`` and ``@graph``."""
    usable = Prefixes({name: space for name, space in prefixes.items() if name and space.endswith(_ENDS)})
    nodes: dict[str, dict[str, Any]] = {}
    for item in json.loads(rdf.write(quads, MEDIA_TYPE)):
        for node in item.get("@graph", [item]):
            merged = nodes.setdefault(node["@id"], {"@id": _short(node["@id"], usable)})
            for key, values in node.items():
                if key != "@id":
                    merged.setdefault(_key(key, usable), []).extend(
                        _value(value, key, usable) for value in values
                    )
    content = [{key: _single(value) for key, value in node.items()} for node in nodes.values()]
    used = {prefix: space for prefix, space in sorted(usable.items()) if f'"{prefix}:' in json.dumps(content)}
    return (json.dumps({"@context": used, "@graph": content}, ensure_ascii=False, indent=1) + "\n").encode()


def _key(key: str, prefixes: Prefixes) -> str:
    return "@type" if key in {"@type", vocab.RDF_TYPE} else _short(key, prefixes)


def _value(value: Any, key: str, prefixes: Prefixes) -> Any:
    """A value object, a reference, or under ``@type`` the bare IRI."""
    if isinstance(value, str):
        return _short(value, prefixes)
    if _key(key, prefixes) == "@type":
        return _short(value["@id"], prefixes)
    if value.keys() == {"@value"}:
        return value["@value"]
    return {
        name: _short(text, prefixes) if name in {"@id", "@type"} else text for name, text in value.items()
    }


def _single(values: Any) -> Any:
    """Equal values once; a single one without its list."""
    if not isinstance(values, list):
        return values
    kept = list({json.dumps(value, sort_keys=True): value for value in values}.values())
    return kept[0] if len(kept) == 1 else kept


def _short(iri: str, prefixes: Prefixes) -> str:
    """``prefix:name`` if that reads back as the same IRI, else the IRI. Nothing is escaped in JSON-LD."""
    prefix, rest = prefixes.split(iri) or ("", "")
    return f"{prefix}:{rest}" if rest and not rest.startswith("//") else iri
