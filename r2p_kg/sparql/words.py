"""The words of SPARQL: forms, keywords, and each function with the least and the most of its arguments."""

from __future__ import annotations

from typing import Final

FORMS: Final = ("SELECT", "ASK", "CONSTRUCT", "DESCRIBE")

#: What may begin an element of a group that is no triple.
ELEMENTS: Final = ("OPTIONAL", "MINUS", "LATERAL", "GRAPH", "SERVICE", "FILTER", "BIND", "VALUES")

#: What may follow the pattern, in this order (LIMIT and OFFSET in either).
MODIFIERS: Final = ("GROUP", "HAVING", "ORDER", "LIMIT", "OFFSET", "VALUES")

_MANY: Final = 1_000_000

#: SPARQL 1.1 (https://www.w3.org/TR/sparql11-query/#SparqlOps), what 1.2 adds, and ADJUST, which is the
#: engine's.
FUNCTIONS: Final = (
    dict.fromkeys(("BNODE",), (0, 1))
    | dict.fromkeys(("NOW", "RAND", "UUID", "STRUUID"), (0, 0))
    | dict.fromkeys(
        (
            "STR",
            "LANG",
            "LANGDIR",
            "DATATYPE",
            "BOUND",
            "IRI",
            "URI",
            "ABS",
            "CEIL",
            "FLOOR",
            "ROUND",
            "STRLEN",
            "UCASE",
            "LCASE",
        ),
        (1, 1),
    )
    | dict.fromkeys(
        ("ENCODE_FOR_URI", "YEAR", "MONTH", "DAY", "HOURS", "MINUTES", "SECONDS", "TIMEZONE", "TZ"), (1, 1)
    )
    | dict.fromkeys(
        ("MD5", "SHA1", "SHA256", "SHA384", "SHA512", "ISIRI", "ISURI", "ISBLANK", "ISLITERAL", "ISNUMERIC"),
        (1, 1),
    )
    | dict.fromkeys(("HASLANG", "HASLANGDIR", "ISTRIPLE", "SUBJECT", "PREDICATE", "OBJECT"), (1, 1))
    | dict.fromkeys(
        (
            "LANGMATCHES",
            "CONTAINS",
            "STRSTARTS",
            "STRENDS",
            "STRBEFORE",
            "STRAFTER",
            "STRLANG",
            "STRDT",
            "SAMETERM",
            "ADJUST",
        ),
        (2, 2),
    )
    | dict.fromkeys(("STRLANGDIR", "IF", "TRIPLE"), (3, 3))
    | dict.fromkeys(("SUBSTR", "REGEX"), (2, 3))
    | {"REPLACE": (3, 4), "CONCAT": (0, _MANY), "COALESCE": (0, _MANY)}
)
AGGREGATES: Final = frozenset({"COUNT", "SUM", "MIN", "MAX", "AVG", "SAMPLE", "GROUP_CONCAT"})

#: Prefixes that people declare in the same way everywhere.
COMMON_PREFIXES: Final = {
    "rdf": "http://www.w3.org/1999/02/22-rdf-syntax-ns#",
    "rdfs": "http://www.w3.org/2000/01/rdf-schema#",
    "owl": "http://www.w3.org/2002/07/owl#",
    "xsd": "http://www.w3.org/2001/XMLSchema#",
    "skos": "http://www.w3.org/2004/02/skos/core#",
    "dcterms": "http://purl.org/dc/terms/",
    "foaf": "http://xmlns.com/foaf/0.1/",
    "prov": "http://www.w3.org/ns/prov#",
    "sh": "http://www.w3.org/ns/shacl#",
}
